"""The engines: how each is installed and started, and its version."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path

import task

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCRIPTS = HERE / "scripts"

DIGESTS = {"sha256": "SHA-256", "crc64nvme": "CRC64-NVME"}
# The fast engines that segprep is compared with.
FASTEST = ["duckdb", "polars", "chdb"]
NAMES = ["segprep", *FASTEST, "vrl", "jq", "mlr"]


@dataclass(frozen=True)
class Tools:
    """The paths of the programs."""

    segprep: Path
    python: Path
    vrl: Path | None
    threads: int


@dataclass(frozen=True)
class Command:
    """The command for one input. `stdout`: the file for its standard output, if any."""

    words: list
    environment: dict = field(default_factory=dict)
    stdout: str | None = None


@dataclass(frozen=True)
class Engine:
    """`name`: its name in `--engines`. `hashes`: whether it can make the tokens. `is_slow`: whether it
    only gets the first records of a large file."""

    name: str
    title: str
    command: Callable[[Path, Path], Command]
    formats: tuple = ("ndjson", "csv")
    hashes: bool = True
    is_slow: bool = False


def chosen(names, tools):
    """The engines with these names, segprep first."""
    return [engine for engine in every(tools) if engine.name in names]


def every(tools):
    for digest in DIGESTS:
        for threads in sorted({tools.threads, 1}, reverse=True):
            command = partial(with_segprep, tools, digest, threads)
            yield Engine("segprep", segprep_title(digest, threads), command)
    yield Engine("duckdb", "DuckDB", partial(with_python, tools, "with_duckdb.py"))
    yield Engine("polars", "Polars", partial(with_python, tools, "with_polars.py"))
    yield Engine("chdb", "chDB", partial(with_python, tools, "with_chdb.py"))
    yield Engine("vrl", "VRL", partial(with_vrl, tools), formats=("ndjson",))
    slow = {"hashes": False, "is_slow": True}
    yield Engine("jq", "jq, no hash", with_jq, formats=("ndjson",), **slow)
    yield Engine("mlr", "Miller, no HMAC", partial(with_miller, tools), **slow)


def segprep_title(digest, threads):
    return f"segprep, {DIGESTS[digest]}, {threads} thread{'s' if threads > 1 else ''}"


# --- how each is started --------------------------------------------------------------------


def with_segprep(tools, digest, threads, source, out):
    form = "pinpoint-csv" if source.suffix == ".csv" else "pinpoint-json"
    sets = [f"output.0.format={form}", f"output.0.digest={digest}"]
    words = [tools.segprep, "run", HERE / "segprep.toml", "--quiet", "--threads", str(threads)]
    for setting in sets:
        words += ["--set", setting]
    names = {"SEGPREP_COMPARE_INPUT": str(source), "SEGPREP_COMPARE_OUT": str(out)}
    return Command(words, names | {"SEGPREP_KEY_K1": f"hex:{task.MASTER_KEY.hex()}"})


def with_python(tools, script, source, out):
    threads = str(tools.threads)
    words = [tools.python, SCRIPTS / script, source, out]
    if script != "with_polars.py":
        words.append(threads)
    return Command(words, {"PYTHONPATH": str(HERE), "POLARS_MAX_THREADS": threads})


def with_vrl(tools, source, out):
    keys = {f"KEY_{join.upper()}": key.hex() for join, key in task.join_keys().items()}
    more = {"STARS": "*" * 512, "RAYON_NUM_THREADS": str(tools.threads)}
    return Command([tools.vrl, SCRIPTS / "clean.vrl", source, out], keys | more)


def with_jq(source, _out):
    channels = ["--argjson", "channels", json.dumps(task.CHANNELS)]
    return Command(["jq", "-c", *channels, "-f", SCRIPTS / "clean.jq", source], {}, "all.ndjson")


def with_miller(tools, source, out):
    if source.suffix == ".csv":
        form, flags = "csv", "--icsv --ocsv -S --no-auto-flatten --no-auto-unflatten".split()
    else:
        form, flags = "ndjson", ["--ijsonl", "--ojsonl"]
    names = {join.upper(): key.hex() for join, key in task.join_keys().items()}
    names |= {"CHANNELS": " ".join(task.CHANNELS), "FORMAT": form, "OUT": str(out)}
    words = ["mlr", *flags, "put", "-q"]
    for name, value in names.items():
        words += ["-s", f"{name}={value}"]
    words += ["-f", SCRIPTS / "clean.mlr", source]
    return Command(words, {"GOMAXPROCS": str(tools.threads)})


# --- how they are installed -----------------------------------------------------------------


def made_ready(names, folder, segprep, threads):
    """Builds and installs what the engines with these names need, below `folder`. Returns the tools
    and the names of the available engines."""
    names = [name for name in names if is_there(name)]
    python = folder / "venv/bin/python"
    if set(FASTEST) & set(names):
        install_packages(python)
    segprep = segprep or build(ROOT / "Cargo.toml")
    vrl = build(SCRIPTS / "vrl/Cargo.toml", folder / "vrl") if "vrl" in names else None
    return Tools(segprep.absolute(), python, vrl, threads), names


def is_there(name):
    packages = {"jq": "jq", "mlr": "miller"}
    if name in packages and not shutil.which(name):
        report(f"{name} is not installed and is skipped; its Debian package is `{packages[name]}`")
        return False
    return True


def install_packages(python):
    """Installs packages into a virtual environment, unless an earlier run did."""
    if not python.exists():
        report("creating a virtual environment")
        subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", HERE / "peers.txt"], check=True)


def build(manifest, target=None):
    """Builds the program of a package. Returns its path."""
    report(f"building {manifest.relative_to(ROOT)}")
    words = ["cargo", "build", "--release", "--locked", "--bins", "--manifest-path", manifest]
    words += ["--message-format", "json-render-diagnostics"]
    if target:
        words += ["--target-dir", target]
    told = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    programs = (json.loads(line).get("executable") for line in told.splitlines())
    return next(Path(program) for program in programs if program)


def report(message):
    print(message, file=sys.stderr, flush=True)


# --- their versions -------------------------------------------------------------------------


def versions(names, tools):
    """The engines with their versions, as text."""
    found = []
    for name in names:
        if name in FASTEST:
            found += package_versions(tools.python, packages_of(name))
        elif name == "vrl":
            lock = (SCRIPTS / "vrl/Cargo.lock").read_text()
            version = re.search(r'name = "vrl"\nversion = "(.*)"', lock)
            found.append(f"VRL {version[1]}")
        else:
            program = tools.segprep if name == "segprep" else name
            words = [program, "--version"]
            told = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
            found.append(told.stdout.strip())
    return ", ".join(found)


def packages_of(name):
    return ["polars", "polars-hash"] if name == "polars" else [name]


def package_versions(python, packages):
    folder = next((python.parents[1] / "lib").glob("python3*/site-packages"))
    found = {
        package.name: package.version for package in metadata.distributions(path=[str(folder)])
    }
    return [f"{package} {found[package]}" for package in packages]
