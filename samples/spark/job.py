"""Runs a definition on the executors of a Spark cluster, as a Glue job or on EMR Serverless.

    job.py --definition nightly.toml --shards 64 [--run ID] [--date DATE] [--set PATH=VALUE …]

The definition is a file that was shipped with the job. The exit code is that of segprep: 74 may be tried again, with the
same `--run`.
"""

import argparse
import json
import os
import sys

import segprep
import segprep.spark
from pyspark import SparkFiles
from pyspark.sql import SparkSession


def shipped(name: str) -> str:
    """Where a file of the job is: beside it, or where Spark has put it."""
    return name if os.path.exists(name) else SparkFiles.get(name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--definition", required=True)
    parser.add_argument("--shards", type=int, required=True)
    parser.add_argument("--run")
    parser.add_argument("--date")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE")
    arguments, _ = parser.parse_known_args()  # Glue adds its own
    settings = dict(setting.split("=", 1) for setting in arguments.set)
    spark = SparkSession.builder.getOrCreate()
    try:
        result = segprep.spark.run(
            spark,
            shipped(arguments.definition),
            arguments.shards,
            set=settings,
            date=arguments.date,
            run=arguments.run,
        )
    except segprep.SegprepError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    finally:
        spark.stop()
    print(json.dumps({"status": result.status, "records": result.counts}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
