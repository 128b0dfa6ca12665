"""How fast `Definition.clean` is, compared with a run over the same records, per second of processor time.

    python3 benches/clean.py [--records 400000] [--runs 5]

Needs the package, made with optimisation. Prints the median of the ratio, for lines and for columns.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import segprep

DEFINITION = """\
segprep = 1
name    = "bench"
purpose = "messaging"
input   = { from = ["in/"] }

[fields]
"*"                     = "keep"
"User.UserId"           = { op = "hmac", join = "user" }
"User.UserAttributes.*" = { op = "mask", keep_first = 1 }

[keys]
current = "k1"
k1      = "demo:"

[account]
to = "out/account/"

[[output]]
to     = "out/import/"
format = "pinpoint-json"
"""
ROWS = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=400_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="segprep-bench-") as folder:
        os.chdir(folder)
        measure(arguments.records, arguments.runs)


def measure(records: int, runs: int) -> None:
    Path("bench.toml").write_text(DEFINITION)
    Path("in").mkdir()
    command = [sys.executable, "-m", "segprep._command", "generate", "--records", str(records), "--seed", "1"]
    made = subprocess.run([*command, "--shape", "export"], capture_output=True, text=True, check=True).stdout
    Path("in/records.ndjson").write_text(made)
    lines = made.splitlines()
    texts = [pa.record_batch({"line": lines[at : at + ROWS]}) for at in range(0, len(lines), ROWS)]
    parquet = {"output.0.format": "parquet"}
    segprep.run("bench.toml", set=parquet | {"fields": {"*": "keep"}})
    columns = [batch for part in sorted(Path("out/import").glob("*.parquet")) for batch in pq.read_table(part).to_batches(ROWS)]
    for name, batches, settings in [("lines", texts, {}), ("columns", columns, parquet)]:
        definition = segprep.Definition("bench.toml", set=settings | {"run.threads": 1})
        ratios = []
        for _ in range(runs):
            of_run = seconds(lambda settings=settings: run(settings))
            of_clean = seconds(lambda batches=batches, definition=definition: [definition.clean(batch) for batch in batches])
            ratios.append(of_run / of_clean)
        print(f"{name}: {len(made) / 1e6:.0f} MB, pace of clean / pace of run {statistics.median(ratios):.2f}", flush=True)


def run(settings: dict[str, str]) -> None:
    shutil.rmtree("out", ignore_errors=True)
    segprep.run("bench.toml", set=settings, threads=1)


def seconds(work: Callable[[], object]) -> float:
    """The processor time of this process, all its threads together."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
