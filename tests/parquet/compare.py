"""Reads Parquet parts with DuckDB, Polars and pyarrow, and compares each with the JSON of the same run.

    compare.py JSON_FOLDER PARQUET_FOLDER [REJECTS_NDJSON REJECTS_PARQUET]

The records have to be the same in the same order, numbers as doubles and dates as milliseconds.
Nothing of a record is printed: what differs is told by its number and field.
"""

import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import polars
import pyarrow
import pyarrow.parquet

DATE = "EffectiveDate"
NUMBERS = ("Latitude", "Longitude")
MAPS = ("Attributes", "Metrics", "UserAttributes")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def millis(text):
    """Milliseconds since 1970 of an ISO 8601 instant, rounded down."""
    whole, fraction = text, ""
    if "." in text:
        whole, _, rest = text.partition(".")
        digits = len(rest) - len(rest.lstrip("0123456789"))
        fraction, whole = rest[:digits], whole + rest[digits:]
    since = datetime.fromisoformat(whole) - EPOCH
    return since // timedelta(milliseconds=1) + int((fraction + "000")[:3])


def of_json(folder):
    lines = (line for part in parts(folder, "json") for line in part.open(encoding="utf-8"))
    return [normal(json.loads(line)) for line in lines]


def normal(value, name=None):
    """The value without absent fields, with dates and numbers as in Parquet."""
    if name == DATE and isinstance(value, str):
        return millis(value)
    if isinstance(value, dict):
        members = {key: normal(member, name if name in MAPS else key) for key, member in value.items()}
        return {key: member for key, member in members.items() if member is not None and member != {}} or None
    if isinstance(value, list) and name in MAPS and all(is_pair(item) for item in value):
        return normal(dict(pair(item) for item in value), name) if value else []
    if isinstance(value, (int, float)) and name != DATE:
        return float(value)
    return value


def is_pair(item):
    return isinstance(item, tuple) or (isinstance(item, dict) and set(item) == {"key", "value"})


def pair(item):
    return item if isinstance(item, tuple) else (item["key"], item["value"])


def by_pyarrow(path):
    table = pyarrow.parquet.read_table(path)
    kind = table.schema.field(DATE).type
    assert kind == pyarrow.timestamp("ms", tz="UTC"), kind
    place = table.schema.get_field_index(DATE)
    dates = table.column(DATE).cast(pyarrow.int64())
    return table.set_column(place, DATE, dates).to_pylist()


def by_duckdb(path):
    found = duckdb.execute(f"SELECT * REPLACE (epoch_ms({DATE}) AS {DATE}) FROM read_parquet(?)", [str(path)])
    names = [column[0] for column in found.description]
    return [dict(zip(names, row)) for row in found.fetchall()]


def by_polars(path):
    frame = polars.read_parquet(path)
    assert frame.schema[DATE] == polars.Datetime("ms", "UTC"), frame.schema[DATE]
    return frame.with_columns(polars.col(DATE).dt.epoch("ms")).to_dicts()


def parts(folder, end):
    return sorted(Path(folder).rglob(f"*.{end}"))


def differing(wanted, found):
    """The numbers and fields of the records that differ."""
    if len(wanted) != len(found):
        return [f"{len(found)} records instead of {len(wanted)}"]
    pairs = ((number, one, other) for number, (one, other) in enumerate(zip(wanted, found)))
    return [
        f"record {number}: {sorted(key for key in {*one, *other} if one.get(key) != other.get(key))}"
        for number, one, other in pairs
        if one != other
    ]


def check_metadata(path):
    metadata = pyarrow.parquet.read_metadata(path)
    told = {key.decode(): value.decode() for key, value in metadata.metadata.items()}
    for key in ("segprep.version", "segprep.definition.sha256", "segprep.schemas.sha256"):
        assert told.get(key), key
    columns = {column["path"]: column for column in json.loads(told["segprep.columns"])}
    assert columns["Id"]["class"] == "identifier", columns["Id"]
    assert all(column["op"] for column in columns.values())
    column = metadata.row_group(0).column
    chunks = [column(number) for number in range(metadata.num_columns)]
    assert {chunk.compression for chunk in chunks} == {"ZSTD"}
    encodings = {chunk.path_in_schema: chunk.encodings for chunk in chunks}
    assert "RLE_DICTIONARY" in encodings["ChannelType"], encodings["ChannelType"]
    assert "RLE_DICTIONARY" not in encodings["Id"], encodings["Id"]


def check_rejects(ndjson, parquet):
    wanted = [json.loads(line) for line in open(ndjson, encoding="utf-8")]
    found = pyarrow.parquet.read_table(parquet).to_pylist()
    for reject in wanted:
        reject.setdefault("endpoint", None)
    for reject in wanted + found:
        problems = [{**{"field": None, "detail": None, "repair": None}, **problem} for problem in reject["problems"]]
        reject["problems"] = [
            {key: problem[key] or None for key in ("field", "code", "rule", "detail", "repair")} for problem in problems
        ]
    assert wanted == found, "rejects differ"


def main(json_folder, parquet_folder, *rejects):
    wanted = of_json(json_folder)
    files = parts(parquet_folder, "parquet")
    assert files and wanted, "there is nothing to compare"
    for read in (by_pyarrow, by_duckdb, by_polars):
        found = [normal(record) or {} for file in files for record in read(file)]
        faults = differing(wanted, found)
        assert not faults, f"{read.__name__}: {faults[:5]}"
    for file in files:
        check_metadata(file)
    if rejects:
        check_rejects(*rejects)
    print(f"{len(wanted)} records in {len(files)} parts")


if __name__ == "__main__":
    main(*sys.argv[1:])
