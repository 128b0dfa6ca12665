"""What `segprep.spark` sends to executors, done here: `.ci/full spark` does it on a cluster."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

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
