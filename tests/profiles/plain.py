#!/usr/bin/env python3
"""Makes profiles of records as docs/migrate.md describes it: for each user, all records are looked at again.

Shares nothing with segprep. Reads a list of cases from standard input, as JSON: each has settings (`sets`) and the
records as lines. Prints for each what a run with tests/profiles/definition.toml has to write and to count.
"""

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "together"))
from plain import judge  # noqa: E402

PHONES = ["PhoneNumber", "HomePhoneNumber", "MobilePhoneNumber", "BusinessPhoneNumber"]
EMAILS = ["EmailAddress", "PersonalEmailAddress", "BusinessEmailAddress"]
ADDRESS = {"City": "City", "Region": "State", "Country": "Country", "PostalCode": "PostalCode"}
CHANNELS = ["PUSH", "GCM", "APNS", "APNS_SANDBOX", "APNS_VOIP", "APNS_VOIP_SANDBOX", "ADM", "SMS", "VOICE", "EMAIL",
            "BAIDU", "CUSTOM", "IN_APP"]
MAPS = [("Attributes", "Attributes_"), ("Metrics", "Metrics_")]
ONCE = ["EndpointStatus", "EffectiveDate", "RequestId"]


def user_of(record):
    return record.get("User", {}).get("UserId")


def has(path, fields):
    """Whether the output has what is at this path."""
    return fields is None or any(
        path.startswith(field[:-1]) if field.endswith("*") else path == field for field in fields)


def key_of(record, fields):
    user = user_of(record) if has("User.UserId", fields) else None
    return user or (record.get("Id") if has("Id", fields) else None)


def header(prefix, name, number):
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name).rstrip("_-")
    if not plain.strip("_-"):
        return None
    return prefix + plain + ("" if number is None else f"_{number}")


def numbered(names, number):
    return names[number] if number < len(names) else f"Attributes_{names[0]}_{number + 1}"


def values_of(record, fields):
    return [one for one in all_values_of(record, fields) if has(one[0], fields)]


def all_values_of(record, fields):
    """The values of a record in order: what holds them, and the field under which one without a place is counted."""
    out = []
    kind = {"SMS": "phone", "VOICE": "phone", "EMAIL": "email"}.get(record.get("ChannelType"))
    if "Address" in record:
        out.append(("Address", (kind,), [record["Address"]]))
    if "Id" in record and user_of(record) and has("User.UserId", fields):
        out.append(("Id", ("once", "Id"), [record["Id"]]))
    for name in ONCE:
        if name in record:
            out.append((name, ("once", name), [record[name]]))
    for name, values in record.get("Attributes", {}).items():
        out.append((f"Attributes.{name}", ("map", "Attributes_", name), values))
    for name, number in record.get("Metrics", {}).items():
        out.append((f"Metrics.{name}", ("map", "Metrics_", name), [json.dumps(number)]))
    for name, value in record.get("Demographic", {}).items():
        out.append((f"Demographic.{name}", ("part", "Demographic_", name), [value]))
    for name, value in record.get("Location", {}).items():
        out.append((f"Location.{name}", ("part", "Attributes_", name), [value if isinstance(value, str) else json.dumps(value)]))
    for name, values in record.get("User", {}).get("UserAttributes", {}).items():
        out.append((f"User.UserAttributes.{name}", ("map", "User_", name), values))
    return out


def profile_of(records, fields):
    """Cells in order as (identity, text, field), and for each value of a record the identity that would hold it."""
    held, order, emptied, wanted = {}, [], 0, []
    for record in records:
        for field, source, values in values_of(record, fields):
            if isinstance(values, list) and not values:
                emptied += 1
            emptied += sum(value == "" for value in values)
            fits = [value for value in values if value != "" and len(value) <= 255]
            different = list(dict.fromkeys(fits))
            wanted += [(field, None, None)] * sum(255 < len(value) for value in values)
            if source == (None,):
                wanted += [(field, None, None)] * len(fits)
                continue
            if fits and source not in held:
                held[source] = different
                order.append((source, field))
            elif source[0] in ("phone", "email"):
                held[source] += [value for value in fits if value not in held[source]]
            wanted += [(field, source, value) for value in fits]
    return held, order, emptied, wanted


def identities(held, order):
    """The columns of a profile in order: what they are, their text and their source."""
    for source, _ in order:
        values = held[source]
        for number, value in enumerate(values):
            several = None if len(values) == 1 else number
            yield (source + ((number,) if source[0] in ("phone", "email") else (several,)), value, source)


def name_of(identity):
    if identity[0] == "phone":
        return numbered(PHONES, identity[1])
    if identity[0] == "email":
        return numbered(EMAILS, identity[1])
    if identity[0] == "once":
        return "Attributes_" + identity[1]
    if identity[0] == "part":
        return ADDRESS.get(identity[2]) if identity[1] == "Attributes_" and identity[2] in ADDRESS else identity[1] + identity[2]
    return header(*identity[1:])


def standard_place(name):
    names = PHONES + EMAILS + list(ADDRESS.values())
    return names.index(name) if name in names else None


def fate_of(record, fields, keeps_inactive):
    """What becomes of a record by itself."""
    if record.get("EndpointStatus") == "INACTIVE" and not keeps_inactive:
        return "inactive"
    if record.get("OptOut") not in (None, "ALL", "NONE"):
        return "enum"
    return "written" if key_of(record, fields) else "missing"


def left_out(records, fates, settings):
    """The records that are opted out and not written, by reason."""
    unique, counts = settings.get("unique") or {}, {}
    for record, fate in zip(records, fates):
        has_same_address = "Address" in unique.get("by", []) and unique["keep"] != "newest"
        if record.get("OptOut") == "ALL" and fate != "written" and not (fate == "duplicate" and has_same_address):
            reason = fate if fate in ("inactive", "duplicate", "user_limit") else "rejected"
            counts[reason] = counts.get(reason, 0) + 1
    return counts


def fold(case):
    settings, records = case["sets"], [json.loads(line) for line in case["lines"]]
    fields, max_columns = settings.get("output.0.fields"), settings.get("output.0.max_columns", 25)
    keeps_inactive = settings.get("input.inactive") == "keep"
    fates, opted_out = judge(
        records, settings, lambda record: fate_of(record, fields, keeps_inactive), lambda record: record)
    rejected = sum(fate in ("enum", "missing", "user_endpoint_limit") for fate in fates)
    unlisted = left_out(records, fates, settings)
    for one in opted_out:
        records[one]["OptOut"] = "ALL"
    records = [record for record, fate in zip(records, fates) if fate == "written"]
    users, keeps_opt_outs = {}, has("OptOut", fields)
    for record in records:
        users.setdefault(key_of(record, fields), []).append(record)
    profiles = {key: profile_of(own, fields) for key, own in users.items()}
    consents = {}
    for key, own in users.items():
        words = [record["OptOut"] for record in own if "OptOut" in record and keeps_opt_outs]
        out = {record["ChannelType"] for record in own if record.get("OptOut") == "ALL" and "ChannelType" in record}
        consents[key] = ({"Attributes_OptOut": "ALL" if "ALL" in words else "NONE"} | {
            f"Attributes_OptOut_{channel}": "ALL" for channel in CHANNELS if channel in out}) if words else {}
    standard, named, technical = set(), [], []
    for key, (held, order, _, _) in profiles.items():
        for identity, _, _ in identities(held, order):
            name = name_of(identity)
            if name is None:
                continue
            if standard_place(name) is not None and identity[0] != "map":
                standard.add((standard_place(name), name, identity))
            elif identity[0] == "once" and identity[1] != "EffectiveDate":
                technical.append((name, identity))
            else:
                named.append((name, identity))
    consent = [name for name in ["Attributes_OptOut"] + [f"Attributes_OptOut_{channel}" for channel in CHANNELS]
               if any(name in own for own in consents.values())]
    ranked = [("AccountNumber", "key")] + [(name, "consent") for name in consent]
    ranked += [(name, identity) for _, name, identity in sorted(standard, key=lambda one: one[0])] + named + technical
    owners, kept = {}, {}
    for name, identity in ranked:
        if name not in owners and len(owners) < max_columns:
            owners[name] = identity
    standards = [name for _, name, _ in sorted(standard, key=lambda one: one[0]) if name in owners]
    columns = ["AccountNumber"] + standards + [name for name in consent if name in owners]
    columns += [name for name in owners if name not in columns]
    unplaced, emptied, rows = {}, 0, [columns]
    for key, (held, order, own_emptied, wanted) in profiles.items():
        emptied += own_emptied
        row = {"AccountNumber": key} | {name: text for name, text in consents[key].items() if name in owners}
        if "Attributes_OptOut" in consents[key] and "Attributes_OptOut" not in owners:
            unplaced["OptOut"] = unplaced.get("OptOut", 0) + 1
        for name in consents[key]:
            # Nothing says it if it is on no list either.
            if name not in owners and any(
                    name == "Attributes_OptOut_" + record.get("ChannelType", "") and record.get("OptOut") == "ALL"
                    and not (record["ChannelType"] in ("SMS", "VOICE", "EMAIL") and "Address" in record)
                    for record in users[key]):
                unplaced["OptOut"] = unplaced.get("OptOut", 0) + 1
        placed = set()
        for identity, text, source in identities(held, order):
            name = name_of(identity)
            if name is not None and owners.get(name) == identity:
                row[name] = text
                placed.add((source, text))
        for field, source, value in wanted:
            if source is None or (source, value) not in placed:
                unplaced[field] = unplaced.get(field, 0) + 1
        for record in users[key]:
            is_listed = record.get("ChannelType") in ("SMS", "VOICE", "EMAIL")
            if record.get("OptOut") == "ALL" and not is_listed and not (keeps_opt_outs and "ChannelType" in record):
                unplaced["OptOut"] = unplaced.get("OptOut", 0) + 1
        rows.append([row.get(name, "") for name in columns])
    lists = {"phone": [], "email": []}
    for record in records:
        kind = {"SMS": "phone", "VOICE": "phone", "EMAIL": "email"}.get(record.get("ChannelType"))
        if record.get("OptOut") == "ALL" and kind and record["Address"] not in lists[kind]:
            lists[kind].append(record["Address"])
    # Over the budget, there are no files.
    is_published = not (unplaced and settings.get("output.0.unplaced") == "fail")
    return {
        "profiles": "".join(",".join(map(cell, row)) + "\n" for row in rows if is_published),
        "optout-sms": "".join(line + "\n" for line in ["PhoneNumber"] + lists["phone"] if is_published),
        "suppress-email": "".join(address + ",COMPLAINT\n" for address in lists["email"] if is_published),
        "unplaced": unplaced,
        "emptied": emptied,
        "rejected": rejected,
        "unlisted": unlisted,
    }


def cell(text):
    if re.search(r'[,"\n\r]', text) or (text and not text.strip(" ")):
        return '"' + text.replace('"', '""') + '"'
    return text


if __name__ == "__main__":
    print(json.dumps([fold(case) for case in json.load(sys.stdin)]))
