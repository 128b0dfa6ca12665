#!/usr/bin/env python3
"""Generates endpoints as NDJSON and as CSV: `records.py --shape export --records 20000 --out DIR`.

About 2 % of the records are invalid, each with one problem. The bytes depend only on shape, number
and seed, with any number of processes: each block of records has its own generator. Shapes:

- `plain`: the same fields in the same order in every record, lists of one value, no escapes.
- `export`: like exports of segments. Each object has its keys in its own order; there are ten to 25 of
  thirty attributes with up to three values, absent and null fields, numbers in all spellings, text in
  many scripts, and in three of ten records all text is escaped.

The CSV file has the same records, with the first value of a list and a blank for a line break.
"""

import argparse
import csv
import io
import json
import multiprocessing
import os
import random
from pathlib import Path

from task import DEMOGRAPHIC, METRICS

SHAPES = ["plain", "export"]
SEED = 7
BLOCK = 5_000
INVALID = 0.02

# Drawn with the frequency of this list.
PLAIN_CHANNELS = ["EMAIL"] * 6 + ["SMS"] * 3 + ["GCM", "APNS", "VOICE"]
EXPORT_CHANNELS = ["EMAIL"] * 6 + ["SMS"] * 3 + ["GCM", "GCM", "APNS", "VOICE", "ADM", "CUSTOM"]
FIRST_NAMES = ["Ana", "Björn", "Chloë", "Dmitri", "Eve", "Fatima", "Gus", "Hiro"]
LAST_NAMES = "Ångström Brontë Castañeda Dvořák Evans Fuchs García O'Neill".split()
COUNTRIES = ["US", "DE", "FR", "BR", "IN", "JP", "GB"]
CITIES = ["Berlin", "São Paulo", "New York, NY"]
AREA_CODES = [201, 202, 206, 212, 213, 312, 404, 415, 503, 512, 617, 702, 718, 808, 917]
NUMBERS_PER_AREA = 8_000_000

# Country, city, region, postal code, latitude, longitude, time zone, locale.
PLACES = [
    ("US", "New York, NY", "New York", "10001", 40.7, -74.0, "America/New_York", "en_US"),
    ("DE", "Köln", "Nordrhein-Westfalen", "50667", 50.9, 7.0, "Europe/Berlin", "de_DE"),
    ("BR", "São Paulo", "São Paulo", "01310-100", -23.6, -46.6, "America/Sao_Paulo", "pt_BR"),
    ("JP", "東京", "東京都", "100-0001", 35.7, 139.7, "Asia/Tokyo", "ja_JP"),
    ("GB", "London", "England", "SW1A 1AA", 51.5, -0.1, "Europe/London", "en_GB"),
    ("IN", "Mumbai", "Maharashtra", "400001", 19.1, 72.9, "Asia/Kolkata", "hi_IN"),
    ("FR", "Orléans", "Centre-Val de Loire", "45000", 47.9, 1.9, "Europe/Paris", "fr_FR"),
    ("CA", "Montréal", "Québec", "H2Y 1C6", 45.5, -73.6, "America/Toronto", "fr_CA"),
    ("SE", "Malmö", "Skåne", "211 20", 55.6, 13.0, "Europe/Stockholm", "sv_SE"),
    ("ZA", "Cape Town", "Western Cape", "8001", -33.9, 18.4, "Africa/Johannesburg", "en_ZA"),
]

ATTRIBUTES = """
    Interests Plan LoyaltyTier LastCategory LastProduct FavoriteStore NewsletterTopics SignupSource
    ReferralCode DeviceTheme Language PushConsent EmailConsent CampaignGroup Cohort2026 CartState
    PaymentMethod ShippingMethod CouponCodes Wishlist ReviewNote SupportNote GiftMessage LastSearch
    HomeScreen AppTheme LandingPage Feedback AgeBand Household
""".split()

# Values of attributes. A number is appended to one of the first sixteen if values must differ.
PHRASES = [
    "music",
    "sport",
    "gold",
    "silver",
    "true",
    "false",
    "dark",
    "monthly",
    "summer sale",
    "web/checkout",
    "store/0042",
    "café crème",
    "Straße 12",
    "日本語",
    "naïve",
    "🎉 winner",
    'the "best" one',
    'said "no, thanks"',
    "a/b test",
    "https://www.example.com/p?id=7&ref=mail",
    "2026-03-14",
    "39.90",
    "007",
    "size L, blue",
    "next-day delivery",
    "señor",
    "first line\nsecond line",
    "100 % cotton",
    "abandoned",
    "credit card",
    "Größe 42 – neu",
    "one that is rather long, since people do write whole sentences into such fields",
]
NUMBERED = 16
NUMBER_TEXTS = ["0", "1", "12", "307", "1.0", "2.50", "1e3", "2.5e-1", "-3", "19.99", "1E2"]

PERSON = "FirstName LastName Email Phone Segment".split()
COLUMNS = {
    "plain": """
        ChannelType Address Id OptOut EndpointStatus EffectiveDate Location.Country Location.City
        Location.PostalCode Demographic.Timezone Demographic.Platform Attributes.Interests
        User.UserId User.UserAttributes.FirstName User.UserAttributes.Email
        User.UserAttributes.Phone
    """.split(),
    "export": [
        *"ChannelType Address EndpointStatus OptOut RequestId".split(),
        *"Location.Country Location.City Location.Region Location.PostalCode".split(),
        *"Location.Latitude Location.Longitude".split(),
        *(f"Demographic.{name}" for name in DEMOGRAPHIC),
        "EffectiveDate",
        *(f"Attributes.{name}" for name in ATTRIBUTES),
        *(f"Metrics.{name}" for name in METRICS),
        "User.UserId",
        *(f"User.UserAttributes.{name}" for name in PERSON),
        *"User.UserStatus ApplicationId Id CreationDate CohortId".split(),
    ],
}

as_it_is = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
in_ascii = json.JSONEncoder(separators=(",", ":")).encode


class Maker(random.Random):
    """Draws records. Each depends on all earlier draws."""

    def plain(self, number):
        """A record of shape `plain`, and its line of JSON."""
        channel, address, email, phone = self.reached(number, PLAIN_CHANNELS)
        record = {
            "ChannelType": channel,
            "Address": address,
            "Id": f"ep-{number:09d}",
            "OptOut": self.choice(["ALL", "NONE"]),
            "EndpointStatus": "ACTIVE",
            "EffectiveDate": f"2026-01-{self.randrange(1, 29):02d}T00:00:00Z",
            "Location": {
                "Country": self.choice(COUNTRIES),
                "City": self.choice(CITIES),
                "PostalCode": str(self.randrange(10_000, 99_999)),
            },
            "Demographic": {
                "Timezone": "Europe/Berlin",
                "Platform": self.choice(["iOS", "Android"]),
            },
            "Attributes": {"Interests": [self.choice(["music", "sport"])]},
            "User": {
                "UserId": f"user-{self.randrange(10**8)}",
                "UserAttributes": {
                    "FirstName": [self.choice(FIRST_NAMES)],
                    "Email": [email],
                    "Phone": [phone],
                },
            },
        }
        self.spoil(number, record)
        return record, as_it_is(record)

    def export(self, number):
        """A record of shape `export`, and its line of JSON."""
        channel, address, email, phone = self.reached(number, EXPORT_CHANNELS)
        place = self.choice(PLACES)
        attributes = self.attributes()
        person = self.person(email, phone)
        record = {
            "ChannelType": channel,
            "Address": address,
            "EndpointStatus": "ACTIVE",
            "OptOut": "ALL" if self.random() < 0.2 else "NONE",
            "EffectiveDate": self.moment(),
            "Id": self.uuid(),
            "ApplicationId": "4fa3c1d2e5b64789a0b1c2d3e4f56789",
            "CreationDate": self.moment(),
            "Attributes": attributes,
            "User": self.user(person),
        }
        record |= self.some({"RequestId": self.uuid(), "CohortId": str(self.below(100))}, 0.7)
        groups = {
            "Location": self.location(place),
            "Demographic": self.demographic(place, channel == "APNS"),
            "Metrics": self.metrics(),
        }
        record |= self.some(groups, 0.95)
        self.spoil(number, record)
        return record, self.export_line(record)

    def below(self, limit):
        return int(self.random() * limit)

    def reached(self, number, channels):
        """A channel and the address there, an e-mail address and a telephone number. No two
        records have the same number; every fifth e-mail address begins with a blank.
        """
        mixed = number * 48_271 % (len(AREA_CODES) * NUMBERS_PER_AREA)
        area, line = divmod(mixed, NUMBERS_PER_AREA)
        phone = f"+1{AREA_CODES[area]}{2_000_000 + line}"
        channel = self.choice(channels)
        email = f"User{number}.{self.randrange(10**6)}@Example{self.randrange(50)}.com"
        match channel:
            case "EMAIL":
                address = email
            case "SMS" | "VOICE":
                address = phone
            case "CUSTOM":
                address = f"https://hook.example.com/u/{number}"
            case _:
                address = f"{self.getrandbits(256):064x}"
        return channel, address, " " + email if number % 5 == 0 else email, phone

    def attributes(self):
        names = self.sample(ATTRIBUTES, 10 + self.below(16))
        return {name: [self.value() for _ in range(self.values())] for name in names}

    def values(self):
        """A number of values: usually one, seldom two, rarely three."""
        return 1 + int(self.random() * self.random() * 3)

    def value(self):
        if self.random() < 0.6:
            return PHRASES[self.below(len(PHRASES))]
        return f"{PHRASES[self.below(NUMBERED)]} {self.below(10_000)}"

    def person(self, email, phone):
        return self.some(
            {
                "FirstName": [self.choice(FIRST_NAMES)],
                "LastName": [self.choice(LAST_NAMES)],
                "Email": [email],
                "Phone": [phone if self.random() > 0.01 else str(1 + self.below(9_998))],
                "Segment": [self.value(), self.value()],
            },
            0.85,
        )

    def user(self, person):
        user = {
            "UserId": f"user-{self.randrange(10**8)}",
            "UserAttributes": self.shuffled(person),
        }
        return self.shuffled(user | self.some({"UserStatus": "ACTIVE"}, 0.5))

    def location(self, place):
        names = "Country City Region PostalCode Latitude Longitude".split()
        return self.shuffled(self.some(dict(zip(names, place, strict=False)), 0.9))

    def demographic(self, place, is_apple):
        app = f"{self.below(9)}.{self.below(20)}.0"
        make, model, platform = (
            ("Apple", "iPhone", "ios") if is_apple else ("Google", "Pixel", "android")
        )
        versions = str(6 + self.below(11)), str(9 + self.below(9))
        values = app, place[7], make, model, versions[0], platform, versions[1], place[6]
        return self.shuffled(self.some(dict(zip(DEMOGRAPHIC, values, strict=True)), 0.85))

    def metrics(self):
        names = self.sample(METRICS, 1 + self.below(4))
        return {name: self.choice(NUMBER_TEXTS) for name in names}

    def some(self, fields, kept):
        """This share of the fields; half of the others as null, the other half absent."""
        drawn = {name: self.random() for name in fields}
        with_nulls = kept + (1 - kept) / 2
        return {
            name: value if drawn[name] < kept else None
            for name, value in fields.items()
            if drawn[name] < with_nulls
        }

    def shuffled(self, fields):
        pairs = list(fields.items())
        self.shuffle(pairs)
        return dict(pairs)

    def moment(self):
        year, month, day = 2020 + self.below(6), 1 + self.below(12), 1 + self.below(28)
        hour, minute, second = self.below(24), self.below(60), self.below(60)
        return (
            f"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{self.below(1000):03}Z"
        )

    def uuid(self):
        first, second = self.getrandbits(32), self.getrandbits(16)
        third, fourth, last = self.getrandbits(12), self.getrandbits(12), self.getrandbits(48)
        return f"{first:08x}-{second:04x}-4{third:03x}-8{fourth:03x}-{last:012x}"

    def spoil(self, number, record):
        """Gives a few records one problem each."""
        if self.random() >= INVALID:
            return
        match self.randrange(6):
            case 0:
                record["ChannelType"] = "FAX"
            case 1:
                record["OptOut"] = "MAYBE"
            case 2:
                record |= {"ChannelType": "SMS", "Address": f"0049-123{number}"}
            case 3:
                record["Id"] = f"hmac:k1:{number:064x}"
            case 4:
                record["Location"] = (record.get("Location") or {}) | {"Country": "usa"}
            case _:
                record["User"]["UserId"] = f"hmac:k1:{number:064x}"

    def export_line(self, record):
        """The record with its names in random order. Numbers in Metrics keep their text."""
        is_escaped = self.random() < 0.3
        names = list(record)
        self.shuffle(names)

        def text(name):
            value = record[name]
            if name == "Metrics" and value:
                return "{" + ",".join(f'"{key}":{number}' for key, number in value.items()) + "}"
            return in_ascii(value).replace("/", "\\/") if is_escaped else as_it_is(value)

        return "{" + ",".join(f'"{name}":{text(name)}' for name in names) + "}"


def cells(record, prefix=""):
    """The columns of a record and their cells."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from cells(value, f"{prefix}{name}.")
        elif value is not None:
            first = value[0] if isinstance(value, list) else str(value)
            yield prefix + name, first.replace("\n", " ")


def block(shape, seed, first, last):
    """The records with these numbers as lines of JSON and of CSV."""
    maker = Maker(f"{seed} {shape} {first}")
    make = maker.export if shape == "export" else maker.plain
    lines, table = io.StringIO(), io.StringIO()
    rows = csv.DictWriter(table, COLUMNS[shape], restval="", lineterminator="\n")
    for number in range(first, last):
        record, line = make(number)
        lines.write(line + "\n")
        rows.writerow(dict(cells(record)))
    return lines.getvalue(), table.getvalue()


def make_files(shape, records, folder, seed=SEED):
    """Writes `SHAPE-N.ndjson` and `SHAPE-N.csv` into the folder, each only when it is complete."""
    paths = [folder / f"{shape}-{records}.{extension}" for extension in ("ndjson", "csv")]
    if all(path.exists() for path in paths):
        return paths
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = [path.with_suffix(f"{path.suffix}.unfinished") for path in paths]
    firsts = range(0, records, BLOCK)
    blocks = [(shape, seed, first, min(records, first + BLOCK)) for first in firsts]
    pool = multiprocessing.Pool(os.cpu_count())
    with pool, unfinished[0].open("w") as lines, unfinished[1].open("w") as table:
        table.write(",".join(COLUMNS[shape]) + "\n")
        for some_lines, some_rows in pool.imap(run_block, blocks):
            lines.write(some_lines)
            table.write(some_rows)
    for temporary, path in zip(unfinished, paths, strict=True):
        temporary.rename(path)
    return paths


def run_block(arguments):
    return block(*arguments)


def main():
    parser = argparse.ArgumentParser(description="Makes endpoint records as NDJSON and as CSV.")
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    for path in make_files(arguments.shape, arguments.records, arguments.out):
        print(path)


if __name__ == "__main__":
    main()
