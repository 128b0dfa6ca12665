"""What the tests share: a definition, records that were made up, and the ways to run the program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

DEFINITION = """\
segprep = 1
name    = "python"
purpose = "messaging"

[input]
from   = ["in/"]
format = "json"

[repair]
phone = { region = "US" }
trim  = true

[fields]
"Id"                     = "keep"
"Address"                = "keep"
"User.UserId"            = { op = "hmac", join = "user" }
"User.UserAttributes.*"  = { op = "mask", keep_first = 1 }
"Attributes.*"           = "keep"
"Metrics.*"              = "keep"
"Location.*"             = "keep"

[keys]
current = "k1"
k1      = "demo:"

[account]
to               = "out/account/"
max_reject_ratio = 1.0

[[output]]
to     = "out/import/"
format = "pinpoint-json"
"""


def segprep(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The program, as the package installs it."""
    command = [sys.executable, "-m", "segprep._command", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Records with planted faults, some of them inactive, as lines."""
    folder = tmp_path_factory.mktemp("generated")
    made = segprep("generate", "--records", "3000", "--seed", "7", "--bad", "0.05", "--shape", "export", cwd=folder)
    assert made.returncode == 0, made.stderr
    return made.stdout.splitlines()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the test is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def definition(here: Path) -> Path:
    """A definition, whose inputs are in `in/`."""
    (here / "in").mkdir()
    path = here / "python.toml"
    path.write_text(DEFINITION)
    return path


@pytest.fixture
def inputs(definition: Path, records: list[str]) -> Path:
    """The same, with the records in two files."""
    middle = len(records) // 2
    for name, some in [("a.ndjson", records[:middle]), ("b.ndjson", records[middle:])]:
        (definition.parent / "in" / name).write_text("".join(f"{line}\n" for line in some))
    return definition


def lines_of(folder: Path) -> list[str]:
    """The lines of the parts in a folder, in their order."""
    parts = sorted(path for path in folder.rglob("part-*.json"))
    return [line for part in parts for line in part.read_text().splitlines()]


def rejects_of(path: Path) -> list[tuple[int, list[dict[str, str | None]]]]:
    """The rejects of an account: the number of each and its problems."""
    words = ("field", "code", "rule", "detail", "repair")
    read = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        (each["record"], [{word: problem.get(word) or None for word in words} for problem in each["problems"]])
        for each in read
    ]


def batch_of(lines: list[str | None], kind: pa.DataType | None = None) -> pa.RecordBatch:
    """Lines as a batch with one column."""
    return pa.record_batch({"value": pa.array(lines, kind or pa.string())})


Make = Callable[..., Path]


@pytest.fixture
def with_section(definition: Path) -> Make:
    """Appends to the definition."""

    def append(text: str) -> Path:
        definition.write_text(DEFINITION + text)
        return definition

    return append


os.environ.setdefault("NO_COLOR", "1")
