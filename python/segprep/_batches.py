"""Batches of Arrow through a definition."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa

from segprep import _segprep
from segprep._settings import Settings, StrPath, texts


class Definition:
    """A definition that cleans batches, by the rules of a run.

    It has read the definition, its keys and its suppression lists once. It may be used by several threads. A copy
    in another process (by `pickle`) reads keys and lists there, from where the definition says: they are never
    part of it.

    Args:
        path: The definition.
        set: Settings that replace those of the definition, such as `{"run.threads": 1}`. A text is TOML, or text
            if it does not parse, as with `--set`.

    Raises:
        DefinitionError: If the definition is wrong, or has what single batches cannot be given: `[unique]`,
            `[users]`, profiles.
        AccessError: If a key is missing or wrong.
    """

    def __init__(self, path: StrPath, *, set: Settings | None = None) -> None:
        self._open(os.fspath(path), texts(set))
        # A pipe can be read only once, and then there is nothing to make a copy from.
        self._text = Path(path).read_bytes() if os.path.isfile(path) else None

    def _open(self, path: str, sets: list[str], compared: bool = False) -> None:
        self._path = path
        self._sets = sets
        self._cleaner = _segprep.Cleaner(path, sets, compared)

    def clean(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """Checks, repairs and pseudonymises the records of a batch.

        A batch with one column of text holds lines of newline-delimited JSON, and so does the first result, with
        the same column. Any other batch has the columns of the Parquet output, and so has the first result.

        Returns:
            The records that are written, and the rejects: `record` (from 1) and `problems`, each with `field`,
            `code`, `rule`, `detail` and `repair`. What is dropped is in neither; `counts` has its number.
        """
        return self._cleaner.clean(batch)

    def _compared(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """The records that are written, and a row for each with what it is compared by, for Spark."""
        clean, compared = self._cleaner.compared(batch)
        assert compared is not None
        return clean, compared

    @property
    def _unlisted(self) -> int:
        """If profiles are made: how many records so far are opted out and not written."""
        return self._cleaner.unlisted()

    @property
    def counts(self) -> dict[str, Any]:
        """What became of the records so far: `read`, `written`, `rejected`, and `dropped` by reason."""
        counts: dict[str, Any] = json.loads(self._cleaner.counts())
        return counts

    @property
    def warnings(self) -> list[str]:
        """What is to be known about the definition and its keys."""
        return self._cleaner.warnings()

    def __repr__(self) -> str:
        return f"segprep.Definition({self._path!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self._text is None:
            raise TypeError("a definition that was read from a pipe cannot be copied")
        return copied, (os.path.basename(self._path), self._text, self._sets)


def copied(name: str, text: bytes, sets: list[str], compared: bool = False) -> Definition:
    """The same definition in another process, where its file may not be. `compared`: its records are compared with those
    of other batches."""
    with tempfile.TemporaryDirectory(prefix="segprep-") as folder:
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(text)
        copy = Definition.__new__(Definition)
        copy._open(path, sets, compared)
    copy._path = name
    copy._text = text
    return copy
