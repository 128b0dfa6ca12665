"""A plain implementation of the task: one record at a time, with Python's standard library alone. It
defines the correct output of the engines.

Both functions change a record into its written form, and return the reason if it is rejected instead,
or none.
"""

import hmac
import re

from task import (
    CHANNELS,
    COUNTRY,
    DROPPED,
    EMAIL,
    OPT_OUTS,
    PHONE,
    TOKEN,
    TOKEN_PREFIX,
    join_keys,
)

IS_EMAIL, IS_PHONE, IS_COUNTRY, IS_TOKEN = (
    re.compile(pattern).fullmatch for pattern in (EMAIL, PHONE, COUNTRY, TOKEN)
)


def clean_object(record):
    """Cleans a record from JSON, without nulls and empty objects."""
    user, location = record["User"], record.get("Location", {})
    reason = fault(record, location.get("Country"), user["UserId"])
    if reason:
        return reason
    record["Id"] = token("endpoint", record["Id"])
    record["Address"] = masked(record["Address"])
    user["UserId"] = token("user", user["UserId"])
    attributes = user.get("UserAttributes", {})
    if "Email" in attributes:
        attributes["Email"] = [email_token(value) for value in attributes["Email"]]
    if "Phone" in attributes:
        attributes["Phone"] = [masked(value) for value in attributes["Phone"]]
    for path in DROPPED:
        group, _, name = path.rpartition(".")
        (record.get(group, {}) if group else record).pop(name, None)
    if not location:
        record.pop("Location", None)
    return None


def clean_row(row):
    """Cleans a record from CSV: columns and their texts, without empty ones."""
    reason = fault(row, row.get("Location.Country"), row["User.UserId"])
    if reason:
        return reason
    email, phone = "User.UserAttributes.Email", "User.UserAttributes.Phone"
    row["Id"] = token("endpoint", row["Id"])
    row["Address"] = masked(row["Address"])
    row["User.UserId"] = token("user", row["User.UserId"])
    if email in row:
        row[email] = email_token(row[email])
    if phone in row:
        row[phone] = masked(row[phone])
    for name in DROPPED:
        row.pop(name, None)
    return None


def fault(record, country, user_id):
    """The first rule that a record violates."""
    channel = record["ChannelType"]
    if channel not in CHANNELS:
        return "channel"
    if record["OptOut"] not in OPT_OUTS:
        return "optout"
    if not is_address(channel, record["Address"]):
        return "address"
    if not is_new(record["Id"], 100):
        return "id"
    if country and not IS_COUNTRY(country):
        return "country"
    return None if is_new(user_id, 128) else "userid"


def is_address(channel, address):
    if not 1 <= len(address) <= 512:
        return False
    if channel == "EMAIL":
        return IS_EMAIL(address)
    return channel not in ("SMS", "VOICE") or IS_PHONE(address)


def is_new(identifier, length_max):
    return 1 <= len(identifier) <= length_max and not IS_TOKEN(identifier)


def token(join, value):
    return TOKEN_PREFIX + hmac.digest(join_keys()[join], value.encode(), "sha256").hex()


def email_token(value):
    return token("email", value.strip().lower())


def masked(value):
    hidden = len(value) - 4 if len(value) > 4 else len(value)
    return "*" * hidden + value[hidden:]
