"""Settings that replace those of a definition."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Settings: TypeAlias = Mapping[str, Any]
StrPath: TypeAlias = str | os.PathLike[str]


def texts(settings: Settings | None) -> list[str]:
    """`PATH=VALUE` for each setting, as on the command line."""
    return [f"{path}={_text(value)}" for path, value in (settings or {}).items()]


def _text(value: Any) -> str:
    """A value as on the command line: a text is TOML, or text if it does not parse."""
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    return _toml(value)


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str() | os.PathLike():
            return json.dumps(os.fspath(value), ensure_ascii=False).replace("\x7f", "\\u007F")
        case datetime.date():
            return value.isoformat()
        case Mapping():
            members = (f"{_toml(str(name))} = {_toml(member)}" for name, member in value.items())
            return "{" + ", ".join(members) + "}"
        case Sequence():
            return "[" + ", ".join(_toml(item) for item in value) + "]"
    raise TypeError(f"a setting cannot be of the type {type(value).__name__}")
