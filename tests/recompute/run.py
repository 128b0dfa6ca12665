"""Runs the snippets of docs/recompute.md over the vectors: `run.py python`, `run.py duckdb`, `run.py spark`.

The last two need their package; the first needs none.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/recompute.md").read_text(encoding="utf-8")


def vectors(name):
    return json.loads((ROOT / f"schemas/vectors/{name}.json").read_text(encoding="ascii"))


def snippets(heading, language):
    """The snippets under a heading of the page."""
    part = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", part, re.DOTALL)


def python_snippet():
    names = {}
    functions, use = snippets("Python", "python")
    exec(functions, names)
    exec(use, names)
    return names


def tokens(**wanted):
    """The cases of `hmac` with these parameters that give a token."""
    for case in vectors("hmac"):
        params = case["params"]
        plain = params.get("normalize", "none") == "none" and case["input"]
        if plain and "output" in case and all(params[name] == value for name, value in wanted.items()):
            yield case


def run_python():
    made = python_snippet()
    settings = ("key", "key_id", "join", "scope", "bits", "encoding")
    count = 0
    for case in tokens():
        params = {name: case["params"][name] for name in settings}
        assert made["token"](case["input"], **params) == case["output"], case
        count += 1
    for case in vectors("key")["check_value"]:
        if "output" in case:
            assert made["check_value"](case["input"]) == case["output"], case
    for case in vectors("normalize"):
        is_ascii_email = case["params"]["normalize"] == "email.v1" and case["input"].partition("@")[2].isascii()
        if is_ascii_email and "output" in case:
            assert made["email_v1"](case["input"]) == case["output"], case
    for case in vectors("date_shift"):
        params = case["params"]
        if case["input"] == "1988-02-09" and "output" in case:
            days = made["date_shift"](params["person"], params["key"], params["days"], params["join"])
            assert moved("1988-02-09", days) == case["output"], case
            count += 1
    return count


def moved(day, days):
    from datetime import date, timedelta

    return str(date.fromisoformat(day) + timedelta(days=days))


def sql_groups():
    """Full tokens in hex, grouped by settings, with the blocks of their key."""
    blocks = python_snippet()["sql_blocks"]
    groups = {}
    for case in tokens(bits=256, encoding="hex"):
        if "\0" in case["input"]:
            continue  # DuckDB's text ends there in some clients
        params = case["params"]
        groups.setdefault((params["key_id"], *blocks(params["key"], params["join"], params["scope"])), []).append(case)
    return groups


def run_duckdb():
    import duckdb

    (query,) = snippets("DuckDB", "sql")
    count = 0
    for (key_id, inner, outer), cases in sql_groups().items():
        db = duckdb.connect()
        db.execute("create table people (number integer, value varchar)")
        db.executemany("insert into people values (?, ?)", [(n, case["input"]) for n, case in enumerate(cases)])
        rows = db.execute(query + " order by number", {"key_id": key_id, "inner": inner, "outer": outer}).fetchall()
        assert [row[0] for row in rows] == [case["output"] for case in cases]
        count += len(rows)
    return count


def run_spark():
    from pyspark.sql import SparkSession

    (query,) = snippets("Spark", "sql")
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    count = 0
    for (key_id, inner, outer), cases in sql_groups().items():
        spark.createDataFrame([(n, case["input"]) for n, case in enumerate(cases)], ["number", "value"]).createOrReplaceTempView("people")
        rows = spark.sql(query + " order by number", args={"key_id": key_id, "inner": inner, "outer": outer}).collect()
        assert [row[0] for row in rows] == [case["output"] for case in cases]
        count += len(rows)
    return count


if __name__ == "__main__":
    count = {"python": run_python, "duckdb": run_duckdb, "spark": run_spark}[sys.argv[1]]()
    assert count > 20, count
    print(f"{count} vectors hold")
