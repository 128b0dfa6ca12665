"""Runs the DAG of samples/schedule/airflow in a real Airflow: scheduler, API server and LocalExecutor, from PyPI.

Airflow is in the environment whose programs are in AIRFLOW_BIN. What the operator makes of exit codes is asked of the
class itself, with a program that only ends with a code, since an attempt after ten minutes is too long to wait for.
"""

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import time
from pathlib import Path

PATIENCE = 600  # seconds, on a machine that is busy
DAG, DATE = "segprep_nightly", "2026-11-29T02:17:00+00:00"
# The operator with a program that ends with each of the codes: what Airflow would do next.
CODES = """
import json, pathlib, sys
sys.path.insert(0, sys.argv[1])
import nightly
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
done = {}
for code, skip_on in [(int(code), ()) for code in sys.argv[3:]] + [(66, (66,))]:
    pathlib.Path(sys.argv[2]).write_text(f"#!/bin/sh\\nexit {code}\\n")
    nightly.SEGPREP = sys.argv[2]
    try:
        nightly.Segprep(task_id=f"t{code}", arguments=[], skip_on=skip_on).execute({})
        done[code] = "success"
    except AirflowSkipException:
        done["skipped"] = code
    except AirflowFailException:
        done[code] = "fail"
    except Exception:
        done[code] = "retry"
print("DONE" + json.dumps(done))
"""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def environment(place, home: Path) -> dict[str, str]:
    port = free_port()
    core = {
        "LOAD_EXAMPLES": "False", "EXECUTOR": "LocalExecutor", "PARALLELISM": "1", "DAGS_ARE_PAUSED_AT_CREATION": "False",
        "SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True", "EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
    }  # fmt: skip
    api = {"PORT": str(port), "HOST": "127.0.0.1", "WORKERS": "1"}
    named = {f"AIRFLOW__CORE__{name}": value for name, value in core.items()}
    named |= {f"AIRFLOW__API__{name}": value for name, value in api.items()}
    named["AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT"] = str(PATIENCE)  # a busy machine takes its time
    # One secret for all processes; it is gone with the folder.
    named["AIRFLOW__API_AUTH__JWT_SECRET"] = os.urandom(32).hex()
    path = f"{os.environ['AIRFLOW_BIN']}:/usr/bin:/bin"
    return {**named, "AIRFLOW_HOME": str(home), "HOME": str(home), "SEGPREP_KEY_K1": place.key, "PATH": path}


def check_codes(place, home: Path, env: dict[str, str]) -> None:
    codes = [0, 1, 3, 64, 65, 66, 73, 74, 77, 78, 130, 143]
    stub = place.folder / "stub"
    stub.touch(mode=0o755)
    command = ["python", "-c", CODES, str(home / "dags"), str(stub), *map(str, codes)]
    printed = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
    expected = {str(code): "retry" if code in (74, 130, 143) else "fail" for code in codes} | {"0": "success", "skipped": 66}
    assert json.loads(printed.rpartition("DONE")[2]) == expected, printed


@contextlib.contextmanager
def services(home: Path, env: dict[str, str]):
    """The processes of Airflow, which end with the block."""
    running = []
    try:
        for name in ("api-server", "scheduler", "dag-processor"):
            log = open(home / f"{name}.log", "w")
            running.append(subprocess.Popen(["airflow", name], env=env, stdout=log, stderr=log, start_new_session=True))
        yield
    finally:
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
        for process in running:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()


def rows(home: Path, query: str) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(f"file:{home}/airflow.db?mode=ro", uri=True, timeout=30)) as database:
        return database.execute(query).fetchall()


def waited(home: Path, what: str, query: str, done) -> list[tuple]:
    """Rows of Airflow's database, once they are what is waited for."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(sqlite3.OperationalError):
            if done(found := rows(home, query)):
                return found
        time.sleep(1)
    logs = "".join(path.read_text()[-3000:] for path in home.rglob("*.log"))
    raise AssertionError(f"Airflow: no {what} after {PATIENCE} s\n{logs}")


def check(place, example: Path) -> None:
    home = place.folder / "airflow"
    (home / "dags").mkdir(parents=True)
    # Only the run that is started here, since what the scheduler would start depends on the time of day; and no wait.
    text = place.moved((example / "nightly.py").read_text())
    for before, after in [('schedule="17 2 * * *"', "schedule=None"), ("timedelta(minutes=10)", "timedelta(seconds=5)")]:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    (home / "dags/nightly.py").write_text(text)
    env = environment(place, home)
    check_codes(place, home, env)
    subprocess.run(["airflow", "db", "migrate"], env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with services(home, env):
        waited(home, "DAG", "select dag_id from serialized_dag", lambda found: found == [(DAG,)])
        trigger = ["airflow", "dags", "trigger", DAG, "--logical-date", DATE]
        subprocess.run(trigger, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        query = "select state from dag_run"
        [(state,)] = waited(home, "run that ended", query, lambda found: found and found[0][0] in ("success", "failed"))
    tasks = rows(home, "select task_id, state, try_number from task_instance order by task_id")
    logs = "".join(path.read_text() for path in (home / "logs").rglob("attempt=*.log"))
    assert state == "success" and [task[:2] for task in tasks] == [("run", "success"), ("verify", "success")], (tasks, logs[-3000:])
    assert "publish" in logs and place.key.removeprefix("hex:") not in logs, "the log of the task"
