"""The nightly run in Airflow 3: put this file into the folder of DAGs.

Workers have the program, /etc/segprep/nightly.toml and /var/lib/segprep. The key is in the environment of the worker,
from its secret store: it is no Variable, no Connection and no parameter, since these can be read in the interface.
`constraints.txt` has the versions that this was tried with.
"""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

SEGPREP = "/usr/local/bin/segprep"
DEFINITION = "/etc/segprep/nightly.toml"
DATA = "/var/lib/segprep"

# What could not be read or written is tried again, and so is a run that was stopped or killed. All else fails at once:
# a wrong definition (78), too many rejects (3) or a changed input (65) would be the same in ten minutes.
RETRY = {74, 130, 143, -9}


class Segprep(BaseOperator):
    """Runs segprep, and turns its exit code into what Airflow should do next."""

    template_fields = ("arguments",)

    def __init__(self, *, arguments: list[str], skip_on: tuple[int, ...] = (), **kwargs):
        super().__init__(**kwargs)
        self.arguments = arguments
        self.skip_on = skip_on

    def execute(self, context):
        # Nothing of the worker's environment but the key and the path.
        known = {name: os.environ[name] for name in ("PATH", "SEGPREP_KEY_K1") if name in os.environ}
        self.process = subprocess.Popen(
            [SEGPREP, *self.arguments, "--log-format", "json"],
            cwd=DATA, env=known, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        for line in self.process.stdout:
            self.log.info(line.rstrip())
        code = self.process.wait()
        if code in self.skip_on:
            raise AirflowSkipException(f"segprep: exit code {code}")
        if code in RETRY:
            raise AirflowException(f"segprep: exit code {code}")
        if code:
            raise AirflowFailException(f"segprep: exit code {code}, which another attempt would not change")

    def on_kill(self):
        """After SIGTERM, a run removes what it has half written; it needs at most ten seconds."""
        if (process := getattr(self, "process", None)) and process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


with DAG(
    dag_id="segprep_nightly",
    description="Checks and pseudonymises the segment files of last night",
    schedule="17 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,  # one run takes whatever is new, from however many nights
    max_active_runs=1,  # a second run at once would end with exit code 73
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(hours=4),
    },
    tags=["segprep"],
):
    # All attempts of a night have one id. An attempt after one that published says so and ends with exit code 0.
    run = Segprep(
        task_id="run",
        arguments=[
            "run", DEFINITION, "--run", "{{ (logical_date or dag_run.run_after) | ts_nodash }}",
            "--metrics", "metrics/nightly.prom",
        ],
    )  # fmt: skip
    # The parts that are there now, against the last manifest on the list; 66: no night has published anything yet.
    verify = Segprep(task_id="verify", arguments=["verify", DEFINITION], skip_on=(66,))
    run >> verify
