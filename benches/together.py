#!/usr/bin/env python3
"""What it costs to compare records (`[unique]`, `[users]`) and to fold them into profiles, and how long DuckDB takes for the same.

    python3 benches/together.py                                  200,000 records
    python3 benches/together.py --records 20000000 --runs 3      20 million, 11 GB; outputs and temporary files need several times that

Half of the records are duplicates: a file from `segprep generate` (with an address for each record and a user for every three), and
the same file once more under another name. Builds segprep
unless `--segprep` names one, installs DuckDB under `--work`, and runs both on the same files, in turns and with the same
number of threads. DuckDB reads with read_json, decides by a window over the file, and writes in the order of the input (of profiles rows, both lists, and
what is unplaced by field); it does not check records. After each run, the number of rows is compared, and what is unplaced.

Prints a table in Markdown: medians of wall time, the most memory of any run, segprep relative to its run without comparing, and
DuckDB relative to segprep. Needs Linux and Python 3.11 or later.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

DEFINITION = """\
segprep = 1
name    = "together"
purpose = "messaging"

[input]
from = ["input/"]

[fields]
"*" = "keep"

[account]
to = "account/"

[[output]]
to = "import/"
"""

PHONE = re.compile(rb'"Address":"\+[0-9]+"')
USER = re.compile(rb'"UserId":"[^"]*"')

UNIQUE = '{{ by = ["ChannelType", "Address"], keep = "{keep}" }}'
# What is compared: the settings of segprep, and for DuckDB which rows stay of `numbered`, with the order within their group.
CASES = {
    "without": ({}, None),
    "first": ({"unique": UNIQUE.format(keep="first")}, ("ChannelType, Address", "n", 1)),
    "newest": (
        {"unique": UNIQUE.format(keep="newest")},
        ("ChannelType, Address", "EffectiveDate DESC NULLS LAST, n DESC", 1),
    ),
    "users": (
        {"users": '{ max_endpoints = 4, over = "newest" }'},
        ("User.UserId", "EffectiveDate DESC NULLS LAST, n DESC", 4),
    ),
    "profiles": ({"output.0.format": '"profiles-csv"', "output.0.max_columns": "60"}, None),
}

# What a profile has once, by the names of columns: the first record that has it counts, and other values are unplaced.
ONCE = {
    "City": "Location.City",
    "Country": "Location.Country",
    "PostalCode": "Location.PostalCode",
    "Attributes_EffectiveDate": "EffectiveDate",
    "Demographic_Locale": "Demographic.Locale",
    "Demographic_Timezone": "Demographic.Timezone",
    "Demographic_Platform": "Demographic.Platform",
    "Attributes_Id": "Id",
}
LISTS = {
    "Attributes_Interests": "Attributes.Interests",
    "User_FirstName": "User.UserAttributes.FirstName",
    "User_Email": "User.UserAttributes.Email",
    "User_Phone": "User.UserAttributes.Phone",
}
FIRST = [f"first_value({path} IGNORE NULLS) OVER own AS {name}" for name, path in (ONCE | LISTS).items()]
PHONES = ["PhoneNumber", "HomePhoneNumber", "MobilePhoneNumber", "BusinessPhoneNumber"]
EMAILS = ["EmailAddress", "PersonalEmailAddress", "BusinessEmailAddress"]

# The same for DuckDB: rows, lists of opt-outs, and what is unplaced by field. The last statement gives the counts.
PROFILES = [
    f"""
    CREATE TEMP TABLE records AS
    SELECT *, User.UserId AS key, CASE WHEN ChannelType IN ('SMS', 'VOICE') THEN 'phone' WHEN ChannelType = 'EMAIL' THEN 'email' END AS kind
    FROM numbered""",
    f"""
    CREATE TEMP TABLE firsts AS
    SELECT key, n, ChannelType, OptOut, {", ".join(FIRST)},
           {", ".join(f"{path} AS own_{name}" for name, path in (ONCE | LISTS).items())}
    FROM records
    WINDOW own AS (PARTITION BY key ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)""",
    """
    CREATE TEMP TABLE addresses AS
    SELECT key, list(Address ORDER BY first_n) FILTER (kind = 'phone') AS phones,
           list(Address ORDER BY first_n) FILTER (kind = 'email') AS emails
    FROM (SELECT key, kind, Address, min(n) AS first_n FROM records GROUP BY ALL) GROUP BY key""",
    f"""
    COPY (
        SELECT key AS AccountNumber,
               {", ".join(f"phones[{number}] AS {name}" for number, name in enumerate(PHONES, 1))},
               {", ".join(f"emails[{number}] AS {name}" for number, name in enumerate(EMAILS, 1))},
               * EXCLUDE (key, phones, emails, first_n)
        FROM addresses JOIN (
            SELECT key, min(n) AS first_n, CASE WHEN bool_or(OptOut = 'ALL') THEN 'ALL' ELSE 'NONE' END AS Attributes_OptOut,
                   {", ".join(f"CASE WHEN bool_or(OptOut = 'ALL' AND ChannelType = '{channel}') THEN 'ALL' END AS Attributes_OptOut_{channel}"
                              for channel in ("GCM", "APNS", "SMS", "VOICE", "EMAIL"))},
                   {", ".join(f"any_value({name}) AS {name}" for name in ONCE)},
                   {", ".join(f"any_value({name})[{number}] AS {name}_{number - 1}" for name in LISTS for number in (1, 2, 3))}
            FROM firsts GROUP BY key) USING (key)
        ORDER BY first_n
    ) TO 'import/part' (FORMAT csv, header)""",
    *(f"""
    COPY (SELECT Address FROM records WHERE OptOut = 'ALL' AND kind = '{kind}' GROUP BY Address ORDER BY min(n))
    TO 'import/{kind}' (FORMAT csv, header false)""" for kind in ("phone", "email")),
    f"""
    SELECT count(DISTINCT key),
           {", ".join(f"count(*) FILTER (own_{name} != {name})" for name in ONCE)},
           {", ".join(f"coalesce(sum(len(list_filter(own_{name}, lambda one: NOT list_contains({name}, one)))), 0)" for name in LISTS)}
    FROM firsts""",
]


def main():
    options = parsed()
    options.work.mkdir(parents=True, exist_ok=True)
    segprep = options.segprep or built()
    python = installed(options.work)
    make_inputs(options.work, segprep, options.records)
    segprep_runs = {name: [] for name in options.cases}
    duckdb_runs = {name: [] for name in options.cases}
    for _ in range(options.runs):
        for name in options.cases:
            segprep_runs[name].append(run_segprep(options, segprep, name))
            if options.duckdb:
                duckdb_runs[name].append(run_duckdb(options, python, name))
                check_rows(name, segprep_runs[name][-1], duckdb_runs[name][-1])
    print(*table(options, segprep_runs, duckdb_runs), sep="\n")


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--segprep", type=lambda path: Path(path).resolve())
    parser.add_argument("--work", type=lambda path: Path(path).resolve(), default=ROOT / "target/together")
    parser.add_argument("--no-duckdb", dest="duckdb", action="store_false")
    parser.add_argument("--memory", default="8GB", help="what DuckDB may use before it writes to disk")
    return parser.parse_args()


def built():
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)
    return ROOT / "target/release/segprep"


def installed(work):
    """An interpreter with DuckDB."""
    python = work / "python/bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", work / "python"], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "duckdb"], check=True)
    return python


def make_inputs(work, segprep, records):
    """The same records twice."""
    folder, made = work / "input", work / f"input-{records}"
    if made.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    for stale in work.glob("input-*"):
        stale.unlink()
    folder.mkdir()
    command = [segprep, "generate", "--quiet", "--seed", "1", "--bad", "0", "--records", str(records // 2)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process, (folder / "a.ndjson").open("wb") as file:
        for number, line in enumerate(process.stdout):
            file.write(person(number, line))
    os.link(folder / "a.ndjson", folder / "b.ndjson")
    made.touch()


def person(number, line):
    """The record with an address of its own. Three records have one user. (No number begins with +999.)"""
    if b'"Address":"+' in line:
        line = PHONE.sub(b'"Address":"+999%09d"' % number, line)
    return USER.sub(b'"UserId":"customer-%d"' % (number // 3), line)


def measured(command, cwd):
    """The wall time and the processor time in seconds, and the most memory in MiB."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def run_segprep(options, segprep, name):
    """What was measured, and the rows that were written."""
    clear(options.work)
    (options.work / "definition.toml").write_text(DEFINITION + 'format = "pinpoint-json"\n')
    command = [segprep, "run", "definition.toml", "--quiet", "--threads", str(options.threads)]
    for path, value in CASES[name][0].items():
        command += ["--set", f"{path}={value}"]
    run = measured(command, options.work)
    manifest = json.loads((options.work / "account/manifest.json").read_text())
    profiles = manifest["outputs"][0].get("profiles")
    if not profiles:
        return *run, [manifest["records"]["written"]]
    return *run, [profiles["rows"], *(profiles["unplaced"].get(path, 0) for path in (ONCE | LISTS).values())]


def run_duckdb(options, python, name):
    clear(options.work)
    (options.work / "import").mkdir()
    query = "SELECT * EXCLUDE n FROM numbered ORDER BY n"
    if CASES[name][1]:
        by, order, most = CASES[name][1]
        rank = f"row_number() OVER (PARTITION BY {by} ORDER BY {order})"
        query = f"SELECT * EXCLUDE n FROM numbered QUALIFY {rank} <= {most} ORDER BY n"
    statements = [f"COPY ({query}) TO 'import/part' (FORMAT json)"] if name != "profiles" else PROFILES
    script = f"""
import duckdb
con = duckdb.connect()
con.execute("SET threads = {options.threads}; SET memory_limit = '{options.memory}'; SET temp_directory = 'spill'")
source = "read_json('input/*.ndjson', format = 'newline_delimited', sample_size = 20000)"
con.execute(f"CREATE VIEW numbered AS SELECT *, row_number() OVER () AS n FROM {{source}}")
for statement in {statements!r}:
    counts = con.execute(statement).fetchone()
print(*(int(count) for count in counts))
"""
    script_path = options.work / "query.py"
    script_path.write_text(script)
    output = options.work / "rows"
    run = measured(["sh", "-c", f'exec "{python}" query.py > rows'], options.work)
    return *run, [int(count) for count in output.read_text().split()]


def clear(work):
    for folder in ("account", "import", "spill"):
        shutil.rmtree(work / folder, ignore_errors=True)


def check_rows(name, segprep, duckdb):
    if segprep[-1] != duckdb[-1]:
        raise SystemExit(f"{name}: segprep counts {segprep[-1]}, and DuckDB {duckdb[-1]}")


def table(options, segprep_runs, duckdb_runs):
    size = sum(file.stat().st_size for file in (options.work / "input").iterdir())
    yield f"{options.records:,} records, {size / 1e9:.2f} GB, {options.threads} threads, median of {options.runs}"
    yield ""
    yield "|  | rows | segprep in s | CPU-s | × without | peak in MiB | DuckDB in s | CPU-s | peak in MiB | × segprep |"
    yield "|---" + "|---:" * 9 + "|"

    def median(runs, column=0):
        return statistics.median(run[column] for run in runs)

    def shown(runs):
        return [f"{median(runs):.2f}", f"{median(runs, 1):.2f}", f"{max(run[2] for run in runs):.0f}"]

    base = median(segprep_runs["without"]) if "without" in segprep_runs else None
    for name, runs in segprep_runs.items():
        wall, cpu, peak = shown(runs)
        cells = [name, f"{runs[0][-1][0]:,}", wall, cpu, f"{median(runs) / base:.2f}" if base else "–", peak]
        other = duckdb_runs[name]
        cells += [*shown(other), f"{median(other) / median(runs):.2f}"] if other else ["–"] * 4
        yield "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
