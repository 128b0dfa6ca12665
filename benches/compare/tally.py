#!/usr/bin/env python3
"""Compares outputs independently of order: `tally.py INPUT OUTPUT…` prints for one input what an
engine should write, what it wrote, and records that only one side has.

Two outputs are equal if their clean records are equal as multisets, and if each reason occurs equally
often among their rejects. Names may be in any order, numbers are compared by value, and null, an empty
cell and an empty list or object are the same as an absent field. A record with a `reason` is a reject,
and so is a line of segprep's account, which has `problems`.
"""

import argparse
import collections
import csv
import hashlib
import io
import json
import multiprocessing
import os
from dataclasses import dataclass, field
from pathlib import Path

import reference
from task import NUMBERS

PIECE = 8 << 20
MARK_BITS = 128
csv.field_size_limit(1 << 24)

# The reason for each field in segprep's account.
REASONS = {
    "ChannelType": "channel",
    "OptOut": "optout",
    "Address": "address",
    "Id": "id",
    "Location.Country": "country",
    "User.UserId": "userid",
}


@dataclass
class Tally:
    """The number of clean records, a sum that distinguishes multisets of them, and rejects by reason."""

    clean: int = 0
    mark: int = 0
    rejects: collections.Counter = field(default_factory=collections.Counter)

    def add(self, other):
        self.clean += other.clean
        self.mark = (self.mark + other.mark) % (1 << MARK_BITS)
        self.rejects += other.rejects

    def __str__(self):
        reasons = " ".join(f"{reason} {count}" for reason, count in sorted(self.rejects.items()))
        return f"{self.clean} clean ({self.mark:032x}), {self.rejects.total()} rejects: {reasons}"


@dataclass(frozen=True)
class Piece:
    """Whole lines of a file. `is_input`: they are to be cleaned first; `hashes`: whether tokens
    count, which some engines can't make."""

    path: Path
    start: int
    end: int
    is_input: bool
    hashes: bool

    def records(self):
        """Each record in its written form, with the reason if it is a reject."""
        with self.path.open("rb") as file:
            is_csv = self.path.suffix == ".csv"
            header = next(csv.reader([file.readline().decode()])) if is_csv else None
            file.seek(self.start)
            text = file.read(self.end - self.start).decode()
        if is_csv:
            take = reference.clean_row if self.is_input else stated_reason
            found = rows(text, header)
        else:
            take = reference.clean_object if self.is_input else stated_reason
            found = (read_json(line) for line in text.split("\n") if line)
        for record in found:
            reason = take(record)
            if not self.hashes:
                blank_tokens(record)
            yield record, reason

    def tally(self):
        tally = Tally()
        for record, reason in self.records():
            if reason:
                tally.rejects[reason] += 1
            else:
                tally.clean += 1
                tally.mark += mark_of(record)
        return tally


def tally_files(paths, is_input=False, hashes=True):
    """The tally of files, computed on all cores."""
    total = Tally()
    with multiprocessing.Pool(os.cpu_count()) as pool:
        for tally in pool.imap_unordered(Piece.tally, pieces(paths, is_input, hashes)):
            total.add(tally)
    return total


def pieces(paths, is_input, hashes):
    """Splits files into pieces of whole lines. (No cell of the task's CSV has a line break.)"""
    for path in paths:
        with path.open("rb") as file:
            if path.suffix == ".csv":
                file.readline()
            start, size = file.tell(), path.stat().st_size
            while start < size:
                file.seek(start + PIECE)
                file.readline()
                end = min(file.tell(), size)
                yield Piece(path, start, end, is_input, hashes)
                start = end


def rows(text, header):
    for cells in csv.reader(io.StringIO(text)):
        row = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
        for name in NUMBERS & row.keys():
            row[name] = float(row[name])
        yield row


def read_json(line):
    return json.loads(line, object_pairs_hook=without_nothing, parse_int=float)


def without_nothing(pairs):
    """An object without values that count as absent."""
    return {name: value for name, value in pairs if value not in (None, {}, [])}


def stated_reason(record):
    if "problems" in record:
        fields = {problem["field"] for problem in record["problems"]}
        return "+".join(sorted(REASONS.get(name, name) for name in fields))
    return record.get("reason")


def blank_tokens(record):
    """Removes the values that are to be hashed from a record of either form."""
    user = record.get("User", {})
    for group, name in (
        (record, "Id"),
        (record, "User.UserId"),
        (record, "User.UserAttributes.Email"),
        (user, "UserId"),
        (user.get("UserAttributes", {}), "Email"),
    ):
        if name in group:
            group[name] = ""


def mark_of(record):
    text = json.dumps(record, sort_keys=True).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=MARK_BITS // 8).digest())


def main():
    parser = argparse.ArgumentParser(description="Compares outputs with what the task asks for.")
    parser.add_argument("input", type=Path)
    parser.add_argument("outputs", type=Path, nargs="+", metavar="output")
    parser.add_argument("--no-hash", action="store_true", help="leave tokens out")
    arguments = parser.parse_args()
    hashes = not arguments.no_hash
    wanted = tally_files([arguments.input], is_input=True, hashes=hashes)
    found = tally_files(arguments.outputs, hashes=hashes)
    print(f"wanted {wanted}\nfound  {found}")
    if wanted == found:
        return
    missing = clean_records([arguments.input], True, hashes)
    extra = clean_records(arguments.outputs, False, hashes)
    for what, side, other in (("missing", missing, extra), ("too many", extra, missing)):
        marks = side.keys() - other.keys()
        print(f"{what}: {len(marks)} records, such as {side[min(marks)] if marks else None}")
    raise SystemExit(1)


def clean_records(paths, is_input, hashes):
    """All clean records by their digests."""
    found = (record for piece in pieces(paths, is_input, hashes) for record in piece.records())
    return {mark_of(record): record for record, reason in found if not reason}


if __name__ == "__main__":
    main()
