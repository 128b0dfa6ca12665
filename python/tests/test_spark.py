"""What `segprep.spark` sends to executors, done here: `.ci/full spark` does it on a cluster."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conftest import batch_of, lines_of

import segprep
import segprep.spark as spark
from segprep import _run as runs

KEY = "hex:" + "c0ffee5e" * 8


def test_a_partition_is_cleaned_as_a_batch(inputs: Path, records: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGPREP_TEST_KEY", KEY)
    settings = {"keys.k1": "env:SEGPREP_TEST_KEY"}
    expected = segprep.Definition(inputs, set=settings).clean(batch_of(records))
    for rejects in (False, True):
        sent = pickle.dumps(spark._Clean(*spark._read(inputs, settings), rejects=rejects))
        assert b"c0ffee" not in sent and bytes.fromhex(KEY.removeprefix("hex:")) not in sent
        [batch] = pickle.loads(sent)([batch_of(records)])
        assert batch.column(batch.num_columns - 1).equals(expected[rejects].column(batch.num_columns - 1))
    assert batch.schema.field("record").type == pa.int64()


def test_instants_are_those_of_spark(definition: Path) -> None:
    work = spark._Clean(*spark._read(definition, None), rejects=False)
    instant = pa.array([1], pa.timestamp("us", "UTC"))
    record = pa.record_batch({"ChannelType": ["EMAIL"], "Address": ["a@example.com"], "EffectiveDate": instant})
    [batch] = work([record])
    assert batch.schema.field("EffectiveDate").type == pa.timestamp("us", "UTC")
    assert [field.name for field in segprep._segprep.record_schema()] == batch.schema.names


def test_tasks_do_shards(inputs: Path) -> None:
    segprep.run(inputs, set={"account.to": "one/account/", "output.0.to": "one/import/"})
    plan = segprep.shards(inputs, count=3)
    name, text, sets = spark._file(inputs, None)
    work = pickle.loads(pickle.dumps(spark._Work(name, text, runs.options(name, None), plan, 3)))
    for number in (2, 0, 1, 0):
        [row] = [row for batch in work([pa.record_batch({"id": [number]})]) for row in batch.to_pylist()]
        assert row["task"] == number and "published" in json.loads(row["told"])["status"]
    segprep.gather(inputs, count=3)
    assert sorted(lines_of(Path("out/import"))) == sorted(lines_of(Path("one/import")))


def test_what_would_fail_again_is_told(definition: Path) -> None:
    name, text, _ = spark._file(definition, None)
    work = spark._Work(name, text, runs.options(name, None), None, 1)
    [batch] = work([pa.record_batch({"id": [0]})])
    told = json.loads(batch.to_pylist()[0]["told"])
    assert told["exit_code"] == 66 and told["message"]


def test_records_that_are_compared_are_not_cleaned_apart(definition: Path) -> None:
    with pytest.raises(segprep.DefinitionError) as raised:
        spark._read(definition, {"unique": {"by": ["Id"]}})
    assert raised.value.exit_code == 78


ADA = '{"ChannelType":"EMAIL","Address":"ada@example.com","User":{"UserId":"u1"}}'
BO = '{"ChannelType":"EMAIL","Address":"bo@example.com","OptOut":"ALL","EffectiveDate":"2026-01-02T03:04:05.25Z"}'
UNIQUE = {"unique": {"by": ["ChannelType", "Address"], "keep": "newest"}}


def compared(path: Path, settings: dict[str, Any], lines: list[str | None]) -> list[dict[str, Any]]:
    name, text, sets = spark._read(path, settings, order="n")
    work = pickle.loads(pickle.dumps(spark._Compare(name, text, sets, (0,), (1,), has_clean=False)))
    batch = pa.record_batch([pa.array(lines, pa.string()), pa.array(range(len(lines)))], ["line", "n"])
    [made] = work([batch])
    return [row["compared"] | row["order"] for row in made.to_pylist()]


def test_records_are_compared_by_hashes_that_every_executor_makes(definition: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGPREP_TEST_KEY", KEY)
    settings = UNIQUE | {"users": {"max_endpoints": 1}, "keys.k1": "env:SEGPREP_TEST_KEY"}
    lines = [ADA, "", '{"ChannelType":"EMAIL","Address":"nobody"}', BO, f"{ADA}\n{BO}", None, BO]
    rows = compared(definition, settings, lines)
    ada, bo = rows[0], rows[1]
    assert [row["_0"] for row in rows] == [0, 3, 4, 4, 6]
    assert [row["record"] for row in rows] == [1, 3, 4, 5, 6]
    assert [row["key"] for row in rows] == [ada["key"], bo["key"], ada["key"], bo["key"], bo["key"]]
    assert [row["user"] for row in rows] == [ada["user"], None, ada["user"], None, None]
    assert {len(ada["key"]), len(ada["user"])} == {16} and len({ada["key"], ada["user"], bo["key"]}) == 3
    assert (bo["seconds"], bo["nanoseconds"]) == (1767323045, 250_000_000) and ada["seconds"] < bo["seconds"]
    assert compared(definition, {"unique": {"by": ["Id"]}}, [ADA])[0]["key"] is None
    spark._opened.cache_clear()
    assert compared(definition, settings, [BO])[0]["key"] == bo["key"]
    monkeypatch.setenv("SEGPREP_TEST_KEY", "hex:" + "c0ffee5f" * 8)
    spark._opened.cache_clear()
    assert compared(definition, settings, [BO])[0]["key"] != bo["key"]


def test_rows_are_known_inside_of_larger_values(definition: Path) -> None:
    settings = {"unique": {"by": ["Id"]}, "input.records": "Item"}
    rows = compared(definition, settings, ['{"Item":[' + ADA + "," + BO + "]}", '{"Item":[]}', '{"Item":[' + BO + "]}"])
    assert [row["_0"] for row in rows] == [0, 0, 2]


def test_a_hidden_value_is_not_compared_without_a_key(definition: Path) -> None:
    text = definition.read_text().replace('{ op = "hmac", join = "user" }', '"drop"')
    definition.write_text(text.replace('[keys]\ncurrent = "k1"\nk1      = "demo:"\n', ""))
    for settings in ({"users": {"max_endpoints": 1}}, {"unique": {"by": ["Id"]}, "fields.Id": "drop"}):
        with pytest.raises(segprep.DefinitionError) as raised:
            compared(definition, settings, [ADA])
        assert raised.value.exit_code == 78 and "key" in (raised.value.hint or "")
    assert len(compared(definition, UNIQUE, [ADA])) == 1


def test_a_definition_without_sections_needs_no_order(definition: Path) -> None:
    assert spark._comparing(definition, None, ()).is_off
    assert not spark._comparing(definition, UNIQUE, ["n"]).is_off
    with pytest.raises(segprep.DefinitionError) as raised:
        spark._comparing(definition, UNIQUE, [])
    assert "order" in (raised.value.hint or "")


def test_lines_are_opted_out_as_if_they_had_been_so_before(definition: Path, records: list[str]) -> None:
    cleaner = segprep.Definition(definition)
    valid = [line for line in records[:300] if cleaner.clean(batch_of([line]))[0].num_rows == 1]
    without = [re.sub('"OptOut":"[A-Z]*",', "", line) for line in valid]
    expected = cleaner.clean(batch_of(['{"OptOut":"ALL",' + line[1:] for line in without]))[0].column(0)
    for lines in (valid, without):
        clean = cleaner.clean(batch_of(lines))[0].column(0)
        flags = pa.array([number % 3 < 2 for number in range(len(lines))])
        [made] = spark._opted_out([pa.RecordBatch.from_arrays([clean, flags], ["value", "opts_out"])])
        assert made.schema.names == ["value"]
        rows = zip(made.column(0).to_pylist(), clean.to_pylist(), expected.to_pylist(), flags.to_pylist(), strict=True)
        assert all(line == (opted_out if flag else before) for line, before, opted_out, flag in rows)
