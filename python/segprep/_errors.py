"""The exceptions of the package. None of them shows a value of a record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segprep._run import Result


class SegprepError(Exception):
    """Why there is no result.

    Attributes:
        exit_code: The code that the program `segprep` exits with.
        kind: Its name, such as `"definition"`.
        message: What and where.
        hint: What to do next, if that can be said.
        places: What is wrong in detail, one thing in each text.
        paste: TOML that would fix it, to be pasted into the definition.
        diagnostics: Everything that is wrong with the definition. Each has `message`, `file`, `line`, `column`,
            `help`, and `text`, which shows the place.
    """

    exit_code: int = 1

    def __init__(self, fault: dict[str, Any]) -> None:
        self.fault = fault
        self.exit_code = fault["exit_code"]
        self.kind: str = fault["kind"]
        self.message: str = fault["message"]
        self.hint: str | None = fault.get("hint") or None
        self.places: list[str] = fault.get("places") or []
        self.paste: str | None = fault.get("paste")
        self.diagnostics: list[dict[str, Any]] = fault.get("diagnostics") or []
        super().__init__(self._text())

    def _text(self) -> str:
        if self.diagnostics:
            return "\n\n".join(each["text"] for each in self.diagnostics)
        lines = [self.message, *(f"  {place}" for place in self.places)]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.fault,)


class InternalError(SegprepError):
    """A defect of segprep (exit code 1)."""


class OverBudget(SegprepError):
    """A budget was exceeded: nothing was published (3). `result` has the counts and the account."""

    result: Result | None = None


class CheckFailed(SegprepError):
    """A check did not hold, such as that all shards have run (4)."""


class InputError(SegprepError):
    """An input is not a segment file, or has changed since a run took it (65)."""


class NoInput(SegprepError):
    """An input is missing, or there is none, or none is new (66)."""


class PlaceTaken(SegprepError):
    """The output place is taken (73)."""


class StorageError(SegprepError):
    """Reading or writing failed (74)."""


class AccessError(SegprepError):
    """Access was denied, or a key is missing or wrong (77)."""


class DefinitionError(SegprepError):
    """The definition is wrong (78)."""


class Stopped(SegprepError):
    """A run was interrupted or terminated (130, 143); nothing half-written remains."""


_CLASSES: dict[int, type[SegprepError]] = {
    1: InternalError,
    3: OverBudget,
    4: CheckFailed,
    65: InputError,
    66: NoInput,
    73: PlaceTaken,
    74: StorageError,
    77: AccessError,
    78: DefinitionError,
    130: Stopped,
    143: Stopped,
}


def made(fault: str) -> SegprepError:
    """The exception for a failure that the library tells as JSON."""
    told = json.loads(fault)
    return _CLASSES.get(told["exit_code"], SegprepError)(told)
