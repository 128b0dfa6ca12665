#!/usr/bin/env python3
"""Decides about records that belong together as README.md describes it: every record is compared with every other.

Shares nothing with segprep. Reads a list of cases from standard input, as JSON: each has settings (`sets`), among them
those of `[unique]` and `[users]`, and the records as lines. Prints for each what a run with tests/together/definition.toml has to
write, reject and drop.
"""

import json
import re
import sys

ORDER = ["Id", "ChannelType", "Address", "OptOut", "EndpointStatus", "EffectiveDate", "Attributes", "Location", "User"]


def value_of(record, path):
    for name in path.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return record


def fate(record):
    """What becomes of a record by itself."""
    if record.get("EndpointStatus") == "INACTIVE":
        return "inactive"
    if record.get("OptOut") not in (None, "ALL", "NONE"):
        return "enum"
    return "written"


def as_written(record):
    record = json.loads(json.dumps(record))
    city = value_of(record, "Location.City")
    if city is not None:
        record["Location"]["City"] = city[:1] + "*" * (len(city) - 1) if 1 < len(city) else "*" * len(city)
    return record


def phone(text):
    """The number, if the text is one with the code of its country."""
    digits = re.sub(r"[ ().-]", "", text)
    digits = "+" + digits[2:] if digits.startswith("00") else digits
    return digits if re.fullmatch(r"\+[1-9][0-9]{6,14}", digits) else text


def normal(text, form):
    if form == "email.v1" and "@" in text:
        return text.strip().lower()
    return phone(text) if form == "phone.v1" else text


def key_of(record, unique, written):
    shown = written(record) if unique.get("on") == "output" else record
    values = [value_of(shown, path) for path in unique["by"]]
    if any(value is None for value in values):
        return None
    return [normal(value, unique.get("normalize")) if path == "Address" else value
            for path, value in zip(unique["by"], values)]


def age(record, number):
    """The larger, the newer. The dates here are all in UTC and of one form."""
    return (record.get("EffectiveDate") or "", number)


def is_preferred(keep, records, one, other):
    if keep == "first":
        return one < other
    if keep == "last":
        return one > other
    return age(records[one], one) > age(records[other], other)


def judge(records, settings, fate=fate, written=as_written):
    """What becomes of each record, and which ones are opted out because of another."""
    fates = [fate(record) for record in records]
    unique, users, opted_out = settings.get("unique"), settings.get("users"), set()
    if unique:
        competes = [key_of(record, unique, written) if how == "written" else None
                    for record, how in zip(records, fates)]
        for one, key in enumerate(competes):
            same = [other for other, another in enumerate(competes) if key is not None and another == key]
            if any(is_preferred(unique["keep"], records, other, one) for other in same if other != one):
                fates[one] = "duplicate"
            elif unique["keep"] != "newest" and 1 < len({records[other].get("OptOut") == "ALL" for other in same}):
                opted_out.add(one)
    if users is not None:
        before, over = list(fates), users.get("over", "reject")
        most = 15 if users.get("max_endpoints", "target") == "target" else users["max_endpoints"]
        for one, record in enumerate(records):
            user = value_of(record, "User.UserId")
            if user is None or before[one] != "written":
                continue
            own = [other for other, another in enumerate(records)
                   if before[other] == "written" and value_of(another, "User.UserId") == user]
            keep = "newest" if over == "newest" else "first"
            better = sum(is_preferred(keep, records, other, one) for other in own if other != one)
            if most <= better:
                fates[one] = "user_limit" if over == "newest" else "user_endpoint_limit"
    return fates, opted_out


def decide(case):
    records = [json.loads(line) for line in case["lines"]]
    fates, opted_out = judge(records, case["sets"])
    lines = []
    for number, record in enumerate(records):
        if fates[number] == "written":
            shown = as_written(record)
            if number in opted_out:
                shown["OptOut"] = "ALL"
            shown = {name: shown[name] for name in ORDER if name in shown}
            lines.append(json.dumps(shown, separators=(",", ":"), ensure_ascii=False) + "\n")
    rejects = [[number + 1, how] for number, how in enumerate(fates) if how in ("enum", "user_endpoint_limit")]
    dropped = {reason: fates.count(reason) for reason in ("inactive", "duplicate", "user_limit")}
    merged = sum(fates[one] == "written" for one in opted_out)
    return {"part": "".join(lines), "rejects": rejects, "dropped": dropped, "optout_merged": merged}


if __name__ == "__main__":
    print(json.dumps([decide(case) for case in json.load(sys.stdin)]))
