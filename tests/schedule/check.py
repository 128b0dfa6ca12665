#!/usr/bin/env python3
"""Tries the examples in samples/schedule/ as far as that goes without the service that each is for.

usage: check.py PROGRAM [EXAMPLE…]

run.sh installs what this needs. Each example is run in a place of its own: a folder with usr/local/bin/segprep,
etc/segprep and var/lib/segprep, to which the paths of the example are moved. What the examples promise about
memory, signals, exit codes and privileges is compared with what the program says and docs/commands.md lists.
"""

import contextlib
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "samples/schedule"
MOVED = ("/usr/local/bin", "/etc/segprep", "/var/lib/segprep", "/var/log/segprep")
RETRIED = {74}
STOPPED = {130, 143}  # the exit codes after a signal, which a scheduler may retry too
SECONDS_AFTER_A_SIGNAL = 10


class Place:
    """A machine's folders, as the examples expect them, below a folder."""

    def __init__(self, folder: Path, program: Path):
        self.folder = folder
        self.data = folder / "var/lib/segprep"
        self.segprep = folder / "usr/local/bin/segprep"
        for name in ("usr/local/bin", "etc/segprep", "var/lib/segprep/inbox", "var/lib/segprep/metrics", "var/log/segprep"):
            (folder / name).mkdir(parents=True)
        shutil.copy(program, self.segprep)
        shutil.copy(EXAMPLES / "nightly.toml", folder / "etc/segprep")
        self.key = out([self.segprep, "key", "new"]).strip()
        self.key_file = folder / "etc/segprep/k1.key"
        self.key_file.write_text(self.key)
        self.key_file.chmod(0o600)
        self.add("partner-1.ndjson", 1)

    def add(self, name: str, seed: int) -> None:
        made = out([self.segprep, "generate", "--records", "300", "--seed", str(seed), "--bad", "0.01"])
        (self.data / "inbox" / name).write_text(made)

    def moved(self, text: str) -> str:
        return re.sub("|".join(map(re.escape, MOVED)), lambda path: f"{self.folder}{path[0]}", text)

    def nights(self) -> list[dict]:
        manifests = [json.loads(path.read_text()) for path in self.data.glob("out/*/account/manifest.json")]
        return sorted(manifests, key=lambda manifest: manifest["started"])

    def environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "SEGPREP_KEY_K1": self.key}


def out(command, **more) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **more).stdout


def ran(command, code: int = 0, **more) -> str:
    """Runs a command that has to end with this exit code; returns what it prints."""
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    shown = " ".join(map(str, command)) if isinstance(command, list) else command
    assert ended.returncode == code, f"exit code {ended.returncode}, not {code}: {shown}\n{ended.stdout}"
    return ended.stdout


@contextlib.contextmanager
def place(program: Path):
    with tempfile.TemporaryDirectory() as folder:
        yield Place(Path(folder), program)


def exit_codes() -> set[int]:
    """Those that docs/commands.md lists, but for success and for commands that check."""
    rows = re.findall(r"^\| (\d+(?:, \d+)*) \|", (ROOT / "docs/commands.md").read_text(), re.M)
    return {int(code) for row in rows for code in row.split(", ")} - {0, 4}


def memory_bound(place: Place, *settings: str) -> int:
    """The bytes that `segprep check` says a run may take."""
    printed = ran([place.segprep, "check", place.moved("/etc/segprep/nightly.toml"), *settings], env=place.environment(), cwd=place.data)
    return int(re.search(r"at most (\d+) MiB", printed)[1]) << 20


def in_bytes(size: str) -> int:
    number, unit = re.fullmatch(r"(\d+)\s*([KMG]?)i?B?", size).groups()
    return int(number) << {"": 0, "K": 10, "M": 20, "G": 30}[unit]


def check_log(lines: str, key: str) -> None:
    """All lines are messages of a run, from its start to its end, and none has the key or an address."""
    events = [json.loads(line)["event"] for line in lines.splitlines() if line.startswith("{")]
    assert events and events[0] == "start" and events[-1] == "end", events
    assert key.removeprefix("hex:") not in lines and "@" not in lines and not re.search(r"\+\d{8}", lines), "a log has a value"


def check_published(place: Place, nights: int) -> None:
    found = place.nights()
    assert [night["status"] for night in found] == ["published"] * nights, found
    assert all(night["records"]["written"] for night in found)


def definition(place: Place) -> None:
    ran([place.segprep, "test", EXAMPLES / "nightly.test.toml"])
    assert exit_codes() >= {1, 3, 64, 65, 66, 73, 74, 77, 78, 130, 143}


def cron(place: Place) -> None:
    lines = [line for line in (EXAMPLES / "cron/segprep").read_text().splitlines() if line and not line.startswith("#")]
    [job] = [line for line in lines if not re.match(r"[A-Z_]+=", line)]
    *times, user, command = job.split(None, 6)
    for field, (least, most) in zip(times, [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)], strict=True):
        assert field == "*" or all(least <= int(part) <= most for part in field.split(",")), field
    assert user == "segprep" and "%" not in command, "to cron, a `%` ends the command"
    run = ["/bin/sh", "-c", place.moved(command)]
    bare = {"HOME": "/", "LOGNAME": user, "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}  # all that cron sets

    assert ran(run, env=bare) == "", "a mail for a night without a problem"
    check_published(place, 1)
    assert ran(run, env=bare) == ""  # the second attempt of the night
    check_published(place, 1)
    place.add("partner-2.ndjson", 2)
    ran(run, env=bare)
    check_published(place, 2)
    log = (place.folder / "var/log/segprep/nightly.log").read_text()
    check_log(log, place.key)
    metrics = (place.data / "metrics/nightly.prom").read_text()
    assert re.search(r"^segprep_exit_code\{.*\} 0$", metrics, re.M), metrics
    place.key_file.unlink()
    assert "exit code 77" in ran(run, 77, env=bare)


def units(place: Place) -> tuple[Path, dict[str, list[str]]]:
    """The units, moved, and the settings of the service; a line may have a continuation."""
    folder = place.folder / "units"
    folder.mkdir()
    for unit in (EXAMPLES / "systemd").glob("segprep-nightly.*"):
        (folder / unit.name).write_text(place.moved(unit.read_text()))
    settings: dict[str, list[str]] = {}
    text = (folder / "segprep-nightly.service").read_text().replace("\\\n", " ")
    for name, value in re.findall(r"^([A-Za-z]+)=(.*)$", text, re.M):
        settings.setdefault(name, []).append(value)
    return folder, settings


def allowed_calls(filters: list[str]) -> set[str]:
    """The system calls that lines of SystemCallFilter= allow: a set, and then those that are taken out."""

    def expanded(name: str) -> set[str]:
        if not name.startswith("@"):
            return {name}
        printed = out(["systemd-analyze", "syscall-filter", "--no-pager", name])
        inner = [line.strip() for line in printed.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
        return set().union(*(expanded(each) for each in inner))

    allowed: set[str] = set()
    for line in filters:
        calls = set().union(*(expanded(name) for name in line.lstrip("~").split()))
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed


def systemd(place: Place) -> None:
    folder, settings = units(place)
    assert ran(["systemd-analyze", "verify", *sorted(map(str, folder.iterdir()))]) == ""
    # The exposure is at most 1 of 10.
    ran(["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=10", folder / "segprep-nightly.service"])
    ran(["systemd-analyze", "calendar", *re.findall(r"^OnCalendar=(.*)$", (folder / "segprep-nightly.timer").read_text(), re.M)])
    never = {int(code) for code in settings["RestartPreventExitStatus"][0].split()}
    assert never == exit_codes() - RETRIED - STOPPED, never
    assert int(settings["TimeoutStopSec"][0].removesuffix("s")) > SECONDS_AFTER_A_SIGNAL
    limit = in_bytes(settings["MemoryMax"][0])
    assert limit >= memory_bound(place)

    credentials = place.folder / "credentials"
    credentials.mkdir()
    name, source = settings["LoadCredential"][0].split(":")
    shutil.copy(source, credentials / name)
    place.key_file.unlink()  # the run has only what systemd hands to it
    command = shlex.split(settings["ExecStart"][0].replace("%d", str(credentials)).replace("%S", str(place.data.parent)))
    trace = place.folder / "trace"
    watched = ["strace", "-f", "-qq", "-e", "signal=none", "-o", trace, *command]
    check_log(ran(watched, env={"PATH": "/usr/bin:/bin"}, cwd=place.data), place.key)
    check_published(place, 1)
    called = set(re.findall(r"^\d+\s+(\w+)\(", trace.read_text(), re.M))
    refused = called - allowed_calls(settings["SystemCallFilter"])
    assert "openat" in called and not refused, f"system calls that the filter refuses: {refused}"
    sockets = re.findall(r"^\d+\s+socket\(.*", trace.read_text(), re.M)
    assert not sockets, sockets


def image_of(place: Place) -> Path:
    """What the Dockerfile puts together, without Docker: the program, its definition, and the libraries of Distroless."""
    libraries = re.findall(r"(/\S+) \(0x", out(["ldd", place.segprep]))
    known = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1", "ld-linux-x86-64.so.2"}
    unknown = {Path(library).name for library in libraries} - known
    assert not unknown, f"libraries that gcr.io/distroless/cc-debian12 does not have: {unknown}"
    root = place.folder / "image"
    for path in [*libraries, "/usr/local/bin/segprep", "/etc/segprep/nightly.toml"]:
        to = root / path.lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path if path in libraries else f"{place.folder}{path}", to)
    (root / "var/lib").mkdir(parents=True)
    place.data.rename(root / "var/lib/segprep")
    place.data = root / "var/lib/segprep"
    for folder, _, _ in os.walk(root):  # read-only, except for the data
        if not Path(folder).is_relative_to(place.data):
            Path(folder).chmod(0o555)
    return root


def in_image(root: Path, *arguments: str) -> list:
    """A command in that root, as user 65532 without privileges and without a network."""
    ids = ["--user", "--map-user=65532", "--map-group=65532"]
    return ["unshare", *ids, "--net", "--ipc", "--pid", "--fork", f"--root={root}", "--wd=/var/lib/segprep", "/usr/local/bin/segprep", *arguments]


def docker(place: Place) -> None:
    file = EXAMPLES / "docker/Dockerfile"
    ran(["hadolint", "--failure-threshold", "info", file])
    last = re.split(r"^FROM ", file.read_text(), flags=re.M)[-1]
    instructions = dict(re.findall(r"^([A-Z]+) (.*)$", last, re.M))
    assert last.startswith("gcr.io/distroless/") and instructions["USER"] == "65532:65532"
    assert len(re.findall(r"^(?:COPY|ADD|RUN|WORKDIR) ", last, re.M)) <= 2, "two layers on top of Distroless"
    assert "*.key" in (EXAMPLES / "docker/Dockerfile.dockerignore").read_text()
    written = [line for line in re.findall(r"install .*", file.read_text())]
    assert any("/usr/local/bin/segprep" in line for line in written) and any("/etc/segprep/nightly.toml" in line for line in written)

    root = image_of(place)
    command = re.search(r"segprep:0.2.0 (run .*)", file.read_text())[1].replace('"$(date -u +%F)"', "2026-11-29")
    check_log(ran(in_image(root, *shlex.split(command)), env=place.environment()), place.key)
    check_published(place, 1)
    assert not (root / "usr/x").exists() and "Permission denied" in ran(
        in_image(root, *shlex.split(command), "--metrics", "/usr/x"), env=place.environment()
    )


def kubernetes(place: Place) -> None:
    file = EXAMPLES / "kubernetes/cronjob.yaml"
    for version in ("1.31", "1.37"):
        ran(["kubernetes-validate", "--strict", "--kubernetes-version", version, file])
    account, policy, cronjob = yaml.safe_load_all(file.read_text())
    assert account["automountServiceAccountToken"] is False and "egress" not in policy["spec"]
    job = cronjob["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    [container] = pod["containers"]
    stops = job["podFailurePolicy"]["rules"][1]["onExitCodes"]
    assert stops["operator"] == "NotIn" and set(stops["values"]) == {*RETRIED, 143, 137} and pod["restartPolicy"] == "Never"
    assert pod["terminationGracePeriodSeconds"] > SECONDS_AFTER_A_SIGNAL and cronjob["spec"]["concurrencyPolicy"] == "Forbid"
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    rights = container["securityContext"]
    assert rights == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    key = next(entry for entry in container["env"] if entry["name"] == "SEGPREP_KEY_K1")
    assert "value" not in key and key["valueFrom"]["secretKeyRef"], "the key is a secret"
    limit = in_bytes(container["resources"]["limits"]["memory"])
    assert limit >= memory_bound(place)

    root = image_of(place)
    arguments = [argument.replace("$(JOB_NAME)", "segprep-nightly-29407817") for argument in container["args"]]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    check_log(ran(in_image(root, *arguments), env=place.environment()), place.key)
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert used == before or used << 10 < limit, used
    check_published(place, 1)
    check_log(ran(in_image(root, *arguments), env=place.environment()), place.key)  # another pod of the same job
    check_published(place, 1)
    assert place.nights()[0]["run"] == "segprep-nightly-29407817"


def airflow(place: Place) -> None:
    import airflow_dag

    airflow_dag.check(place, EXAMPLES / "airflow")
    check_published(place, 1)
    assert place.nights()[0]["run"] == "20261129T021700"


def aws(place: Place) -> None:
    import aws_services

    aws_services.check(place, EXAMPLES / "aws", memory_bound)


CHECKS = [definition, cron, systemd, docker, kubernetes, aws, airflow]


def main() -> None:
    program, wanted = Path(sys.argv[1]).resolve(), sys.argv[2:]
    for check in CHECKS:
        if not wanted or check.__name__ in wanted:
            with place(program) as at:
                check(at)
            print(f"samples/schedule, {check.__name__}: holds", flush=True)
    print("Not tried: the services themselves, that is cron, systemd, Docker, a cluster and AWS.")


main()
