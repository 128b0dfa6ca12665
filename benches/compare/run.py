#!/usr/bin/env python3
"""Runs segprep and other engines on the same task and the same files, in turns.

    python3 benches/compare/run.py                     all engines except VRL, 1,000,000 records
    python3 benches/compare/run.py --engines all       also VRL, which takes long to build
    python3 benches/compare/run.py --records 20000 --runs 1        check that they still agree

The script builds segprep, installs the others into a virtual environment, generates the input, runs
every engine `--runs` times in turns, and prints a table of medians in Markdown. Engines write to
storage in memory. After the first run of an engine, its whole output is compared with the reference;
in later runs the size must be the same. A difference ends the comparison. README.md in this folder
describes the task. Needs Linux and Python 3.11 or later.
"""

import argparse
import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import engines
import tally
from measure import measure
from records import SHAPES, make_files
from table import Result, Series, goal_table, result_table

FORMS = ["ndjson", "csv"]
# Slow engines get no more than this.
SLOW_RECORDS = 100_000
SCRATCH = Path("/dev/shm")


def main():
    options = parsed()
    wanted = engines.NAMES if "all" in options.engines else options.engines
    tools, names = engines.made_ready(wanted, options.work, options.segprep, options.threads)
    results = []
    with tempfile.TemporaryDirectory(prefix="segprep-compare-", dir=options.scratch) as scratch:
        for shape in options.shapes:
            files = {count: make_files(shape, count, options.work) for count in sizes(options)}
            for form in options.formats:
                series = planned(engines.chosen(names, tools), form, files, options.records)
                run_in_turns(series, options.runs, Path(scratch))
                results.append(Result(shape, form, options.threads, series))
    lines = [*conditions(options, names, tools), *goal_table(results)]
    lines += [line for result in results for line in result_table(result)]
    options.out.write("\n".join(lines))


def parsed():
    def several(text):
        return text.split(",")

    work = engines.ROOT / "target/compare"
    parser = argparse.ArgumentParser(description="Compares segprep with other engines.")
    add = parser.add_argument
    add("--records", type=int, default=1_000_000, metavar="N", help="records of each input (1000000)")
    add("--runs", type=int, default=5, metavar="N", help="runs of each engine over each input (5)")
    add("--engines", type=several, default=[name for name in engines.NAMES if name != "vrl"])
    add("--shapes", type=several, default=SHAPES, help=",".join(SHAPES))
    add("--formats", type=several, default=FORMS, help=",".join(FORMS))
    add("--threads", type=int, default=len(os.sched_getaffinity(0)), metavar="N", help="threads (all)")
    add("--segprep", type=Path, metavar="FILE", help="an existing program, which is not built")
    add("--work", type=Path, default=work, metavar="DIR", help="a folder for inputs and engines")
    add("--scratch", type=Path, default=SCRATCH, metavar="DIR", help=f"a folder for outputs ({SCRATCH})")
    add("--out", type=argparse.FileType("w"), default=sys.stdout, metavar="FILE", help="a file for the table")
    options = parser.parse_args()
    options.work = options.work.absolute()
    for given, known in (
        (options.engines, [*engines.NAMES, "all"]),
        (options.shapes, SHAPES),
        (options.formats, FORMS),
    ):
        if unknown := set(given) - set(known):
            parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    return options


def sizes(options):
    return {options.records, min(options.records, SLOW_RECORDS)}


def planned(chosen, form, files, records):
    """A series for each engine that reads the format."""
    series = []
    for engine in chosen:
        count = min(records, SLOW_RECORDS) if engine.is_slow else records
        if form in engine.formats:
            series.append(Series(engine, files[count][FORMS.index(form)], count))
    return series


def run_in_turns(series, runs, scratch):
    """Runs the engines in turns, so that a slow minute of the machine affects all of them."""
    wanted = Wanted()
    for source in {one.source for one in series}:
        read_into_memory(source)
    sizes = {}
    for turn in range(1, runs + 1):
        for one in series:
            engine = one.engine
            engines.report(f"{one.source.name}, run {turn} of {runs}: {engine.title}")
            with emptied(scratch) as out:
                one.costs.append(run_once(engine, one.source, out))
                outputs = written(engine, out)
                size = sum(path.stat().st_size for path in outputs)
                if size != sizes.setdefault(engine.title, size):
                    sys.exit(f"{engine.title} wrote {size} bytes, and {sizes[engine.title]} in an earlier run")
                if turn == 1:
                    check(engine, outputs, wanted.of(one.source, engine.hashes))


def run_once(engine, source, out):
    command = engine.command(source, out)
    with contextlib.ExitStack() as files:
        stdout = {}
        if command.stdout:
            stdout["stdout"] = files.enter_context((out / command.stdout).open("wb"))
        environment = os.environ | command.environment
        return measure(command.words, out / "log", cwd=out, env=environment, **stdout)


def written(engine, out):
    """The files with clean records and rejects."""
    if engine.name == "segprep":
        return [*out.glob("import/**/part-*"), out / "account/rejects.ndjson"]
    return [*out.glob("*.ndjson"), *out.glob("*.csv")]


def check(engine, outputs, wanted):
    found = tally.tally_files(outputs, hashes=engine.hashes)
    if found != wanted:
        sys.exit(f"{engine.title} differs from the reference\nexpected {wanted}\nfound    {found}")


class Wanted:
    """The output of the reference for each input, computed once."""

    def __init__(self):
        self.tallies = {}

    def of(self, source, hashes):
        key = (source, hashes)
        if key not in self.tallies:
            engines.report(f"{source.name}: reference")
            self.tallies[key] = tally.tally_files([source], is_input=True, hashes=hashes)
        return self.tallies[key]


def read_into_memory(path):
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


@contextlib.contextmanager
def emptied(scratch):
    """An empty temporary folder."""
    folder = scratch / "out"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def conditions(options, names, tools):
    """The machine, the versions and the date, as a paragraph."""
    git = ["git", "-C", engines.ROOT, "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    built = "an existing segprep" if options.segprep else f"commit {commit or '–'}"
    model = field_of("/proc/cpuinfo", "model name")
    memory = int(field_of("/proc/meminfo", "MemTotal").split()[0]) / 2**20
    return [
        f"{datetime.now(UTC):%Y-%m-%d}; {model}, {options.threads} threads, {memory:.0f} GiB;"
        f" Linux {platform.release()}; {engines.versions(names, tools)}; {built}.",
        f"Medians of {options.runs} runs in turns.",
        "",
    ]


def field_of(path, name):
    lines = Path(path).read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "–")


if __name__ == "__main__":
    main()
