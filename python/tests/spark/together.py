"""`[unique]`, `[users]` and profiles by Spark's shuffle, compared with one machine: records, rejects and counts, as multisets.

    python3 python/tests/spark/together.py [--records N]

`check.py` does this on two executors; alone it takes two threads. Needs Java 17, pyspark and the package.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

KEY = "hex:" + "c0ffee5e" * 8
DEFINITION = """\
segprep = 1
name    = "together"
purpose = "analytics"

[input]
from = ["{at}/together/in/"]

[repair]
phone = {{ region = "US" }}

[fields]
"*"           = "keep"
"Address"     = {{ op = "hmac", join = "address" }}
"User.UserId" = {{ op = "hmac", join = "user" }}

[keys]
current = "k1"
k1      = "env:SEGPREP_SPARK_KEY"

[account]
to               = "{at}/together/one/account/"
max_reject_ratio = 1.0

[[output]]
to     = "{at}/together/one/import/"
format = "pinpoint-json"
"""
BY = ["ChannelType", "Address"]
CASES: dict[str, dict[str, Any]] = {
    "first": {"unique": {"by": BY}},
    "last, of users": {"unique": {"by": BY, "keep": "last"}, "users": {"max_endpoints": 3}},
    "newest": {"unique": {"by": BY, "keep": "newest", "normalize": "email.v1"}},
    "as written": {"unique": {"by": ["Address"], "on": "output"}},
    "newest of users": {"users": {"max_endpoints": 2, "over": "newest"}},
}
KEPT: dict[str, Any] = {"purpose": "messaging", "fields": {"*": "keep"}}
OF_PROFILES: dict[str, dict[str, Any]] = {
    "profiles": KEPT,
    "profiles of unique endpoints": KEPT | {"unique": {"by": BY}},
    "profiles of ids": KEPT | {"fields": {"*": "keep", "User.UserId": "drop"}, "unique": {"by": ["Id"], "keep": "newest"}},
    "profiles of few endpoints": KEPT | {"unique": {"by": BY, "keep": "last"}, "users": {"max_endpoints": 2, "over": "newest"}},
    "profiles of users": KEPT | {"users": {"max_endpoints": 2}, "input.inactive": "keep"},
}


def check(spark: Any, segprep: Any, at: Path, records: int, killer: Callable[[Any], Any] | None = None) -> None:
    """`killer` begins to kill an executor, which the last case is to survive."""
    here = at / "together"
    (here / "in").mkdir(parents=True)
    definition = here / "together.toml"
    definition.write_text(DEFINITION.format(at=at))
    lines = made(records)
    (here / "in" / "records.ndjson").write_text("".join(f"{line}\n" for line in lines))
    numbered = list(enumerate(lines))
    random.Random(4).shuffle(numbered)
    frame = spark.createDataFrame(numbered, "number long, line string").repartition(6)
    for name, settings in CASES.items():
        of_lines(spark, segprep, name, definition, settings, frame)
    of_columns(spark, segprep, definition, here)
    for name, settings in OF_PROFILES.items():
        of_profiles(spark, segprep, name, definition, settings, frame, here)
    of_names(spark, segprep, definition, here)
    if killer:
        killing = killer(spark)
        of_lines(spark, segprep, "last, of users", definition, CASES["last, of users"], frame)
        name = "profiles of unique endpoints"
        of_profiles(spark, segprep, name, definition, OF_PROFILES[name], frame, here)
        killing.join()
        assert killing.killed, "no executor was killed"


def of_lines(spark: Any, segprep: Any, name: str, definition: Path, settings: dict[str, Any], frame: Any) -> None:
    import segprep.spark as on_spark

    one = segprep.run(definition, set=settings, overwrite=True)
    arguments = {"set": settings, "order": ["number"]}
    clean = on_spark.clean(frame, definition, **arguments)
    assert clean.columns == ["line"], clean.columns
    same(f"Spark, {name}", Counter(row["line"] for row in clean.collect()), Counter(written(one)))
    rejects = on_spark.rejects(frame, definition, **arguments).collect()
    same(f"rejects, {name}", Counter(problems(row["problems"]) for row in rejects), Counter(problems_of(one)))
    counts = on_spark.counts(frame, definition, **arguments)
    merged = counts.pop("optout_merged", 0)
    dropped = one.counts["dropped"]
    expected = {reason: dropped.get(reason, 0) for reason in counts["dropped"]}
    same(f"counts, {name}", counts, one.counts | {"dropped": expected})
    same(f"opt-outs, {name}", merged, one.manifest.get("optout_merged") or 0)
    assert dropped.get("duplicate") or dropped.get("user_limit"), f"{name}: nothing was dropped"


def of_profiles(
    spark: Any, segprep: Any, name: str, definition: Path, settings: dict[str, Any], frame: Any, here: Path
) -> None:
    import segprep.spark as on_spark

    to = here / "profiles"
    settings = settings | {"output": [{"to": f"{to}/", "format": "profiles-csv", "max_columns": 30}], "account.to": f"{to}-account/"}
    one = segprep.run(definition, set=settings, overwrite=True)
    parts = [list(csv.reader(part.open(newline=""))) for part in sorted(to.rglob("part-*.csv"))]
    arguments = {"set": settings, "order": ["number"]}
    made = on_spark.profiles(frame, definition, **arguments)
    same(f"columns, {name}", made.rows.columns, parts[0][0])
    expected = Counter(tuple(row) for part in parts for row in part[1:])
    found = [Counter(tuple(value or "" for value in row) for row in each.collect()) for each in (made.rows, on_spark.clean(frame, definition, **arguments))]
    same(f"rows, {name}", found, [expected, expected])
    same(f"field map, {name}", made.object_type, (to / "object-type.json").read_text())
    rejects = on_spark.rejects(frame, definition, **arguments).collect()
    same(f"rejects, {name}", Counter(problems(row["problems"]) for row in rejects), Counter(problems_of(one)))
    lists = {"phone": set(listed(to, "optout-sms")[1:]), "email": {line.partition(",")[0] for line in listed(to, "suppress-email")}}
    opt_outs = [(row["list"], row["address"]) for row in made.opt_outs.collect()]
    same(f"lists, {name}", Counter(opt_outs), Counter((kind, address) for kind in lists for address in lists[kind]))
    counts = on_spark.counts(frame, definition, **arguments)
    told, [note] = counts.pop("profiles"), [output["profiles"] for output in one.manifest["outputs"]]
    merged = counts.pop("optout_merged", 0)
    same(f"opt-outs, {name}", merged, one.manifest.get("optout_merged") or 0)
    dropped = {reason: one.counts["dropped"].get(reason, 0) for reason in counts["dropped"]}
    same(f"counts, {name}", counts, one.counts | {"dropped": dropped})
    numbers = {"rows": note["rows"], "columns": note["columns"], "lists": dict(zip(told["lists"], note["lists"].values(), strict=True))}
    numbers |= {"unlisted": sum(note["unlisted"].values()), "unplaced": sum(note["unplaced"].values())}
    same(f"counts of {name}", {key: told[key] for key in numbers} | {"unplaced": sum(told["unplaced"].values())}, numbers)
    assert note["unlisted"] and note["unplaced"], f"{name}: nothing was left out"


CSV = {"header": True, "escape": '"', "ignoreLeadingWhiteSpace": False, "ignoreTrailingWhiteSpace": False}


def of_names(spark: Any, segprep: Any, definition: Path, here: Path) -> None:
    """Names that differ only in case, and the files that Spark writes of values with quotes and blanks."""
    import segprep.spark as on_spark

    record = '{"ChannelType":"EMAIL","Address":"%s@example.com","Attributes":{"%s":[" 5\\" pipe, "]},"User":{"UserId":"%s"}}'
    lines = [(number, record % (name, word, name)) for number, (name, word) in enumerate([("ada", "Plan"), ("bo", "plan")])]
    frame = spark.createDataFrame(lines, "number long, line string")
    settings = KEPT | {"output": [{"to": f"{here}/names/", "format": "profiles-csv"}], "repair": {"trim": False}}
    settings |= {"account.to": f"{here}/names-account/"}
    try:
        on_spark.profiles(frame, definition, set=settings, order="number")
    except segprep.DefinitionError as error:
        same("the exit code of two names", error.exit_code, 78)
    else:
        sys.exit("two columns have one name")
    spark.conf.set("spark.sql.caseSensitive", "true")
    (here / "named").mkdir()
    (here / "named" / "in.ndjson").write_text("".join(f"{line}\n" for _, line in lines))
    segprep.run(definition, set=settings | {"input.from": [f"{here}/named/"]}, overwrite=True)
    made = on_spark.profiles(frame, definition, set=settings, order="number").rows
    made.coalesce(1).write.csv(f"{here}/written", **CSV)
    spark.conf.unset("spark.sql.caseSensitive")
    [file], [part] = Path(here, "written").glob("*.csv"), Path(here, "names").rglob("part-*.csv")
    same("written rows", sorted(csv.reader(file.open(newline=""))), sorted(csv.reader(part.open(newline=""))))


def listed(to: Path, name: str) -> list[str]:
    return [line for file in sorted(to.rglob(f"{name}*.csv")) for line in file.read_text().splitlines()]


def of_columns(spark: Any, segprep: Any, definition: Path, here: Path) -> None:
    """The same records as columns of Parquet, which a run has written in their order."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import segprep.spark as on_spark

    kept = {"purpose": "messaging", "fields": {"*": "keep"}, "account.to": f"{here}/kept/account/"}
    outputs = [{"to": f"{here}/kept/json/", "format": "pinpoint-json"}, {"to": f"{here}/kept/parquet/", "format": "parquet"}]
    segprep.run(definition, set=kept | {"output": outputs})
    table = pa.concat_tables([pq.read_table(part) for part in sorted(Path(here, "kept/parquet").rglob("*.parquet"))])
    table = table.append_column("number", pa.array(range(table.num_rows)))
    (here / "numbered").mkdir()
    pq.write_table(table, here / "numbered" / "part.parquet", coerce_timestamps="us", allow_truncated_timestamps=True)
    settings = CASES["last, of users"]
    places = {"input.from": [f"{here}/kept/json/"], "output.0.to": f"{here}/columns/", "output.0.format": "parquet"}
    segprep.run(definition, set=settings | places | {"account.to": f"{here}/columns-account/"})
    frame = spark.read.parquet(str(here / "numbered")).repartition(4)
    cleaned = on_spark.clean(frame, definition, set=settings, order="number")
    expected = spark.read.option("recursiveFileLookup", True).parquet(f"{here}/columns/")
    assert cleaned.columns == expected.columns, cleaned.columns
    rows = [Counter(repr(row.asDict(recursive=True)) for row in each.collect()) for each in (cleaned, expected)]
    same("Spark, columns", rows[0], rows[1])


def made(records: int) -> list[str]:
    """Records of few people, who come several times, and some records with faults."""
    command = [sys.executable, "-m", "segprep._command", "generate", "--records", str(records), "--seed", "9"]
    lines = subprocess.run([*command, "--bad", "0.03", "--shape", "export"], capture_output=True, text=True, check=True)
    chosen = random.Random(5)
    found = []
    for line in lines.stdout.splitlines():
        found.append(line)
        try:
            record = json.loads(line)
        except ValueError:
            continue
        for _ in range(chosen.choice([0, 0, 1, 3])):
            again = dict(record)
            again["OptOut"] = chosen.choice(["ALL", "NONE"])
            again["EffectiveDate"] = f"2026-0{chosen.randrange(1, 4)}-01T00:00:00.{chosen.randrange(3)}Z"
            again["User"] = {"UserId": f"reader-{chosen.randrange(records // 4)}"}
            again = {name: value for name, value in again.items() if chosen.random() < 0.9 or name in BY}
            found.append(json.dumps(again))
    chosen.shuffle(found)
    return found


def written(result: Any) -> list[str]:
    parts = [Path(row["to"], row["path"]) for row in result.outputs.to_pylist()]
    return [line for part in parts for line in part.read_text().splitlines()]


def problems_of(result: Any) -> list[str]:
    return [problems(row) for row in result.account.rejects["problems"].to_pylist()]


def problems(row: Any) -> str:
    words = ("field", "code", "rule", "detail", "repair")
    return json.dumps([[problem[word] or None for word in words] for problem in row])


def same(what: str, found: object, expected: object) -> None:
    if found != expected:
        if isinstance(found, dict) and not isinstance(found, Counter):
            print(f"{found} instead of {expected}", file=sys.stderr)  # numbers
        sys.exit(f"{what}: differs from one machine")
    print(f"{what}: as on one machine", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=2_000)
    arguments = parser.parse_args()
    os.environ["SEGPREP_SPARK_KEY"] = KEY
    os.environ["PYSPARK_PYTHON"] = sys.executable
    import segprep
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").appName("segprep")
    for name, value in {"spark.ui.enabled": "false", "spark.driver.memory": "1g", "spark.sql.shuffle.partitions": "4"}.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    with tempfile.TemporaryDirectory(prefix="segprep-together-") as folder:
        check(spark, segprep, Path(folder), arguments.records)
    spark.stop()


if __name__ == "__main__":
    main()
