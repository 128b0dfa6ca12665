"""Runs, and what they tell."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.json as pj

from segprep import _segprep
from segprep._errors import OverBudget
from segprep._settings import Settings, StrPath, texts


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    bytes_read: int
    bytes_total: int
    records_read: int
    records_rejected: int


ProgressCallback: TypeAlias = Callable[[Progress], object]

_PROBLEM = pa.struct([(name, pa.string()) for name in ("field", "code", "rule", "detail", "repair")])
_OF_REJECTS: dict[str, pa.DataType] = {
    "source": pa.string(),
    "record": pa.uint64(),
    "line": pa.uint64(),
    "offset": pa.uint64(),
    "bytes": pa.uint64(),
    "endpoint": pa.uint8(),
    "problems": pa.list_(_PROBLEM),
}
_REJECTS = pa.schema(_OF_REJECTS)
_OF_PARTS: dict[str, pa.DataType] = {
    "to": pa.string(),
    "format": pa.string(),
    "target": pa.string(),
    "path": pa.string(),
    "bytes": pa.uint64(),
    "records": pa.uint64(),
    "digest": pa.string(),
}
_PARTS = pa.schema(_OF_PARTS)
_DIGESTS = ("sha256", "crc64nvme")


class Account(Mapping[str, pa.Table]):
    """The account of a run as Arrow tables: `rejects` and `inputs`. They are read when they are asked for."""

    def __init__(self, path: str | None, read: Callable[[str], bytes]) -> None:
        self.path = path
        self._read = read

    @cached_property
    def rejects(self) -> pa.Table:
        """A row for each reject, in input order."""
        return _table(self._read("rejects.ndjson"), _REJECTS)

    @cached_property
    def inputs(self) -> pa.Table:
        """A row for each input."""
        return _table(self._read("inputs.ndjson"), None)

    def __getitem__(self, name: str) -> pa.Table:
        if name in ("rejects", "inputs"):
            table: pa.Table = getattr(self, name)
            return table
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(("rejects", "inputs"))

    def __len__(self) -> int:
        return 2

    def __repr__(self) -> str:
        return f"segprep.Account({self.path!r})"


def _table(lines: bytes, schema: pa.Schema | None) -> pa.Table:
    if not lines.strip():
        return (schema or pa.schema([])).empty_table()
    # A line has to fit into a block; a reject may have a thousand problems.
    reading = pj.ReadOptions(block_size=min(max(len(lines), 1 << 20), 64 << 20))
    parsing = pj.ParseOptions(explicit_schema=schema)
    return pj.read_json(io.BytesIO(lines), read_options=reading, parse_options=parsing)


class Result:
    """How a run ended.

    Attributes:
        status: `"published"`, `"already_published"`, `"dry_run"`, or `"nothing_to_read"` (with
            `on_empty = "ok"`). The result of a run over its budget is in the exception, as `"over_budget"`.
        manifest: The whole manifest; empty if there was nothing to read.
        account: Its tables, `rejects` and `inputs`.
    """

    def __init__(self, status: str, manifest: dict[str, Any], account: Account, notes: list[str]) -> None:
        self.status = status
        self.manifest = manifest
        self.account = account
        self._notes = notes

    @property
    def counts(self) -> dict[str, Any]:
        """What became of the records: `read`, `written`, `rejected`, and `dropped` by reason."""
        nothing = {"read": 0, "written": 0, "rejected": 0, "dropped": {}}
        counts: dict[str, Any] = self.manifest.get("records", nothing)
        return counts

    @property
    def outputs(self) -> pa.Table:
        """A row for each part: where it is, its bytes, records and digest."""
        rows = []
        for output in self.manifest.get("outputs", []):
            about = {name: output.get(name) for name in ("to", "format", "target")}
            for part in output["files"]:
                digest = next((f"{kind}:{part[kind]}" for kind in _DIGESTS if part.get(kind)), None)
                rows.append(about | {"digest": digest} | {name: part[name] for name in ("path", "bytes", "records")})
        return pa.Table.from_pylist(rows, schema=_PARTS)

    @property
    def warnings(self) -> list[str]:
        """What the run warns of."""
        return [*self.manifest.get("warnings", []), *self._notes]

    def __repr__(self) -> str:
        counts = {name: self.counts[name] for name in ("read", "written", "rejected")}
        return f"<segprep.Result {self.status}: {counts}>"


def run(
    path: StrPath,
    *,
    set: Settings | None = None,
    progress: ProgressCallback | None = None,
    date: str | None = None,
    run: str | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    again: Sequence[str] = (),
    dry_run: bool = False,
    shard: tuple[int, int] | None = None,
    plan: StrPath | None = None,
) -> Result:
    """Runs a definition, as `segprep run` does.

    Args:
        path: The definition.
        set: Settings that replace those of the definition, such as `{"account.max_reject_ratio": 0.1}`. A text is
            TOML, or text if it does not parse, as with `--set`.
        progress: Called about ten times a second, and at the end. If it raises, the run is stopped.
        date: The date for `{date}`: `"2026-11-23"`, `"yesterday"` or `"-3d"`.
        run: The id for `{run}`.
        threads: The number of threads; by default the number of cores.
        overwrite: Whether to replace another published run.
        again: Patterns of inputs on the list of `[state]` to be taken once more.
        dry_run: Read and check everything, and write nothing.
        shard: `(I, N)`: do shard I of N, from 0.
        plan: The plan of shards that a shard follows.

    Raises:
        OverBudget: If a budget was exceeded. Its `result` has the counts and the account.
        SegprepError: If there is no result for another reason.
        KeyboardInterrupt: If it was interrupted. Nothing half-written remains.
    """
    what = options(path, set, date, run, threads) | {
        "overwrite": overwrite,
        "again": list(again),
        "dry_run": dry_run,
        "shard": _shard(shard, plan),
    }
    return _ended(what, lambda: _segprep.run(what, _telling(progress)))


def gather(
    path: StrPath,
    *,
    count: int | None = None,
    plan: StrPath | None = None,
    set: Settings | None = None,
    progress: ProgressCallback | None = None,
) -> Result:
    """Publishes what the shards of a definition have written, as `segprep gather` does: `count` of them, or those
    of a plan."""
    what = options(path, set)
    at = None if plan is None else os.fspath(plan)
    return _ended(what, lambda: _segprep.gather(what, count, at, _telling(progress)))


def shards(
    path: StrPath,
    *,
    count: int | None = None,
    bytes: int | None = None,
    set: Settings | None = None,
    date: str | None = None,
    run: str | None = None,
) -> str:
    """Divides the inputs of a definition, as `segprep shards` does, and returns the plan: lines of JSON."""
    if (count is None) == (bytes is None):
        raise ValueError("give either `count` or `bytes`")
    return _segprep.shards(options(path, set, date, run), count, bytes)


def check(path: StrPath, *, set: Settings | None = None) -> dict[str, Any]:
    """What a definition does to each field, and what it needs, as `segprep check --json` prints it.

    Raises:
        DefinitionError: If the definition is wrong; `diagnostics` has everything.
    """
    checked: dict[str, Any] = json.loads(_segprep.check(options(path, set)))
    return checked


def scan(
    *sources: StrPath,
    set: Settings | None = None,
    records: int | None = None,
    sample: float | None = None,
    all: bool = False,
    threads: int | None = None,
    progress: ProgressCallback | None = None,
) -> dict[str, Any]:
    """What is in files that nobody has described, as `segprep scan --json` prints it: files, folders, patterns and
    objects, or the inputs of a definition. It shows no value of a record."""
    if not sources:
        raise ValueError("name what to scan")
    what = {
        "from": [os.fspath(source) for source in sources],
        "sets": texts(set),
        "records": records,
        "sample": sample,
        "all": all,
        "threads": threads,
    }
    report: dict[str, Any] = json.loads(_segprep.scan(what, _telling(progress)))
    return report


def options(
    path: StrPath,
    settings: Settings | None,
    date: str | None = None,
    run: str | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """What the extension takes."""
    return {
        "definition": os.fspath(path),
        "sets": texts(settings),
        "date": date,
        "run": run,
        "threads": threads,
        "overwrite": False,
        "again": [],
        "dry_run": False,
        "shard": None,
    }


def _shard(shard: tuple[int, int] | None, plan: StrPath | None) -> tuple[int, int, str | None] | None:
    if shard is None:
        if plan is not None:
            raise ValueError("a plan is for a `shard` of it")
        return None
    number, count = shard
    return number, count, None if plan is None else os.fspath(plan)


def _telling(progress: ProgressCallback | None) -> Callable[[int, int, int, int], object] | None:
    if progress is None:
        return None
    return lambda read, total, records, rejected: progress(Progress(read, total, records, rejected))


def _ended(what: dict[str, Any], work: Callable[[], str]) -> Result:
    try:
        return result(what, json.loads(work()))
    except OverBudget as error:
        error.result = result(what, error.fault["result"])
        raise


def result(what: dict[str, Any], told: dict[str, Any]) -> Result:
    """The result of a run, from what the extension tells of it."""
    place: str | None = told.get("account")
    manifest: dict[str, Any] = told.get("manifest") or {}

    def read(name: str) -> bytes:
        if place is None:
            return b""
        if "://" not in place:
            file = Path(place, name)
            return file.read_bytes() if file.exists() else b""
        # In a bucket. The id and the day are those of this run, for `{run}` and `{date}`.
        which = what | {"run": manifest.get("run") or what["run"]}
        return _segprep.account_file(which, name) or b""

    if place is not None and not manifest:
        manifest = json.loads(read("manifest.json") or b"{}")
    notes = [note for note in (told.get("leftover"), told.get("reason")) if note]
    return Result(told["status"], manifest, Account(place, read), notes)
