"""`run`, `check`, `scan`, shards, exceptions and the command."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import Make, lines_of, rejects_of, segprep as program

import segprep


def test_a_run_tells_its_counts_outputs_and_account(inputs: Path, records: list[str]) -> None:
    seen: list[segprep.Progress] = []
    result = segprep.run(inputs, progress=seen.append)
    assert result.status == "published" and result.counts["read"] == len(records)
    assert seen[-1].records_read == len(records) and seen[-1].bytes_read == seen[-1].bytes_total
    outputs = result.outputs
    assert isinstance(outputs, pa.Table) and sum(outputs["records"].to_pylist()) == result.counts["written"]
    assert outputs["digest"][0].as_py().startswith("sha256:")
    rejects, inputs_read = result.account["rejects"], result.account.inputs
    assert rejects.num_rows == result.counts["rejected"] == len(rejects_of(Path("out/account/rejects.ndjson")))
    assert rejects["problems"][0].as_py()[0]["code"] and inputs_read.num_rows == 2
    assert list(result.account) == ["rejects", "inputs"]
    assert any("demo" in warning for warning in result.warnings)
    again = segprep.run(inputs)
    assert again.status == "already_published" and again.counts == result.counts
    assert again.account.rejects.equals(rejects)


def test_files_are_closed_to_others(inputs: Path) -> None:
    segprep.run(inputs)
    [part] = Path("out/import").rglob("part-*.json")
    assert part.stat().st_mode & 0o027 == 0
    open_to_all = Path("mine")
    open_to_all.touch()
    assert open_to_all.stat().st_mode & 0o044, "the umask of the process is as before"


def test_settings_are_python_values(inputs: Path) -> None:
    settings = {"account.to": Path("out/other"), "account.max_rejects": 100000, "input.from": ["in/a.ndjson"]}
    result = segprep.run(inputs, set=settings, dry_run=True)
    assert result.status == "dry_run" and result.account.rejects.num_rows == 0 and not Path("out").exists()
    assert result.manifest["inputs"]["files"] == 1


def test_a_run_over_its_budget_is_an_exception_with_the_result(inputs: Path) -> None:
    with pytest.raises(segprep.OverBudget) as raised:
        segprep.run(inputs, set={"account.max_reject_ratio": 0.001})
    error = raised.value
    assert error.exit_code == 3 and "max_reject_ratio" in error.message
    assert error.result is not None and error.result.status == "over_budget"
    assert 0 < error.result.account.rejects.num_rows and not list(Path("out").rglob("part-*"))


def test_a_wrong_definition_is_an_exception_with_diagnostics(with_section: Make) -> None:
    path = with_section('\n[nonsense]\nx = 1\n\n[[output]]\nto = "out/x/"\nformat = "pinpoint-xml"\n')
    for work in (segprep.check, segprep.run, segprep.Definition):
        with pytest.raises(segprep.DefinitionError) as raised:
            work(path)
        error = raised.value
        assert error.exit_code == 78 and 2 <= len(error.diagnostics)
        assert all(each["line"] and each["column"] and each["message"] for each in error.diagnostics)
        assert "nonsense" in str(error)
        assert pickle.loads(pickle.dumps(error)).diagnostics == error.diagnostics


def test_errors_have_the_exit_code_of_the_program(inputs: Path) -> None:
    with pytest.raises(segprep.NoInput) as raised:
        segprep.run(inputs, set={"input.from": ["nowhere/"]})
    assert raised.value.exit_code == 66 and raised.value.hint
    with pytest.raises(segprep.AccessError) as access:
        segprep.run(inputs, set={"keys.k1": "env:SEGPREP_NOT_SET"})
    assert access.value.exit_code == 77
    segprep.run(inputs)
    with pytest.raises(segprep.PlaceTaken) as taken:
        segprep.run(inputs, set={"repair.trim": False})
    assert taken.value.exit_code == 73 and taken.value.places
    Path("in/broken.ndjson").write_bytes(b"\x1f\x8b\x08broken")
    with pytest.raises(segprep.InputError) as broken:
        segprep.run(inputs, overwrite=True)
    assert broken.value.exit_code == 65
    with pytest.raises(segprep.DefinitionError):
        segprep.run("not-there.toml")


def test_a_callback_that_raises_stops_the_run(inputs: Path) -> None:
    def stop(_progress: segprep.Progress) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        segprep.run(inputs, progress=stop)


# Programs in the background are often started with SIGINT ignored, and then Python sets no handler.
WAITING = """
import signal, segprep
signal.signal(signal.SIGINT, signal.default_int_handler)
def tell(progress):
    print("running", flush=True)
try:
    segprep.run("python.toml", set={"input.from": ["-"]}, progress=tell)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_an_interrupt_stops_a_run_and_leaves_nothing(definition: Path) -> None:
    arguments = [sys.executable, "-c", WAITING]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write('{"ChannelType":"EMAIL","Address":"a@example.com"}\n')
        process.stdin.flush()
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        watch = threading.Timer(30, process.kill)
        watch.start()
        rest = process.stdout.read()
        watch.cancel()
        assert process.wait(15) == 0 and rest.endswith("interrupted\n")
    left = [str(path) for path in Path("out").rglob("*") if path.is_file()] if Path("out").exists() else []
    assert left == []


def test_check_tells_what_a_definition_does(inputs: Path) -> None:
    checked = segprep.check(inputs)
    assert checked["name"] == "python" and checked["purpose"] == "messaging"
    assert any(field["path"] == "User.UserId" for field in checked["fields"])


def test_scan_tells_what_is_in_files(inputs: Path, records: list[str]) -> None:
    report = segprep.scan("in/", threads=1)
    assert report["segprep_scan"] == 1 and report["records"] == len(records)
    assert segprep.scan(inputs, records=10)["records"] == 20
    with pytest.raises(segprep.NoInput):
        segprep.scan("nowhere/")


def test_shards_and_gather_are_one_run(inputs: Path, records: list[str]) -> None:
    one = segprep.run(inputs, set={"account.to": "one/account/", "output.0.to": "one/import/"})
    expected = lines_of(Path("one/import"))
    plan = Path("plan.ndjson")
    plan.write_text(segprep.shards(inputs, count=7, run="night-1", date="2026-11-29"))
    for number in (3, 0, 6, 1, 5, 2, 4):
        shard = segprep.run(inputs, shard=(number, 7), plan=plan)
        assert shard.manifest["shards"]["number"] == number
    result = segprep.gather(inputs, plan=plan)
    assert result.status == "published" and result.counts == one.counts
    paths = [Path("out/import", path) for path in result.outputs["path"].to_pylist()]
    assert [line for path in paths for line in path.read_text().splitlines()] == expected
    assert rejects_of(Path("out/account/rejects.ndjson")) == rejects_of(Path("one/account/rejects.ndjson"))
    batches = [records[start : start + 450] for start in range(0, len(records), 450)]
    cleaner = segprep.Definition(inputs)
    cleaned = [cleaner.clean(pa.record_batch({"line": some})) for some in batches]
    assert [line for clean, _ in cleaned for line in clean.column(0).to_pylist()] == expected
    assert sum(rejects.num_rows for _, rejects in cleaned) == one.counts["rejected"]
    with pytest.raises(segprep.CheckFailed) as missing:
        segprep.gather(inputs, count=2, set={"account.to": "two/account/", "output.0.to": "two/import/"})
    assert missing.value.exit_code == 4


def test_the_command_is_the_program(inputs: Path) -> None:
    shown = program("--version")
    assert shown.returncode == 0 and shown.stdout == f"segprep {segprep.__version__}\n"
    assert program("run", "python.toml", "--quiet").returncode == 0
    wrong = program("check", "python.toml", "--set", "purpose=fun")
    assert wrong.returncode == 78 and "purpose" in wrong.stderr
    assert program("fly").returncode == 64


def test_the_package_is_typed() -> None:
    assert Path(segprep.__file__).with_name("py.typed").exists()
