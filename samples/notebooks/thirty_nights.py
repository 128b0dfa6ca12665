"""Makes what the notebook reads: thirty nights of a shop's exports, each processed by segprep, in out/notebook/.

    python3 samples/notebooks/thirty_nights.py [SEGPREP]

Everybody in the files was made up by `segprep generate`, and so were the faults. The same bytes come out on every
machine. Needs nothing but Python; runs for seconds.

What happens in the thirty nights, which the notebook then finds out from the accounts:

- The first and the last night bring everybody who is a customer then, the others whoever is new or has changed.
- From the 9th to the 13th, a form of the shop lets phone numbers through that are none.
- On the 20th, an update of the shop writes channels that do not exist. More than 5 % of the records are rejected, so
  nothing is published. The shop sends the file again, and the next night takes both.
"""

import datetime
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEFINITION = "samples/notebooks/nightly.toml"
OUT = Path("out/notebook")
NIGHTS = [datetime.date(2026, 11, day) for day in range(1, 31)]
PEOPLE = 12000
SEED = 20261101

# The shop's home is Germany. How often a country occurs, and how many postal areas it has here.
COUNTRIES = {"DE": (10, 20), "GB": (6, 12), "US": (4, 12), "CA": (2, 6), "BR": (1, 4), "JP": (0.6, 3)}
PLANS = ["free", "monthly", "yearly"]

BAD_FORM = range(9, 14)  # days of November
BAD_UPDATE = 20


def generate(segprep, count, seed, bad, truth=None):
    """Lines of `segprep generate`."""
    command = [segprep, "generate", "--records", str(count), "--seed", str(seed), "--bad", str(bad)]
    command += ["--shape", "export", "--quiet"] + (["--truth", str(truth)] if truth else [])
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()


def customers(segprep, rng):
    """Everybody who will ever be in a file, in the order in which they become customers."""
    people = [json.loads(line) for line in generate(segprep, PEOPLE, SEED, 0)]
    weights = [COUNTRIES[person["Location"]["Country"]][0] for person in people]
    # Whoever has more weight comes earlier; some never come.
    order = sorted(range(PEOPLE), key=lambda at: rng.random() ** (1 / weights[at]), reverse=True)
    people = [people[at] for at in order[: PEOPLE * 3 // 8]]
    for person in people:
        areas = COUNTRIES[person["Location"]["Country"]][1]
        area = min(int(rng.expovariate(3 / areas)), areas - 1)
        code = person["Location"]["PostalCode"]
        # Of a postal code, the definition keeps two characters: these differ.
        person["Location"]["PostalCode"] = f"{area + 10}{code[2:]}"
        leave_out(person, rng)
    return people


def leave_out(person, rng):
    """Not everybody tells everything."""
    if rng.random() < 0.38:
        person["User"]["UserAttributes"].pop("Birthday", None)
    if rng.random() < 0.07:
        del person["Location"]["PostalCode"]
    # A shop learns the platform from its app, and not on the phone.
    if person["ChannelType"] in ("SMS", "VOICE") or rng.random() < 0.1:
        person["Demographic"].pop("Platform", None)
    if rng.random() < 0.24:
        del person["Attributes"]["Interests"]


def faulty(segprep):
    """Faulty lines by field and code of the planted fault, from `generate --truth`."""
    truth = OUT / "truth.ndjson"
    lines = generate(segprep, 6000, SEED + 1, 1, truth)
    by_kind = {}
    for fault in map(json.loads, truth.read_text().splitlines()):
        by_kind.setdefault((fault["field"], fault["code"]), []).append(lines[fault["line"] - 1])
    truth.unlink()
    return by_kind


def changed(person, night, rng):
    """What a visit to the shop changes: the date, and sometimes the plan."""
    person["EffectiveDate"] = f"{night}T{rng.randrange(6, 23):02}:{rng.randrange(60):02}:00Z"
    plan = person.get("Attributes", {}).get("Plan")
    if plan and rng.random() < 0.5:
        at = PLANS.index(plan[0]) + (1 if rng.random() < 0.7 else -1)
        plan[0] = PLANS[max(0, min(at, 2))]
    if "Metrics" in person and person["Metrics"].get("Visits") is not None:
        person["Metrics"]["Visits"] += 1


def line_of(person):
    return json.dumps(person, ensure_ascii=False, separators=(",", ":")).encode()


def faults_of(night, good, by_kind, rng):
    """The faulty lines of a night: about one in a hundred, and the two mishaps."""
    picked = [rng.choice(sorted(by_kind)) for _ in range(round(good * 0.009 + rng.random()))]
    if night.day in BAD_FORM:
        picked += [("Address", "phone")] * round(good * 0.022 * (1 - abs(night.day - 11) / 5))
    if night.day == BAD_UPDATE:
        picked += [("ChannelType", "enum")] * round(good * 0.11)
    return [rng.choice(by_kind[kind]) for kind in picked]


def write(night, people, faults, rng):
    lines = [line_of(person) for person in people] + faults
    rng.shuffle(lines)
    (OUT / "inbox" / f"{night}-shop.ndjson").write_bytes(b"".join(line + b"\n" for line in lines))


def run(segprep, night, expected, *more):
    """One night, as a scheduler starts it. The exit code is what it decides by."""
    command = [segprep, "run", DEFINITION, "--date", str(night), "--quiet", *more]
    ended = subprocess.run(command, stderr=subprocess.PIPE)
    if ended.returncode != expected:
        sys.exit(f"{night}: exit code {ended.returncode}, not {expected}: {ended.stderr.decode()}")


def for_a_partner(segprep):
    """The last night once more, with tokens for another recipient: the notebook tries to join them."""
    settings = {
        'fields."User.UserId"': '{ op = "hmac", join = "user", scope = "relationship:partner" }',
        "input.from": f'["{OUT}/inbox/{NIGHTS[-1]}-shop.ndjson"]',
        "account.to": f"{OUT}/partner/{{date}}/account/",
        "output.0.to": f"{OUT}/partner/{{date}}/parquet/",
        "state.to": f"{OUT}/partner/state/",
    }
    run(segprep, NIGHTS[-1], 0, *(f"--set={path}={value}" for path, value in settings.items()))


def main():
    segprep = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else "segprep"
    os.chdir(ROOT)
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "inbox").mkdir(parents=True)
    rng = random.Random(SEED)
    people, by_kind = customers(segprep, rng), faulty(segprep)
    known = len(people) * 3 // 5
    for night in NIGHTS:
        everybody = night in (NIGHTS[0], NIGHTS[-1])
        new = 0 if everybody else round((len(people) - known) / (NIGHTS[-1] - night).days * rng.uniform(0.8, 1.2))
        weekend = night.weekday() >= 5
        seen = rng.sample(people[:known], 130 if weekend else 210)
        for person in [] if everybody else seen:
            changed(person, night, rng)
        tonight = seen + people[known : known + new]
        if everybody:  # of the first customers, one in twenty has left by the end
            tonight = [person for at, person in enumerate(people[:known]) if night.day == 1 or at % 20]
        known += new
        faults = faults_of(night, len(tonight), by_kind, rng)
        write(night, tonight, faults, rng)
        over = night.day == BAD_UPDATE
        run(segprep, night, 3 if over else 0)
        if over:  # the shop sends the night again, under the same name
            write(night, tonight, faults[:3], rng)
    for_a_partner(segprep)
    print(f"{len(NIGHTS)} nights are in {OUT}/")


main()
