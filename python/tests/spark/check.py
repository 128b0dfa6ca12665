"""One input in five ways, on a Spark with two executors: one machine, shards and gather, batches, and Spark's `clean` and `run`.

    python3 python/tests/spark/check.py [--kills N]

Besides: an executor is killed in the middle of a run, and the key is in no plan, log or event of Spark. Needs Java 17,
pyspark and the package. `together.py` has what is compared by Spark's shuffle.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa

sys.path.append(str(Path(__file__).parent))
import together
from together import KEY, problems, problems_of, same, written

DEFINITION = """\
segprep = 1
name    = "spark"
purpose = "messaging"

[input]
from = ["{at}/in/"]

[repair]
phone = {{ region = "US" }}

[fields]
"*"                     = "keep"
"User.UserId"           = {{ op = "hmac", join = "user" }}
"User.UserAttributes.*" = {{ op = "mask", keep_first = 1 }}

[keys]
current = "k1"
k1      = "env:SEGPREP_SPARK_KEY"

[account]
to               = "{at}/out/account/"
max_reject_ratio = 1.0

[[output]]
to     = "{at}/out/import/"
format = "pinpoint-json"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1)
    parser.add_argument("--records", type=int, default=20_000)
    arguments = parser.parse_args()
    os.environ["SEGPREP_SPARK_KEY"] = KEY
    os.environ["PYSPARK_PYTHON"] = sys.executable
    with tempfile.TemporaryDirectory(prefix="segprep-spark-") as folder:
        check(Path(folder), arguments)


def check(at: Path, arguments: argparse.Namespace) -> None:
    import segprep
    import segprep.spark

    definition = at / "spark.toml"
    definition.write_text(DEFINITION.format(at=at))
    lines = generate(at, arguments.records)

    one = segprep.run(definition)
    expected, rejected = written(one), problems_of(one)
    spark = session(at)
    frame = spark.createDataFrame([(line,) for line in lines], "line string").repartition(5)

    started = time.monotonic()
    cleaned = [row["line"] for row in segprep.spark.clean(frame, definition).collect()]
    same("Spark clean", Counter(cleaned), Counter(expected))
    refused = [problems(row["problems"]) for row in segprep.spark.rejects(frame, definition).collect()]
    same("Spark rejects", Counter(refused), Counter(rejected))
    print(f"clean and rejects: {time.monotonic() - started:.1f} s", flush=True)

    batches, numbers = [], []
    cleaner = segprep.Definition(definition)
    for start in range(0, len(lines), 3000):
        clean, rejects = cleaner.clean(pa.record_batch({"line": lines[start : start + 3000]}))
        batches += clean.column(0).to_pylist()
        numbers += [problems(row) for row in rejects.column(1).to_pylist()]
    same("batches", batches, expected)
    same("rejects of batches", Counter(numbers), Counter(rejected))

    rows = clean_columns(spark, segprep, definition, one, at)
    same("Spark clean of columns", rows, one.counts["written"])

    for name, shards, kill in [("seven", 7, False), *((f"kill-{n}", 8, True) for n in range(arguments.kills))]:
        places = {"account.to": f"{at}/{name}/account/", "output.0.to": f"{at}/{name}/import/"}
        killer = Killer(spark) if kill else None
        started = time.monotonic()
        result = segprep.spark.run(spark, definition, shards, set=places)
        print(f"run {name}: {time.monotonic() - started:.1f} s", flush=True)
        if killer:
            killer.join()
            assert killer.killed, "no executor was killed"
        same(f"Spark run {name}", written(result), expected)
        same(f"rejects of {name}", problems_of(result), rejected)
        same(f"counts of {name}", result.counts, one.counts)
        left = [path for path in (at / name).rglob("*") if ".segprep" in path.name]
        same(f"what {name} left", left, [])
    check_unique(spark, segprep, definition, frame, at)
    together.check(spark, segprep, at, arguments.records // 10, Killer)
    application = spark.sparkContext.applicationId
    spark.stop()
    search(at, application)
    print("spark: all five ways are the same", flush=True)


def generate(at: Path, records: int) -> list[str]:
    (at / "in").mkdir()
    command = [sys.executable, "-m", "segprep._command", "generate", "--records", str(records), "--seed", "5"]
    made = subprocess.run([*command, "--bad", "0.03", "--shape", "export"], capture_output=True, text=True, check=True)
    lines = made.stdout.splitlines()
    (at / "in" / "records.ndjson").write_text(made.stdout)
    return lines


def session(at: Path):
    from pyspark.sql import SparkSession

    (at / "events").mkdir()
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": "1g",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": (at / "events").as_uri(),
        "spark.sql.execution.arrow.maxRecordsPerBatch": "2000",
    }
    builder = SparkSession.builder.master("local-cluster[2,1,1024]").appName("segprep")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    return spark


def clean_columns(spark, segprep, definition: Path, one, at: Path) -> int:
    """Cleans the records again as columns of Parquet that a run has written."""
    places = {"account.to": f"{at}/columns/account/", "output.0.to": f"{at}/columns/parquet/"}
    segprep.run(definition, set=places | {"output.0.format": "parquet", "fields": {"*": "keep"}, "repair": {"trim": False}})
    frame = spark.read.parquet(f"{at}/columns/parquet/")
    cleaned = segprep.spark.clean(frame, definition).collect()
    tokens = sum(1 for row in cleaned if row["User"] and str(row["User"]["UserId"]).startswith("hmac:k1:"))
    assert 0 < tokens, "no tokens"
    return len(cleaned) + segprep.spark.rejects(frame, definition).count() + one.counts["written"] - frame.count()


def check_unique(spark, segprep, definition: Path, frame, at: Path) -> None:
    """What compares records with each other is one task of `run`, and `clean` has to know their order."""
    settings = {"unique": {"by": ["ChannelType"]}, "account.to": f"{at}/unique/account/"}
    one = segprep.run(definition, set=settings | {"output.0.to": f"{at}/unique/import/"})
    settings |= {"account.to": f"{at}/unique-spark/account/", "output.0.to": f"{at}/unique-spark/import/"}
    result = segprep.spark.run(spark, definition, 4, set=settings)
    same("Spark run with [unique]", (written(result), result.counts), (written(one), one.counts))
    try:
        segprep.spark.clean(frame, definition, set=settings)
    except segprep.DefinitionError as error:
        same("the exit code of clean with [unique]", error.exit_code, 78)
    else:
        sys.exit("clean takes [unique] without an order")
    try:
        segprep.spark.run(spark, definition, 2, set={"input.from": [f"{at}/nowhere/"]})
    except segprep.NoInput as error:
        same("the exit code of a run without inputs", error.exit_code, 66)


class Killer(threading.Thread):
    """Kills an executor once the first shard has an account."""

    def __init__(self, spark) -> None:
        super().__init__(daemon=True)
        self.application = spark.sparkContext.applicationId
        self.killed = False
        self.start()

    def run(self) -> None:
        time.sleep(random.uniform(0.2, 1.5))
        shown = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
        executors = [
            int(line.split()[0])
            for line in shown.splitlines()
            if "CoarseGrainedExecutorBackend" in line and self.application in line and "java" in line.split()[1]
        ]
        if executors:
            os.kill(random.choice(executors), signal.SIGKILL)
            self.killed = True


def search(at: Path, application: str) -> None:
    """Looks for the key in what Spark has written."""
    secrets = [KEY.encode(), KEY.removeprefix("hex:").encode(), bytes.fromhex(KEY.removeprefix("hex:"))]
    import pyspark

    logs = Path(pyspark.__file__).parent / "work" / application  # of the executors
    files = [path for folder in (at / "events", logs) for path in folder.rglob("*") if path.is_file()]
    assert any(application in path.name for path in files), "there is no event log"
    assert any(path.name == "stderr" for path in files), "there is no log of an executor"
    for path in files:
        text = path.read_bytes()
        assert not any(secret in text for secret in secrets), f"a key is in {path}"
    print(f"the key is in none of {len(files)} files of Spark", flush=True)


if __name__ == "__main__":
    main()
