#!/usr/bin/env python3
"""What it costs to divide a run: among shards, and among the executors of Spark.

    python3 benches/machines.py shards   --segprep target/release/segprep   two shards at once, and one run with two threads
    python3 benches/machines.py planning --segprep target/release/segprep   a plan of a million files
    python3 benches/machines.py spark                                       Spark beside a run; in an environment with the
                                                                            package, made with optimisation, and pyspark

Runs take turns; the figures are medians of wall time, and the largest memory of any process. Everything is in memory (`--work`).
Needs Linux, and for Spark Java 17.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

DEFINITION = """\
segprep = 1
name    = "machines"
purpose = "messaging"
input   = { from = ["input/"] }

[fields]
"*"           = "keep"
"User.UserId" = { op = "hmac", join = "user" }

[keys]
current = "k1"
k1      = "env:SEGPREP_KEY"

[account]
to = "account/"

[[output]]
to     = "import/"
format = "pinpoint-json"
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["shards", "planning", "spark"])
    parser.add_argument("--segprep", type=Path)
    parser.add_argument("--work", type=Path, default=Path("/dev/shm/segprep-machines"))
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    options.segprep = options.segprep and options.segprep.resolve()
    shutil.rmtree(options.work, ignore_errors=True)
    (options.work / "input").mkdir(parents=True)
    os.chdir(options.work)
    os.environ["SEGPREP_KEY"] = "hex:" + "c0ffee5e" * 8
    Path("machines.toml").write_text(DEFINITION)
    try:
        {"shards": shards, "planning": planning, "spark": spark}[options.what](options)
    finally:
        shutil.rmtree(options.work, ignore_errors=True)


def shards(options):
    generate([options.segprep], options.records)
    one, two, gathered = [], [], []
    for _ in range(options.runs):
        clear()
        one.append(timed([run(options, "--threads", "2")]))
        expected = parts()
        clear()
        each = [run(options, "--threads", "1", "--shard", f"{number}/2") for number in range(2)]
        two.append(timed(each))
        gathered.append(timed([[options.segprep, "gather", "machines.toml", "--count", "2", "--quiet"]]))
        assert parts() == expected, "the shards have other records"
    times = [statistics.median(seconds for seconds, _ in runs) for runs in (one, two, gathered)]
    ratio = statistics.median(whole / half for (whole, _), (half, _) in zip(one, two, strict=True))
    print(f"one run with two threads: {times[0]:.2f} s; two shards with one each: {times[1]:.2f} s; gather: {times[2]:.2f} s")
    print(f"pace of the shards, of that of the run: {ratio:.2f}")


def planning(options):
    for number in range(options.files):
        folder = Path("input", f"{number // 1000:04}")
        if number % 1000 == 0:
            folder.mkdir()
        (folder / f"{number % 1000:04}.ndjson").touch()
        os.truncate(folder / f"{number % 1000:04}.ndjson", 1000)
    runs = []
    for _ in range(options.runs):
        runs.append(timed([[options.segprep, "shards", "machines.toml", "--count", "100"]], stdout="plan.ndjson"))
    lines = sum(1 for _ in open("plan.ndjson"))
    print(f"a plan of {options.files} files, {lines} lines: {statistics.median(seconds for seconds, _ in runs):.2f} s", end="")
    print(f", {max(memory for _, memory in runs) >> 10} MiB")


def spark(options):
    import segprep
    import segprep.spark
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable

    generate([sys.executable, "-m", "segprep._command"], options.records)
    gigabytes = sum(file.stat().st_size for file in Path("input").iterdir()) / 1e9
    builder = SparkSession.builder.master("local-cluster[2,1,2048]").appName("machines")
    settings = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.driver.host": "127.0.0.1", "spark.executor.memory": "2g"}
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    place = options.work.as_uri()

    def whole():
        segprep.run("machines.toml", set={"run.threads": 2}, overwrite=True)

    def divided():
        segprep.spark.run(session, "machines.toml", 8, set=absolute(options.work))

    def cleaned():
        lines = session.read.text(f"{place}/input")
        segprep.spark.clean(lines, "machines.toml").write.mode("overwrite").text(f"{place}/cleaned")

    def copied():
        session.read.text(f"{place}/input").write.mode("overwrite").text(f"{place}/cleaned")

    ways = {"run": whole, "spark.run": divided, "spark.clean": cleaned, "Spark copies the lines": copied}
    took = {name: [] for name in ways}
    for turn in range(options.runs + 1):
        for name, way in ways.items():
            clear()
            started = time.monotonic()
            way()
            if turn:  # the first one starts Python on the executors
                took[name].append(time.monotonic() - started)
    session.stop()
    base = statistics.median(took["run"])
    for name, seconds in took.items():
        median = statistics.median(seconds)
        print(f"{name}: {median:.1f} s, {median / gigabytes:.1f} s a GB, {(median - base) / gigabytes:+.1f} s a GB beside the run")


def absolute(work):
    return {"input.from": [f"{work}/input/"], "account.to": f"{work}/account/", "output.0.to": f"{work}/import/"}


def generate(program, records):
    """Files of NDJSON, so that Spark has partitions."""
    for number in range(4):
        with open(f"input/{number}.ndjson", "wb") as file:
            command = [*program, "generate", "--records", str(records // 4), "--seed", str(number), "--bad", "0"]
            subprocess.run([*command, "--shape", "plain"], stdout=file, check=True)


def run(options, *more):
    return [options.segprep, "run", "machines.toml", "--quiet", *more]


def timed(commands, stdout=os.devnull):
    """The wall time of commands that run at once, and the most memory of one, in KiB."""
    started = time.monotonic()
    with open(stdout, "wb") as out:
        running = [subprocess.Popen(command, stdout=out) for command in commands]
        ended = [os.wait4(one.pid, 0) for one in running]
    seconds = time.monotonic() - started
    for one, (_, status, _) in zip(running, ended, strict=True):
        one.returncode = os.waitstatus_to_exitcode(status)
        assert one.returncode == 0, f"{one.args[1]} ended with {one.returncode}"
    return seconds, max(usage.ru_maxrss for _, _, usage in ended)


def clear():
    for place in ("account", "import", "cleaned"):
        shutil.rmtree(place, ignore_errors=True)


def parts():
    """The lines that are published, as a number of bytes: shards cut parts elsewhere."""
    manifest = json.loads(Path("account/manifest.json").read_text())
    return manifest["records"]["written"], sum(Path("import", name).stat().st_size for name in names(manifest))


def names(manifest):
    return [file["path"] for file in manifest["outputs"][0]["files"]]


if __name__ == "__main__":
    main()
