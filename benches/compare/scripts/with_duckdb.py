"""The task in DuckDB: `with_duckdb.py INPUT OUT THREADS`. The SQL is in the folder `sql`."""

import sys
from pathlib import Path
from string import Template

import duckdb
import task

FOLDER = Path(__file__).parent / "sql"


def main(source, out, threads):
    is_csv = source.endswith(".csv")
    form = "csv" if is_csv else "ndjson-export" if task.is_export(source) else "ndjson-plain"
    database = duckdb.connect()
    database.execute(f"""
        SET threads = {threads};
        SET memory_limit = '4GB';
        SET temp_directory = '{out}/spilled';
        SET preserve_insertion_order = false;
        SET enable_progress_bar = false;
    """)
    for name in ("rules", form):
        text = (FOLDER / f"{name}.sql").read_text()
        database.execute(Template(text).substitute(settings(source)))
    for name in ("clean", "rejects"):
        if is_csv:
            database.execute(f"COPY {name} TO '{out}/{name}.csv' (FORMAT csv, HEADER)")
        else:
            database.execute(f"COPY {name} TO '{out}/{name}.ndjson' (FORMAT json)")


def settings(source):
    """What stands for the `$names` of the SQL."""
    blocks = {}
    for join, key in task.join_keys().items():
        inner, outer = task.hmac_blocks(key)
        blocks |= {f"{join}_inner": blob(inner), f"{join}_outer": blob(outer)}
    dropped = set(task.DROPPED) & set(task.csv_header(source))
    return blocks | {
        "input": source,
        "prefix": task.TOKEN_PREFIX,
        "token": task.TOKEN,
        "email": task.EMAIL,
        "phone": task.PHONE,
        "country": task.COUNTRY,
        "channels": quoted(task.CHANNELS),
        "opt_outs": quoted(task.OPT_OUTS),
        "dropped": ", ".join(f'"{name}"' for name in sorted(dropped)),
    }


def blob(data):
    return "'" + "".join(f"\\x{byte:02X}" for byte in data) + "'::BLOB"


def quoted(words):
    return ", ".join(f"'{word}'" for word in words)


if __name__ == "__main__":
    main(*sys.argv[1:])
