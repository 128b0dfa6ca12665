"""What becomes of the records of a DataFrame because of others, by Spark's shuffle: `[unique]` and `[users]`, decided as
`src/group` of the library does on one machine.

A row of these frames has `order` (in which order it came), `compared` (the hashes by which it is compared, its date and
its opt-out, from `src/run/clean/compared.rs`), and if it is to be written `clean`, the record. Spark shuffles these: hashes
with a key that only executors have, and of values what the rules leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_MEMBERS: dict[str, pa.DataType] = {
    "record": pa.int64(),
    "key": pa.binary(),
    "user": pa.binary(),
    "seconds": pa.int64(),
    "nanoseconds": pa.int32(),
    "is_opted_out": pa.bool_(),
    "takes_opt_out": pa.bool_(),
}
COLUMNS = pa.schema(_MEMBERS)
"""The members of `compared`."""


@dataclass(frozen=True)
class Comparing:
    """How a definition compares records with each other.

    Attributes:
        unique: `keep` of `[unique]`, if there is such a section.
        users: `max` and `over` of `[users]`.
        profiles: Whether profiles are made of records.
        lists_lack_duplicates: Whether a duplicate that is opted out may be on no list.
        user_problem: The field, code and rule of the problem of a record that its user has too many of.
        opt_out: The column by which people opt out, and its value.
    """

    unique: str | None
    users: dict[str, Any] | None
    profiles: bool
    lists_lack_duplicates: bool
    user_problem: list[str]
    opt_out: list[str]

    @property
    def is_off(self) -> bool:
        """Whether each record is alone."""
        return not self.compares and not self.profiles

    @property
    def compares(self) -> bool:
        """Whether a record may be left out because of others."""
        return self.unique is not None or self.users is not None

    @property
    def merges_opt_outs(self) -> bool:
        """Whether a record that stays gets the opt-out of the others."""
        return self.unique in ("first", "last")

    @property
    def rejects_users(self) -> bool:
        return self.users is not None and self.users["over"] == "reject"


def decided(frame: DataFrame, comparing: Comparing, columns: int) -> DataFrame:
    """The same rows with `is_duplicate`, `is_over` and `opts_out`: whether another one stays instead, its user has too
    many, and it stays for one that has opted out.

    Args:
        frame: With `order` and `compared`.
        comparing: What decides.
        columns: How many `order` has.
    """
    from pyspark.sql import functions as F

    came = [F.col("order")[place_name(place)] for place in range(columns)]
    frame = _with_duplicates(frame, comparing.unique, came)
    return _with_users(frame, comparing.users, came)


def place_name(place: int) -> str:
    """The name in `order` of one of its columns."""
    return f"_{place}"


def _with_duplicates(frame: DataFrame, keep: str | None, came: list[Column]) -> DataFrame:
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    if keep is None:
        return frame.withColumns({"is_duplicate": F.lit(False), "opts_out": F.lit(False)})
    key = F.col("compared.key")
    same = Window.partitionBy(*_parts(key, came))
    best = _by(keep, came)
    stays = F.row_number().over(same.orderBy(*best)) == 1
    differ = F.lit(False)
    if keep != "newest":
        # Of records that differ, one stays that has room for the opt-out, if any has.
        opted_out = F.col("compared.is_opted_out").cast("int")
        differ = F.max(opted_out).over(same) != F.min(opted_out).over(same)
        roomy = same.orderBy(F.col("compared.takes_opt_out").desc(), *best)
        stays = F.when(differ, F.row_number().over(roomy) == 1).otherwise(stays)
    return frame.withColumns({"is_duplicate": key.isNotNull() & ~stays, "opts_out": key.isNotNull() & differ})


def _with_users(frame: DataFrame, users: dict[str, Any] | None, came: list[Column]) -> DataFrame:
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    if users is None:
        return frame.withColumn("is_over", F.lit(False))
    user = F.col("compared.user")
    # Duplicates do not count.
    own = Window.partitionBy(*_parts(user, came), F.col("is_duplicate"))
    best = _by("newest" if users["over"] == "newest" else "first", came)
    place = F.row_number().over(own.orderBy(*best))
    return frame.withColumn("is_over", user.isNotNull() & ~F.col("is_duplicate") & (F.lit(users["max"]) < place))


def _parts(hash: Column, came: list[Column]) -> list[Column]:
    """What divides records among tasks. Those without a hash are compared with no other, and go anywhere; always to the
    same place, since a task may be done again."""
    from pyspark.sql import functions as F

    return [hash, F.when(hash.isNull(), F.xxhash64(*came))]


def _by(keep: str, came: list[Column]) -> list[Column]:
    """Orders the records of a hash by how much they are to stay."""
    from pyspark.sql import functions as F

    order = [*came, F.col("compared.record")]
    if keep == "first":
        return [column.asc() for column in order]
    date = [F.col("compared.seconds"), F.col("compared.nanoseconds")] if keep == "newest" else []
    return [column.desc() for column in [*date, *order]]
