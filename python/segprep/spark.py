"""segprep on Spark 3.5 and 4: batches of a DataFrame, or shards of a run.

The package has to be installed where the executors are. A definition reaches them as text, and keys by the source
that it names (`env:`, `file:`, `kms:`, `secretsmanager:`): each executor reads them by itself, so they are in no plan,
log or event.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from segprep import _segprep
from segprep import _run as runs
from segprep._batches import Definition, copied
from segprep._errors import DefinitionError, OverBudget, PlaceTaken, SegprepError, StorageError, made
from segprep._run import Result
from segprep._settings import Settings, StrPath, texts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["clean", "rejects", "run"]

_INSTANT = pa.timestamp("us", tz="UTC")  # the only one that Spark has
_WAIT_SECONDS = 180
"""How long a shard waits for an earlier attempt at it, which may have outlived its executor."""


def clean(df: DataFrame, definition: StrPath, *, set: Settings | None = None) -> DataFrame:
    """The records of a DataFrame that are written, checked, repaired and pseudonymised.

    A DataFrame with one column of strings holds lines of newline-delimited JSON, and so does the result. Any other
    has the columns of the Parquet output, and so has the result.

    Args:
        df: The records.
        definition: The definition, on this machine. Its inputs and outputs are not used, and no budget is checked.
        set: Settings that replace those of the definition.

    Raises:
        DefinitionError: If the definition is wrong, or compares records with each other (`[unique]`, `[users]`,
            profiles): `run` does that.
    """
    work = _Clean(*_read(definition, set), rejects=False)
    lines = [field.name for field in df.schema if field.dataType.typeName() == "string"]
    schema: Any = df.schema if len(df.schema) == len(lines) == 1 else _schema_of_records()
    return df.mapInArrow(work, schema)


def rejects(df: DataFrame, definition: StrPath, *, set: Settings | None = None) -> DataFrame:
    """The rejects that `clean` leaves out: `record`, counted from 1 in its batch, and `problems`."""
    work = _Clean(*_read(definition, set), rejects=True)
    words = ", ".join(f"{word}: string" for word in ("field", "code", "rule", "detail", "repair"))
    return df.mapInArrow(work, f"record long, problems array<struct<{words}>>")


def run(
    spark: SparkSession,
    definition: StrPath,
    shards: int,
    *,
    set: Settings | None = None,
    date: str | None = None,
    run: str | None = None,
) -> Result:
    """Runs a definition on the executors: each reads and writes some of `shards` shards by itself, and this machine
    publishes what they have written. The result is that of `segprep.gather`.

    A shard of a lost executor is done again, and writes the same bytes. If `run` fails, call it again with the same
    `date` and `run`: shards that are done say so. A definition that compares records with each other (`[unique]`,
    `[users]`, profiles) is not divided: one task does all of it.

    Args:
        spark: The session. A task has as many threads as `spark.task.cpus` says.
        definition: The definition, on this machine. Its inputs and outputs have to be where all executors reach
            them: in a bucket, or in a folder that they share.
        shards: How many there are. More than cores balance better.
        set: Settings that replace those of the definition.
        date: The date for `{date}`.
        run: The id for `{run}`.
    """
    threads = int(spark.conf.get("spark.task.cpus", "1") or 1)
    name, text, sets = _file(definition, set)
    if _together(definition, set):
        what = runs.options(name, None, date, run, threads) | {"sets": sets}
        here = what | {"definition": os.fspath(definition)}
        try:
            [told] = _told(spark, _Work(name, text, what, None, 1), 1)
        except OverBudget as error:
            error.result = runs.result(here, error.fault["result"])
            raise
        return runs.result(here, told)
    plan = runs.shards(definition, count=shards, set=set, date=date, run=run)
    count = json.loads(plan.partition("\n")[0])["shards"]
    what = runs.options(name, None, threads=threads) | {"sets": sets}
    done = _told(spark, _Work(name, text, what, plan, count), count)
    if len(done) != count:
        raise RuntimeError(f"Spark has returned {len(done)} of {count} shards")
    with tempfile.TemporaryDirectory(prefix="segprep-") as folder:
        file = Path(folder, "plan.ndjson")
        file.write_text(plan)
        return runs.gather(definition, plan=file, set=set)


def _told(spark: SparkSession, work: _Work, count: int) -> list[dict[str, Any]]:
    """What so many tasks tell. The first failure of one is an exception, as if it were here."""
    rows = spark.range(0, count, 1, count).mapInArrow(work, "task long, told string").collect()
    told = {row["task"]: json.loads(row["told"]) for row in rows}
    for number in sorted(told):
        if "exit_code" in told[number]:
            raise made(json.dumps(told[number]))
    return [told[number] for number in sorted(told)]


def _file(definition: StrPath, settings: Settings | None) -> tuple[str, bytes, list[str]]:
    return os.path.basename(definition), Path(definition).read_bytes(), texts(settings)


def _together(definition: StrPath, settings: Settings | None) -> list[str]:
    """How the definition compares records with each other. Fails if it is wrong."""
    together: list[str] = runs.check(definition, set=settings).get("together") or []
    return together


def _read(definition: StrPath, settings: Settings | None) -> tuple[str, bytes, list[str]]:
    """The name and text of a definition whose records may be cleaned each by itself, and the settings."""
    if _together(definition, settings):
        message = "the definition compares records with each other, and Spark has them in different partitions"
        hint = "use `segprep.spark.run` or `segprep.run` for it"
        raise DefinitionError({"exit_code": 78, "kind": "definition", "message": message, "hint": hint})
    return _file(definition, settings)


@lru_cache(maxsize=4)
def _opened(name: str, text: bytes, sets: tuple[str, ...]) -> Definition:
    """A definition in this worker, which Spark uses for one partition after the other."""
    return copied(name, text, [*sets, "run.threads=1"])


@dataclass(frozen=True)
class _Clean:
    name: str
    text: bytes
    sets: list[str]
    rejects: bool

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        definition = _opened(self.name, self.text, tuple(self.sets))
        for batch in batches:
            yield _for_spark(definition.clean(batch)[self.rejects])


def _for_spark(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same with the types that Spark has."""
    fields = [field.with_type(_type_for_spark(field.type)) for field in batch.schema]
    columns = [column.cast(field.type) for column, field in zip(batch.columns, fields, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _type_for_spark(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return _INSTANT
    return pa.int64() if pa.types.is_uint64(kind) else kind


def _schema_of_records() -> Any:
    from pyspark.sql.pandas.types import from_arrow_schema

    fields = [field.with_type(_type_for_spark(field.type)) for field in _segprep.record_schema()]
    return from_arrow_schema(pa.schema(fields))


@dataclass(frozen=True)
class _Work:
    """Shards of a plan, or without one a whole run."""

    name: str
    text: bytes
    what: dict[str, Any]
    plan: str | None
    count: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with tempfile.TemporaryDirectory(prefix="segprep-") as folder:
            definition = Path(folder, self.name)
            definition.write_bytes(self.text)
            what = self.what | {"definition": str(definition)}
            plan = Path(folder, "plan.ndjson")
            if self.plan is not None:
                plan.write_text(self.plan)
            for batch in batches:
                for number in batch.column(0).to_pylist():
                    shard = None if self.plan is None else (number, self.count, str(plan))
                    told = pa.array([_when_free(what | {"shard": shard})])
                    yield pa.record_batch([pa.array([number], pa.int64()), told], ["task", "told"])


def _when_free(what: dict[str, Any]) -> str:
    """Does a run. An earlier attempt at it may still be at work somewhere. A failure that would be the same again is
    told; others are raised, so that Spark tries again."""
    until = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return _segprep.run(what, None)
        except SegprepError as error:
            is_held = isinstance(error, PlaceTaken) and time.monotonic() < until
            if isinstance(error, StorageError):
                raise
            if not is_held:
                return json.dumps(error.fault)
        time.sleep(2)
