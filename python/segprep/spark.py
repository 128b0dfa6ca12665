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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from segprep import _segprep
from segprep import _run as runs
from segprep import _compared, _profiles
from segprep._batches import Definition, copied
from segprep._compared import Comparing
from segprep._errors import DefinitionError, OverBudget, PlaceTaken, SegprepError, StorageError, made
from segprep._run import Result
from segprep._settings import Settings, StrPath, texts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["Profiles", "clean", "counts", "profiles", "rejects", "run"]

_INSTANT = pa.timestamp("us", tz="UTC")  # the only one that Spark has
_WAIT_SECONDS = 180
"""How long a shard waits for an earlier attempt at it, which may have outlived its executor."""

_Order: TypeAlias = str | Sequence[str]
_File: TypeAlias = tuple[str, bytes, list[str]]


def clean(df: DataFrame, definition: StrPath, *, set: Settings | None = None, order: _Order = ()) -> DataFrame:
    """The records of a DataFrame that are written, checked, repaired and pseudonymised.

    A DataFrame with one column of strings (besides those of `order`) holds lines of newline-delimited JSON, and so does
    the result. Any other has the columns of the Parquet output, and so has the result.

    `[unique]` and `[users]` are decided by Spark's shuffle, as one machine decides if it reads the records in this order.
    A definition that makes profiles gives their rows, as `profiles` does.

    Args:
        df: The records.
        definition: The definition, on this machine. Its inputs and outputs are not used, and no budget is checked.
        set: Settings that replace those of the definition.
        order: The columns that say in which order the records came, if they are compared with each other. Together they
            should differ in any two records. They are no part of the records, unless they are fields of them.

    Raises:
        DefinitionError: If the definition is wrong, or brings records together without `order`, or without a key
            where it hides what is compared; or if it makes profiles and has other outputs.
    """
    comparing, file, columns = _ready(df, definition, set, order)
    if comparing.is_off:
        return df.mapInArrow(_Clean(*file, rejects=False, records=columns.records), columns.schema)
    if comparing.profiles:
        return profiles(df, definition, set=set, order=order).rows
    from pyspark.sql import functions as F

    frame = _kept(_decided(df, comparing, file, columns, has_clean=True))
    if not comparing.merges_opt_outs:
        return frame.select("clean.*")
    if columns.are_lines:
        return frame.select("clean.*", "opts_out").mapInArrow(_opted_out, columns.schema)
    name, value = comparing.opt_out
    opt_out = F.when(F.col("opts_out"), F.lit(value)).otherwise(F.col("clean")[name])
    return frame.select(F.col("clean").withField(name, opt_out).alias("clean")).select("clean.*")


@dataclass(frozen=True)
class Profiles:
    """The profiles of a DataFrame, and what is beside them.

    Attributes:
        rows: A row for each user, with the columns that the parts of one machine have, as text.
        opt_outs: The addresses of those who have opted out, each once: `list` (`phone` or `email`) and `address`.
        object_type: What the columns are in Customer Profiles: the text of `object-type.json`.
    """

    rows: DataFrame
    opt_outs: DataFrame
    object_type: str


def profiles(df: DataFrame, definition: StrPath, *, order: _Order, set: Settings | None = None) -> Profiles:
    """The profiles of a DataFrame, by a definition whose output is `profiles-csv`.

    Which columns there are depends on all records, so this is a pass over the data. The rows are another one, and the
    opt-outs a third. They belong together only if the DataFrame has the same records each time.

    Args:
        df: The records, as for `clean`.
        definition: The definition, on this machine. Its inputs and outputs are not used, and no budget is checked.
        order: The columns that say in which order the records came: the first value of a field stays.
        set: Settings that replace those of the definition.

    Raises:
        DefinitionError: As with `clean`, or if the definition makes no profiles, or if two columns have names that
            differ only in case while Spark compares names without it.
    """
    comparing, file, columns = _ready(df, definition, set, order)
    if not comparing.profiles:
        raise _refused("the definition makes no profiles", 'use `format = "profiles-csv"`, or `segprep.spark.clean`')
    made = _made(df, comparing, file, columns, runs.options(definition, set))
    is_exact = df.sparkSession.conf.get("spark.sql.caseSensitive", "false").lower() == "true"
    if not is_exact and len({name.casefold() for name in made.names}) < len(made.names):
        raise _refused(
            "two columns have names that differ only in case, which Spark takes for one",
            "set `spark.sql.caseSensitive` to `true`, or drop or rename one of the attributes",
        )
    opt_outs = made.records.filter("list IS NOT NULL").select("list", "address").distinct()
    return Profiles(_profiles.rows(made.folded, made.open, made.columns, made.names), opt_outs, made.object_type)


def rejects(df: DataFrame, definition: StrPath, *, set: Settings | None = None, order: _Order = ()) -> DataFrame:
    """The rejects that `clean` leaves out: `record`, counted from 1 in its batch, and `problems`."""
    comparing, file, columns = _ready(df, definition, set, order)
    words = ("field", "code", "rule", "detail", "repair")
    schema = f"record long, problems array<struct<{', '.join(f'{word}: string' for word in words)}>>"
    work = _Clean(*file, rejects=True, records=columns.records, compared=not comparing.is_off)
    alone = df.mapInArrow(work, schema)
    if not comparing.rejects_users:
        return alone
    from pyspark.sql import functions as F

    known = dict(zip(words, comparing.user_problem, strict=False))
    problem = F.struct(*(F.lit(known.get(word)).cast("string").alias(word) for word in words))
    over = _decided(df, comparing, file, columns, has_clean=False).filter("is_over")
    return alone.union(over.select(F.col("compared.record").alias("record"), F.array(problem).alias("problems")))


def counts(
    df: DataFrame, definition: StrPath, *, set: Settings | None = None, order: _Order = ()
) -> dict[str, Any]:
    """How many records there are by what becomes of them: `read`, `written`, `rejected`, and `dropped` by reason. With
    `[unique]` also `optout_merged`: how often the record that stays got the opt-out of a duplicate.

    With profiles also `profiles`: their `rows`, `columns`, the addresses of `lists`, values without a place in `unplaced`
    (by field, or map), empty ones in `emptied`, and `unlisted`: how many records that are opted out were not written, so
    that their addresses are on a list only if another record has them.
    """
    comparing, file, columns = _ready(df, definition, set, order)
    from pyspark.sql import functions as F

    def sums(frame: DataFrame, names: Sequence[str]) -> dict[str, int]:
        [row] = frame.agg(*(F.sum(F.col(name).cast("long")).alias(name) for name in names)).collect()
        return {name: row[name] or 0 for name in names}

    work = _Count(*file, records=columns.records, compared=not comparing.is_off)
    told = sums(df.mapInArrow(work, ", ".join(f"{name} long" for name in _COUNTED)), _COUNTED)
    unlisted = told.pop("unlisted")
    dropped = {name: told.pop(name) for name in ("inactive", "suppressed")}
    if comparing.compares:
        frame = _decided(df, comparing, file, columns, has_clean=False)
        frame = frame.withColumn("opts_out", F.col("opts_out") & ~F.col("is_duplicate") & ~F.col("is_over"))
        found = sums(frame, ("is_duplicate", "is_over", "opts_out"))
        told["written"] -= found["is_duplicate"] + found["is_over"]
        if comparing.unique is not None:
            dropped["duplicate"] = found["is_duplicate"]
            told["optout_merged"] = found["opts_out"]
        if comparing.rejects_users:
            told["rejected"] += found["is_over"]
        elif comparing.users is not None:
            dropped["user_limit"] = found["is_over"]
    every: dict[str, Any] = told | {"dropped": dropped}
    if comparing.profiles:
        unlisted += _unlisted(df, comparing, file, columns)
        every["profiles"] = _profile_counts(df, comparing, file, columns, runs.options(definition, set), unlisted)
    return every


def _profile_counts(
    df: DataFrame, comparing: Comparing, file: _File, columns: _Columns, what: dict[str, Any], unlisted: int
) -> dict[str, Any]:
    made = _made(df, comparing, file, columns, what)
    told = _profiles.row_counts(made.folded, made.open, made.columns)
    listed = made.records.filter("list IS NOT NULL").select("list", "address").distinct().groupBy("list").count()
    lists = {"phone": 0, "email": 0} | {row["list"]: row["count"] for row in listed.collect()}
    unplaced = {name.removeprefix("unplaced."): number for name, number in told.items() if name.startswith("unplaced.")}
    return {
        "rows": told.get("profiles", 0),
        "columns": len(made.names),
        "lists": lists,
        "unplaced": {name: unplaced[name] for name in sorted(unplaced) if unplaced[name]},
        "emptied": told.get("emptied", 0),
        "unlisted": unlisted,
    }


def _unlisted(df: DataFrame, comparing: Comparing, file: _File, columns: _Columns) -> int:
    """How many records are opted out and dropped because of others."""
    if not comparing.compares:
        return 0
    from pyspark.sql import functions as F

    frame = _decided(df, comparing, file, columns, has_clean=True)
    lacks = F.col("is_over")
    if comparing.lists_lack_duplicates:
        lacks = lacks | F.col("is_duplicate")
    # A duplicate has no opt-out but its own.
    frame = frame.filter(lacks).withColumn("opts_out", F.col("opts_out") & ~F.col("is_duplicate"))
    return int(_profiles.records(frame, _Opener(*file)).filter("is_opted_out").count())


@dataclass(frozen=True)
class _Made:
    """Profiles of a DataFrame, with the columns of their rows."""

    open: _profiles.Open
    records: DataFrame
    folded: DataFrame
    columns: list[bytes]
    names: list[str]
    object_type: str


def _made(df: DataFrame, comparing: Comparing, file: _File, columns: _Columns, what: dict[str, Any]) -> _Made:
    opener = _Opener(*file)
    records = _profiles.records(_kept(_decided(df, comparing, file, columns, has_clean=True)), opener)
    folded = _profiles.folded(records, opener)
    names, ids, object_type = _segprep.profile_columns(what, _profiles.columns(folded, opener))
    return _Made(opener, records, folded, ids, names, object_type)


def _kept(frame: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    return frame.filter(~(F.col("is_duplicate") | F.col("is_over")))


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
    `[users]`, profiles) is not divided: one task does all of it. `clean` and `profiles` divide it.

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


def _read(definition: StrPath, settings: Settings | None, order: _Order = ()) -> _File:
    """The name and text of a definition whose records Spark can clean, and the settings."""
    _comparing(definition, settings, order)
    return _file(definition, settings)


def _comparing(definition: StrPath, settings: Settings | None, order: _Order) -> Comparing:
    """How the definition compares records with each other. Fails if it is wrong, or Spark cannot do that."""
    comparing = Comparing(**json.loads(_segprep.comparing(runs.options(definition, settings))))
    if comparing.is_off or order:
        return comparing
    does = "makes profiles of records" if comparing.profiles else "compares records with each other"
    message = f"the definition {does}, and a DataFrame does not say in which order they came"
    raise _refused(message, "name the columns that say so, as in `order=[\"number\"]`")


def _refused(message: str, hint: str) -> DefinitionError:
    return DefinitionError({"exit_code": 78, "kind": "definition", "message": message, "hint": hint})


@dataclass(frozen=True)
class _Columns:
    """Which columns of a DataFrame are those of the records, and which say in which order they came, by position."""

    records: tuple[int, ...]
    order: tuple[int, ...]
    are_lines: bool
    schema: Any
    """That of the records that are written."""


def _columns(df: DataFrame, order: _Order) -> _Columns:
    names = list(df.columns)
    ordered = [order] if isinstance(order, str) else list(order)
    missing = [name for name in ordered if name not in names]
    if missing:
        raise ValueError(f"`order` names what is no column of the DataFrame: {', '.join(map(repr, missing))}")
    places = tuple(names.index(name) for name in ordered)
    others = tuple(place for place in range(len(names)) if place not in places) or tuple(range(len(names)))
    fields = [df.schema.fields[place] for place in others]
    if len(fields) == 1 and fields[0].dataType.typeName() == "string":
        from pyspark.sql.types import StructType

        return _Columns(others, places, True, StructType(fields))
    known = _segprep.record_schema().names
    records = tuple(place for place, name in enumerate(names) if place in others or name in known)
    return _Columns(records, places, False, _schema_for_spark(_segprep.record_schema()))


def _ready(
    df: DataFrame, definition: StrPath, settings: Settings | None, order: _Order
) -> tuple[Comparing, _File, _Columns]:
    return _comparing(definition, settings, order), _file(definition, settings), _columns(df, order)


def _decided(df: DataFrame, comparing: Comparing, file: _File, columns: _Columns, has_clean: bool) -> DataFrame:
    """What would be written if records were not compared, and what becomes of it because they are."""
    from pyspark.sql.types import BinaryType, StructField, StructType

    came = [
        StructField(_compared.place_name(place), df.schema.fields[column].dataType)
        for place, column in enumerate(columns.order)
    ]
    members = {"order": StructType(came), "compared": _schema_for_spark(_compared.COLUMNS)}
    if has_clean:
        values = StructType([StructField("values", BinaryType())])
        members["clean"] = values if comparing.profiles else columns.schema
    work = _Compare(*file, columns.records, columns.order, has_clean)
    frame = df.mapInArrow(work, StructType([StructField(name, kind) for name, kind in members.items()]))
    return _compared.decided(frame, comparing, len(came))


@lru_cache(maxsize=4)
def _opened(name: str, text: bytes, sets: tuple[str, ...], compared: bool = False) -> Definition:
    """A definition in this worker, which Spark uses for one partition after the other."""
    return copied(name, text, [*sets, "run.threads=1"], compared)


@dataclass(frozen=True)
class _Opener:
    """Opens a definition that brings records together."""

    name: str
    text: bytes
    sets: list[str]

    def __call__(self) -> _segprep.Cleaner:
        return _opened(self.name, self.text, tuple(self.sets), True)._cleaner


@dataclass(frozen=True)
class _Clean:
    name: str
    text: bytes
    sets: list[str]
    rejects: bool
    records: tuple[int, ...] | None = None
    compared: bool = False

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        definition = _opened(self.name, self.text, tuple(self.sets), self.compared)
        for batch in batches:
            yield _for_spark(definition.clean(_records(batch, self.records))[self.rejects])


_COUNTED = ("read", "written", "rejected", "inactive", "suppressed", "unlisted")


@dataclass(frozen=True)
class _Count:
    """Counts what becomes of records by themselves."""

    name: str
    text: bytes
    sets: list[str]
    records: tuple[int, ...] | None
    compared: bool

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        definition = _opened(self.name, self.text, tuple(self.sets), self.compared)
        for batch in batches:
            before = _numbers(definition)
            definition.clean(_records(batch, self.records))
            new = [now - then for now, then in zip(_numbers(definition), before, strict=True)]
            yield pa.record_batch([pa.array([number], pa.int64()) for number in new], list(_COUNTED))


def _numbers(definition: Definition) -> list[int]:
    counts = definition.counts
    counts |= counts["dropped"] | {"unlisted": definition._unlisted}
    return [counts[name] for name in _COUNTED]


@dataclass(frozen=True)
class _Compare:
    """What would be written, in which order it came, and what it is compared by."""

    name: str
    text: bytes
    sets: list[str]
    records: tuple[int, ...]
    order: tuple[int, ...]
    has_clean: bool

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        definition = _opened(self.name, self.text, tuple(self.sets), True)
        names = [_compared.place_name(place) for place in range(len(self.order))]
        for batch in batches:
            clean, compared = definition._compared(_records(batch, self.records))
            rows = compared.column(0)
            came = pa.RecordBatch.from_arrays([batch.column(place).take(rows) for place in self.order], names)
            members = {"order": came, "compared": compared.select(_compared.COLUMNS.names)}
            if self.has_clean:
                members["clean"] = _for_spark(clean)
            structs = [member.to_struct_array() for member in members.values()]
            yield pa.RecordBatch.from_arrays(structs, list(members))


def _opted_out(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Lines, of which some are opted out: those with `true` beside them."""
    for batch in batches:
        lines, opts_out = batch.columns
        written = pa.record_batch([lines.cast(pa.string()), opts_out], ["line", "opts_out"])
        done = _segprep.opted_out_lines(written).column(0)
        yield pa.RecordBatch.from_arrays([done.cast(lines.type)], [batch.schema.names[0]])


def _records(batch: pa.RecordBatch, columns: tuple[int, ...] | None) -> pa.RecordBatch:
    return batch if columns is None else batch.select(list(columns))


def _for_spark(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same with the types that Spark has."""
    fields = [field.with_type(_type_for_spark(field.type)) for field in batch.schema]
    columns = [column.cast(field.type) for column, field in zip(batch.columns, fields, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _type_for_spark(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return _INSTANT
    return pa.int64() if pa.types.is_uint64(kind) else kind


def _schema_for_spark(schema: pa.Schema) -> Any:
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(pa.schema([field.with_type(_type_for_spark(field.type)) for field in schema]))


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
