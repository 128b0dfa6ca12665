"""The examples of `docs/python.md` do what the page shows."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
from pathlib import Path
from typing import Any

import segprep

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "python.md"
HAS_RAY = importlib.util.find_spec("ray") is not None  # `.ci/full python` installs it


def test_the_examples_print_what_the_page_shows(here: Path) -> None:
    (here / "samples").symlink_to(ROOT / "samples")
    names: dict[str, Any] = {"__name__": "__main__"}  # so that Ray sends what is defined here
    printed, shown = "", 0
    page = PAGE.read_text()
    if not HAS_RAY:
        page = page.partition("\n## Ray\n")[0]
    for kind, text in re.findall(r"^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        if kind == "toml":
            (here / "shared.toml").write_text(text)
        elif kind == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(text, str(PAGE), "exec"), names)  # the page is ours
            printed = out.getvalue()
        elif kind == "text":
            shown += 1
            assert printed == text
    assert shown == (4 if HAS_RAY else 3)


def test_the_page_has_every_exception() -> None:
    page = PAGE.read_text()
    classes = [name for name in segprep.__all__ if isinstance(getattr(segprep, name), type)]
    errors = [name for name in classes if issubclass(getattr(segprep, name), segprep.SegprepError)]
    assert 9 <= len(errors)
    assert [name for name in errors if f"`{name}`" not in page and name != "Stopped"] == []
