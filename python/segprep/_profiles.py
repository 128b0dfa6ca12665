"""Profiles of a DataFrame, by Spark's shuffle, as `src/profiles` of the library makes them on one machine.

```text
records that stay ─▶ by user, in order ─▶ profiles ─▶ in order ─▶ columns
                                              └────────────────────▶ rows
```

The steps are those of the library (`src/profiles/shuffled.rs`); the order is Spark's work. What is shuffled is what the
rules leave of the records. From batch to batch one profile is held, however many records its user has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from segprep import _segprep

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import StructType

Open: TypeAlias = Callable[[], _segprep.Cleaner]
"""Opens a definition in a worker of Spark."""


@dataclass(frozen=True)
class Records:
    """Records as profiles of their own: `order`, `record`, `user`, `profile`, `is_opted_out`, `list` and `address`."""

    open: Open

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            order, record, values, opts_out = batch.columns
            read = pa.RecordBatch.from_arrays([values.cast(pa.binary()), opts_out], ["values", "opts_out"])
            made = _segprep.profile_records(self.open(), read)
            yield pa.RecordBatch.from_arrays([order, record, *made.columns], ["order", "record", *made.schema.names])


@dataclass(frozen=True)
class Fold:
    """Profiles with the `order` and `record` of their first records. The records are sorted by `user`, `order` and `record`."""

    open: Open

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        folder = _segprep.ProfileFolder(self.open())
        held: pa.RecordBatch | None = None
        for batch in batches:
            if batch.num_rows == 0:
                continue
            places = batch.select(["order", "record"])
            # Row 0 is that of the first record of the profile that has not ended.
            known = _joined(places.slice(0, 1) if held is None else held, places)
            users, profiles = (batch.column(name).cast(pa.binary()) for name in ("user", "profile"))
            ended, row = folder.add(pa.RecordBatch.from_arrays([users, profiles], ["user", "profile"]))
            held = known.slice(row, 1)
            yield _profiles(known, ended)
        if held is not None:
            yield _profiles(held, folder.end())


@dataclass(frozen=True)
class Columns:
    """The columns that profiles have. The profiles are sorted by their order."""

    open: Open

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        finder = _segprep.ColumnFinder(self.open())
        for batch in batches:
            profiles = batch.column("profile").cast(pa.binary())
            found = finder.find(pa.RecordBatch.from_arrays([profiles], ["profile"]))
            rows = found.column("row")
            places = [batch.column(name).take(rows) for name in ("order", "record")]
            yield pa.RecordBatch.from_arrays([*places, *found.columns[1:]], ["order", "record", *found.schema.names[1:]])


@dataclass(frozen=True)
class Rows:
    """The rows of profiles."""

    open: Open
    columns: list[bytes] = field(repr=False)

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        maker = _segprep.ProfileRows(self.open(), self.columns)
        for batch in batches:
            yield maker.rows(pa.RecordBatch.from_arrays([batch.column(0).cast(pa.binary())], ["profile"]))


@dataclass(frozen=True)
class RowCounts:
    """What becomes of profiles: `name` and `number`."""

    open: Open
    columns: list[bytes] = field(repr=False)

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        maker = _segprep.ProfileRows(self.open(), self.columns)
        for batch in batches:
            maker.rows(pa.RecordBatch.from_arrays([batch.column(0).cast(pa.binary())], ["profile"]))
        names, numbers = zip(*maker.counts(), strict=True)
        yield pa.record_batch([pa.array(names, pa.string()), pa.array(numbers, pa.int64())], ["name", "number"])


def records(frame: DataFrame, open: Open) -> DataFrame:
    """The records that stay, as profiles of their own.

    Args:
        frame: With `order`, `compared`, `clean` and `opts_out`.
        open: Opens the definition.
    """
    frame = frame.select("order", "compared.record", "clean.values", "opts_out")
    made = {"user": "binary", "profile": "binary", "is_opted_out": "boolean", "list": "string", "address": "string"}
    return frame.mapInArrow(Records(open), _placed(frame, made))


def folded(frame: DataFrame, open: Open) -> DataFrame:
    """The profiles of `records`: `order`, `record` and `profile`."""
    frame = frame.select("order", "record", "user", "profile").repartition("user")
    frame = frame.sortWithinPartitions("user", *_by_order(frame))
    return frame.mapInArrow(Fold(open), _placed(frame, {"profile": "binary"}))


def columns(frame: DataFrame, open: Open) -> list[bytes]:
    """The columns of the profiles of `folded`, the first ones first. Computes them now."""
    from pyspark.sql import functions as F

    members = {"id": "binary", "class": "int", "major": "long", "minor": "long"}
    found = frame.sortWithinPartitions(*_by_order(frame)).mapInArrow(Columns(open), _placed(frame, members))
    first = F.struct("class", "major", "order", "record", "minor")
    found = found.groupBy("id").agg(F.min(first).alias("first"))
    found = found.coalesce(1).sortWithinPartitions("first", "id").select("id")
    return [bytes(row["id"]) for row in found.collect()]


def rows(frame: DataFrame, open: Open, columns: list[bytes], names: list[str]) -> DataFrame:
    """The rows of the profiles of `folded`."""
    from pyspark.sql.types import StringType, StructField, StructType

    schema = StructType([StructField(name, StringType()) for name in names])
    return frame.select("profile").mapInArrow(Rows(open, columns), schema)


def row_counts(frame: DataFrame, open: Open, columns: list[bytes]) -> dict[str, int]:
    """What becomes of the profiles of `folded`: `profiles`, `emptied`, and with `unplaced.` the values of a field that
    have no place."""
    from pyspark.sql import functions as F

    told = frame.select("profile").mapInArrow(RowCounts(open, columns), "name string, number long")
    return {row["name"]: row["number"] for row in told.groupBy("name").agg(F.sum("number").alias("number")).collect()}


def _placed(frame: DataFrame, members: dict[str, str]) -> StructType:
    """The schema of rows with the place of a record and more."""
    from pyspark.sql.types import BinaryType, BooleanType, IntegerType, LongType, StringType, StructType

    kinds = {"binary": BinaryType, "boolean": BooleanType, "int": IntegerType, "long": LongType, "string": StringType}
    schema = StructType().add("order", frame.schema["order"].dataType)
    for name, kind in ({"record": "long"} | members).items():
        schema = schema.add(name, kinds[kind]())
    return schema


def _by_order(frame: DataFrame) -> list[Column]:
    from pyspark.sql import functions as F

    names = frame.schema["order"].dataType.names
    return [*(F.col("order")[name].asc() for name in names), F.col("record").asc()]


def _joined(one: pa.RecordBatch, other: pa.RecordBatch) -> pa.RecordBatch:
    pairs: Any = zip(one.columns, other.columns, strict=True)
    return pa.RecordBatch.from_arrays([pa.concat_arrays(pair) for pair in pairs], schema=other.schema)


def _profiles(places: pa.RecordBatch, ended: pa.RecordBatch) -> pa.RecordBatch:
    """Profiles with the places of their first records, which `first` gives as rows of `places`."""
    first = ended.column("first")
    found = [column.take(first) for column in places.columns]
    return pa.RecordBatch.from_arrays([*found, ended.column("profile")], [*places.schema.names, "profile"])
