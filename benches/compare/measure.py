"""Measures the wall time, the processor time and the peak memory of a process. Only works on Linux.

- Wall time is from before the start to the end of the process.
- Processor time is the user and system time that the kernel reports when a process is waited for,
  including that of child processes it has waited for itself.
- Peak memory is `VmHWM`, the maximum resident size, including mapped files. It is read every few
  milliseconds while the process runs, so only growth at its very end is missed.
"""

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

SAMPLE_EVERY = 0.005


@dataclass(frozen=True)
class Cost:
    wall: float  # seconds
    cpu: float  # seconds
    peak: int  # bytes


class ProcessError(Exception):
    """The exit code of a process was not 0."""


def measure(command, log, **options):
    """Runs a command to its end. What it prints goes to the file `log`, unless `options`, which
    are those of Popen, say otherwise.
    """
    with log.open("wb") as messages:
        options = {"stdout": messages, "stderr": messages} | options
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
        sampler = Sampler(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = sampler.finish()
    if process.returncode != 0:
        last = log.read_text(errors="replace")[-2000:]
        raise ProcessError(f"{command[0]} ended with {process.returncode}\n{last}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, peak)


class Sampler(threading.Thread):
    """Reads the peak memory of a process until it has ended."""

    def __init__(self, process):
        super().__init__()
        self.status = Path(f"/proc/{process}/status")
        self.ended = threading.Event()
        self.peak = 0
        self.start()

    def run(self):
        while not self.ended.wait(SAMPLE_EVERY):
            self.peak = max(self.peak, self.read())

    def read(self):
        """The peak memory; 0 once the process has none."""
        try:
            lines = self.status.read_text().splitlines()
        except OSError:
            return 0
        peaks = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
        return int(peaks[0]) * 1024 if peaks else 0

    def finish(self):
        self.ended.set()
        self.join()
        return self.peak
