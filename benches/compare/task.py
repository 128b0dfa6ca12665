"""The names, patterns and keys of the task, which the generator, the reference and the engines share.
README.md describes the task.
"""

import hmac
from functools import cache
from pathlib import Path

CHANNELS = (
    "ADM APNS APNS_SANDBOX APNS_VOIP APNS_VOIP_SANDBOX BAIDU CUSTOM EMAIL GCM IN_APP PUSH SMS VOICE"
).split()
OPT_OUTS = ["ALL", "NONE"]

# Each must match the whole value.
EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"
PHONE = r"\+[1-9][0-9]{6,14}"
COUNTRY = "[A-Z]{2}"
TOKEN = "hmac:k1:[0-9a-f]{64}"
TOKEN_PREFIX = "hmac:k1:"

EXPORT_ONLY = ["ApplicationId", "CohortId", "CreationDate", "User.UserStatus"]
DROPPED = ["Location.PostalCode", *EXPORT_ONLY]

DEMOGRAPHIC = "AppVersion Locale Make Model ModelVersion Platform PlatformVersion Timezone".split()
METRICS = "Visits Spend Score Reach".split()
# Columns of CSV that hold numbers.
NUMBERS = {"Location.Latitude", "Location.Longitude", *(f"Metrics.{name}" for name in METRICS)}

# A public key, for synthetic records only.
MASTER_KEY = bytes(range(32))
JOINS = ["endpoint", "user", "email"]


@cache
def join_keys():
    """The key of each join, 32 bytes: HKDF-SHA256 (RFC 5869) of the master key, one block."""
    extracted = hmac.digest(bytes(32), MASTER_KEY, "sha256")
    info = "segprep/v1/hmac-sha256/"
    return {
        join: hmac.digest(extracted, f"{info}{join}".encode() + b"\x01", "sha256") for join in JOINS
    }


def hmac_blocks(key):
    """The inner and the outer block of HMAC-SHA256, for an engine that only has SHA-256."""
    padded = key.ljust(64, b"\0")
    return bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded)


def is_export(path):
    """Whether a file has the shape `export`, in which records have an ApplicationId."""
    with Path(path).open(encoding="utf-8") as lines:
        return "ApplicationId" in lines.readline()


def csv_header(path):
    """The columns of a CSV file. Their names have no quotes."""
    with Path(path).open(encoding="utf-8") as lines:
        return lines.readline().strip().split(",")
