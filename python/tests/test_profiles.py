"""The steps by which Spark makes profiles, with its shuffles done here: `.ci/full spark` does them on a cluster."""

from __future__ import annotations

import csv
import json
import pickle
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import segprep
import segprep.spark as spark
from segprep import _profiles, _segprep
from segprep import _run as runs

PROFILES: dict[str, Any] = {"to": "out/profiles/", "format": "profiles-csv"}
MAPS = ("Attributes", "Metrics", "User.UserAttributes")


def records_of_users(records: list[str]) -> list[str]:
    """The same records, each several times, of few users."""
    chosen = random.Random(3)
    made = []
    for line in records:
        made.append(line)
        try:
            record = json.loads(line)
        except ValueError:
            continue
        for _ in range(chosen.choice([0, 1, 4])):
            again = record | {"OptOut": chosen.choice(["ALL", "NONE"]), "User": {"UserId": f"u{chosen.randrange(40)}"}}
            attributes = {f"name {chosen.randrange(30)}": [str(chosen.randrange(3))], "": ["x"], "name_3": ["y", "z"]}
            again["User"]["UserAttributes"] = dict(chosen.sample(sorted(attributes.items()), chosen.randrange(4)))
            made.append(json.dumps(again))
    chosen.shuffle(made)
    return made


def pieces(table: pa.Table, chosen: random.Random, sizes: tuple[int, ...] = (1, 2, 7, 300)) -> list[pa.RecordBatch]:
    """A table cut somewhere."""
    cut, at = [], 0
    while at < table.num_rows:
        size = chosen.choice(sizes)
        cut += table.slice(at, size).combine_chunks().to_batches()
        at += size
    return cut


def done(step: Any, batches: list[pa.RecordBatch]) -> pa.Table:
    """What a step makes, which was sent to another process."""
    return pa.Table.from_batches(list(pickle.loads(pickle.dumps(step))(batches)))


def by_order(table: pa.Table, *first: str) -> pa.Table:
    rows = sorted(range(table.num_rows), key=lambda row: tuple(table.column(name)[row].as_py() for name in first) + place(table, row))
    return table.take(rows)


def place(table: pa.Table, row: int) -> tuple[Any, ...]:
    order, record = table.column("order")[row].as_py(), table.column("record")[row].as_py()
    return (-1, -1) if order is None else (order["_0"], record)


def named(found: pa.Table) -> int:
    """How many columns have their names from the data."""
    return sum(1 for number in found.column("class").to_pylist() if number == 3)


def shuffled(definition: Path, settings: dict[str, Any], lines: list[str], seed: int) -> tuple[list[Any], dict[str, Any]]:
    """The rows of profiles, and all else, as one value."""
    chosen = random.Random(seed)
    name, text, sets = spark._file(definition, settings)
    opener = spark._Opener(name, text, sets)
    numbered = pa.table({"line": lines, "n": range(len(lines))}).take(chosen.sample(range(len(lines)), len(lines)))
    compared = done(spark._Compare(name, text, sets, (0,), (1,), has_clean=True), pieces(numbered, chosen))
    assert compared.schema.names == ["order", "compared", "clean"]
    rows = compared.flatten()
    columns = {
        "order": compared.column("order"),
        "record": rows.column("compared.record"),
        "values": rows.column("clean.values"),
        "opts_out": pa.array([False] * compared.num_rows),
    }
    records = done(_profiles.Records(opener), pieces(pa.table(columns), chosen))
    # So that most profiles end in a later batch than they begin in.
    folded = done(_profiles.Fold(opener), pieces(by_order(records, "user"), chosen, (1, 2)))
    parts = [by_order(folded.take(list(range(start, folded.num_rows, 3)))) for start in range(3)]
    tables = [done(_profiles.Columns(opener), pieces(part, chosen)) for part in parts]
    most = settings["output"][0].get("max_columns")
    assert most is None or max(named(table) for table in tables) <= most
    found = pa.concat_tables(tables)
    best = sorted(
        range(found.num_rows),
        key=lambda row: tuple(found.column(name)[row].as_py() for name in ("class", "major"))
        + place(found, row)
        + (found.column("minor")[row].as_py(),),
    )
    ids = found.column("id").take(best).to_pylist()
    names, ids, object_type = _segprep.profile_columns(runs.options(definition, settings), ids)
    chosen_columns = {"names": names, "object_type": object_type}
    made = done(_profiles.Rows(opener, ids), pieces(folded.select(["profile"]), chosen))
    assert made.schema.names == chosen_columns["names"]
    counts = done(_profiles.RowCounts(opener, ids), pieces(folded.select(["profile"]), chosen)).to_pylist()
    listed = {(row["list"], row["address"]) for row in records.select(["list", "address"]).to_pylist() if row["list"]}
    rows = [tuple(value or "" for value in row.values()) for row in made.to_pylist()]
    return rows, chosen_columns | {"counts": {row["name"]: row["number"] for row in counts}, "listed": listed}


@pytest.mark.parametrize(
    ("output", "more"),
    [({"max_columns": 9}, {}), ({"max_columns": 40}, {"fields": {"*": "keep", "Id": "drop"}}), ({}, {"input.inactive": "keep"})],
)
def test_profiles_are_those_of_one_machine(
    inputs: Path, records: list[str], output: dict[str, Any], more: dict[str, Any]
) -> None:
    lines = records_of_users(records[:600])
    Path("in").mkdir(exist_ok=True)
    for file in Path("in").iterdir():
        file.unlink()
    Path("in/records.ndjson").write_text("".join(f"{line}\n" for line in lines))
    settings = more | {"output": [PROFILES | output]}
    one = segprep.run(inputs, set=settings, overwrite=True)
    [note] = [output["profiles"] for output in one.manifest["outputs"]]
    at = Path("out/profiles")
    parts = [list(csv.reader(part.open())) for part in sorted(at.rglob("part-*.csv"))]
    expected = [tuple(row) for part in parts for row in part[1:]]
    rows, made = shuffled(inputs, settings, lines, 1)
    assert made["names"] == parts[0][0] and len(expected) < len(lines) / 2
    assert Counter(rows) == Counter(expected)
    assert made["object_type"] == (at / "object-type.json").read_text()
    lists = Counter(kind for kind, _ in made["listed"])
    assert [lists["phone"], lists["email"]] == list(note["lists"].values()) and lists["email"]
    unplaced: Counter[str] = Counter()
    for field, values in note["unplaced"].items():
        [path] = [path for path in MAPS if field.startswith(f"{path}.")] or [field]
        unplaced[path] += values
    assert {name.removeprefix("unplaced."): n for name, n in made["counts"].items() if "unplaced" in name and n} == unplaced
    assert made["counts"]["profiles"] == note["rows"] == len(rows)
    assert shuffled(inputs, settings, lines, 2)[1]["counts"] == made["counts"]


def test_profiles_need_an_order_and_are_the_only_output(definition: Path) -> None:
    alone = {"output": [PROFILES]}
    assert spark._comparing(definition, alone, ["n"]).profiles
    beside = {"output": [PROFILES, {"to": "out/import/", "format": "pinpoint-json"}]}
    for settings, order, words in [(alone, [], "order"), (beside, ["n"], "one output")]:
        with pytest.raises(segprep.DefinitionError) as raised:
            spark._comparing(definition, settings, order)
        assert raised.value.exit_code == 78 and words in (raised.value.hint or "")
    with pytest.raises(segprep.DefinitionError):
        segprep.Definition(definition, set=alone)


def test_no_columns_are_those_of_no_profiles(definition: Path) -> None:
    options = runs.options(definition, {"output": [PROFILES]})
    names, ids, _ = _segprep.profile_columns(options, [b"", b"\xff", b"\x06\x01"])
    assert names == ["AccountNumber"] and len(ids) == 1


def test_a_record_that_stays_for_one_that_is_opted_out_goes_to_the_list(definition: Path) -> None:
    name, text, sets = spark._file(definition, {"output": [PROFILES]})
    opener = spark._Opener(name, text, sets)
    line = '{"ChannelType":"EMAIL","Address":"ada@example.com","OptOut":"NONE","User":{"UserId":"u1"}}'
    compared = done(spark._Compare(name, text, sets, (0,), (1,), has_clean=True), [pa.record_batch({"line": [line], "n": [1]})])
    for opts_out, listed in [(False, None), (True, "email")]:
        columns = [compared.column("order"), pa.array([1]), compared.flatten().column("clean.values"), pa.array([opts_out])]
        table = pa.table(dict(zip(["order", "record", "values", "opts_out"], columns, strict=True)))
        [row] = done(_profiles.Records(opener), table.combine_chunks().to_batches()).to_pylist()
        assert (row["is_opted_out"], row["list"]) == (opts_out, listed)
        assert row["address"] == (opts_out and "ada@example.com" or None)


def test_the_driver_needs_no_key(definition: Path) -> None:
    settings = {"output": [PROFILES], "keys.k1": "env:SEGPREP_NOT_SET"}
    assert spark._comparing(definition, settings, ["n"]).profiles
    assert _segprep.profile_columns(runs.options(definition, settings), [])[0] == ["AccountNumber"]
