#!/usr/bin/env python3
"""Writes the vectors of each operation, without any code of segprep: `python3 schemas/vectors/make.py`.
(A folder as an argument takes them instead; a test compares them.)

Whoever makes tokens elsewhere (a warehouse, Spark, another program) can hold their own code to
the files. Each is a list of cases `{params, input, output | failed | already_token | unknown_key | kept | dropped}`;
a parameter that is not there has its default. All text is ASCII with JSON escapes, so that no mark is hidden.

What counts as one character for `mask` is written out by hand: each input is a list of them. The
Punycode of domains is checked only for what needs no table but Python's own.
"""

import base64
import calendar
import hashlib
import hmac
import json
import re
import sys
import unicodedata
from datetime import date, datetime, timedelta, timezone
from decimal import Context, Decimal
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).parent

COUNTING = bytes(range(32))
OTHER = bytes(range(255, 222, -1))  # 33 bytes


def hex_text(key):
    return "hex:" + key.hex()


def base64_text(key):
    return "base64:" + base64.b64encode(key).decode()


# --- keys ---------------------------------------------------------------------------------


def hmac_sha256(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def hkdf(master, salt, info, length):
    """RFC 5869 for up to 32 bytes: one block of output."""
    extracted = hmac_sha256(salt or bytes(32), master)
    return hmac_sha256(extracted, info + b"\x01")[:length]


def check_value(master):
    return hkdf(master, b"", b"segprep/v1/check", 8).hex()


def join_key(master, scope, join):
    salt = b"" if scope == "person" else scope.removeprefix("relationship:").encode()
    return hkdf(master, salt, b"segprep/v1/hmac-sha256/" + join.encode(), 32)


def shift_key(master, join):
    return hkdf(master, b"", b"segprep/v1/date-shift/" + join.encode(), 32)


def key_vectors():
    good = [
        (hex_text(COUNTING), COUNTING),
        (hex_text(COUNTING).replace("0a0b0c", "0A0b0C"), COUNTING),
        (hex_text(COUNTING) + "\n", COUNTING),
        (hex_text(COUNTING) + "\r\n", COUNTING),
        (base64_text(COUNTING), COUNTING),
        (base64_text(COUNTING) + "\n", COUNTING),
        (hex_text(OTHER), OTHER),
        (base64_text(OTHER), OTHER),
        (base64_text(OTHER + b"!"), OTHER + b"!"),
        (hex_text(bytes(range(200))), bytes(range(200))),
        (hex_text(bytes(31) + b"\x01"), bytes(31) + b"\x01"),
    ]
    refused = [
        ("", "unknown_form"),
        (COUNTING.hex(), "unknown_form"),
        (" " + hex_text(COUNTING), "unknown_form"),
        ("HEX:" + COUNTING.hex(), "unknown_form"),
        ("base32:" + base64.b32encode(COUNTING).decode(), "unknown_form"),
        ("hex:", "too_short"),
        (hex_text(COUNTING[:31]), "too_short"),
        ("base64:", "too_short"),
        (base64_text(COUNTING[:31]), "too_short"),
        (hex_text(bytes(32)), "all_equal"),
        (hex_text(b"\xab" * 40), "all_equal"),
        (base64_text(bytes(32)), "all_equal"),
        (hex_text(COUNTING) + "0", "not_hex"),
        (hex_text(COUNTING) + "0g", "not_hex"),
        (hex_text(COUNTING) + " ", "not_hex"),
        (hex_text(COUNTING) + "\n\n", "not_hex"),
        (hex_text(COUNTING) + "\r", "not_hex"),
        ("hex: " + COUNTING.hex(), "not_hex"),
        ("hex:" + COUNTING.hex(" "), "not_hex"),
        ("hex:0x" + COUNTING.hex(), "not_hex"),
        (base64_text(COUNTING) + " ", "not_base64"),
        (base64_text(COUNTING).replace("AAEC", "AA EC"), "not_base64"),
        (base64_text(COUNTING).replace("AAEC", "AA\nEC"), "not_base64"),
        (base64_text(COUNTING).rstrip("="), "not_base64"),
        (base64_text(OTHER).replace("/", "_"), "not_base64"),
        # The last digit holds bits that no byte has.
        (base64_text(COUNTING)[:-2] + "9=", "not_base64"),
    ]
    joins = [
        ("person", "user"),
        ("person", "User.UserId"),
        ("person", "Attributes.Straße \U0001f600"),
        ("person", ""),
        ("relationship:acme", "user"),
        ("relationship:" + "long label " * 10, "user"),
        ("relationship:person", "user"),
    ]
    return {
        "check_value": [{"input": text, "output": check_value(key)} for text, key in good]
        + [{"input": text, "failed": why} for text, why in refused],
        "join_key": [
            {
                "params": {"for": "hmac", "scope": scope, "join": join},
                "input": hex_text(master),
                "output": join_key(master, scope, join).hex(),
            }
            for master in (COUNTING, OTHER)
            for scope, join in joins
        ]
        + [
            {
                "params": {"for": "date_shift", "join": join},
                "input": hex_text(master),
                "output": shift_key(master, join).hex(),
            }
            for master in (COUNTING, OTHER)
            for scope, join in joins
            if scope == "person"
        ],
    }


# --- redact -------------------------------------------------------------------------------


def redact_vectors():
    values = ["Ada", "", " ", "[redacted]", 'a "b" \\', "\U0001f469\u200d\U0001f4bb", "x" * 200]
    texts = [None, "", "***", 'say "no"', "back\\slash", "verdeckt – für alle", "\t"]
    return [
        {
            "params": {} if text is None else {"text": text},
            "input": value,
            "output": value and ("[redacted]" if text is None else text),
        }
        for text in texts
        for value in values
    ]


# --- mask ---------------------------------------------------------------------------------

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
CODER = "\U0001f469\U0001f3fd\u200d\U0001f4bb"
GERMANY = "\U0001f1e9\U0001f1ea"
FRANCE = "\U0001f1eb\U0001f1f7"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
E_ACUTE = "e\u0301"
ZALGO = "z\u0300\u0301\u0302\u0303\u0304"
HEART = "\u2764\ufe0f"
KEYCAP = "1\ufe0f\u20e3"
HANGUL = "\u1112\u1161\u11ab"
DEVANAGARI = "नि"
CRLF = "\r\n"


def mask(characters, keep_first=0, keep_last=0, char="*", skip=()):
    counted = [at for at, character in enumerate(characters) if character not in skip]
    shown = set()
    if len(counted) > keep_first + keep_last:
        shown |= set(counted[:keep_first]) | set(counted[len(counted) - keep_last :])
    return "".join(
        character if character in skip or at in shown else char
        for at, character in enumerate(characters)
    )


MASKS = [
    # (characters, parameters)
    ("Ada", {}),
    ("", {}),
    ("", {"keep_first": 3}),
    ("", {"char": "\""}),
    ("a", {"keep_first": 1}),
    ("ab", {"keep_first": 1}),
    ("ab", {"keep_first": 1, "keep_last": 1}),
    ("abc", {"keep_first": 1, "keep_last": 1}),
    ("abcd", {"keep_first": 2, "keep_last": 2}),
    ("abcde", {"keep_first": 2, "keep_last": 2}),
    ("4111111111111111", {"keep_last": 4}),
    ("4111111111111111", {"keep_first": 6, "keep_last": 4, "char": "x"}),
    ("4111 1111 1111 1111", {"keep_last": 4, "skip": " "}),
    ("ada.lovelace@example.com", {"keep_first": 1, "skip": "@."}),
    ("ada.lovelace@example.com", {"keep_first": 1, "keep_last": 3, "skip": "@."}),
    ("ada.lovelace@example.com", {"keep_first": 1, "keep_last": 3}),
    ("+1 (202) 555-0191", {"keep_first": 1, "keep_last": 2, "skip": "+ ()-"}),
    ("@@@@", {"skip": "@"}),
    ("@@@@", {"keep_first": 9, "skip": "@"}),
    ("@a@", {"keep_first": 1, "skip": "@"}),
    ("@ab@", {"keep_first": 1, "skip": "@"}),
    ("@ab@", {"keep_last": 1, "skip": "@"}),
    ("secret", {"keep_first": 2**53, "keep_last": 2**53}),
    ("a\"b\\c", {}),
    ("\"secret\"", {"keep_first": 1, "keep_last": 1}),
    ("\\secret\\", {"keep_first": 1}),
    ("\\secret\\", {"keep_last": 1}),
    ("se\"c\"ret", {"skip": "\""}),
    ("se\\cret", {"skip": "\\"}),
    ("secret", {"char": "\""}),
    ("secret", {"keep_last": 1, "char": "\\"}),
    ("secret", {"char": "•"}),
    ("secret", {"keep_first": 1, "char": "\U0001f648"}),
    ("se cret", {"keep_first": 1, "char": "•", "skip": " "}),
    ("tab\tline\n", {"keep_last": 1}),
    ("tab\tline\n", {"skip": "\t\n"}),
    (["a", CRLF, "b"], {}),
    (["a", CRLF, "b"], {"keep_last": 2}),
    (["a", "\r", "b", "\n"], {"keep_first": 1}),
    (["a", CRLF, "b"], {"skip": [CRLF]}),
    ("žluťoučký", {"keep_first": 2}),
    ("žluťoučký", {"keep_last": 2, "skip": "ť"}),
    ("山田太郎", {"keep_first": 1}),
    ("Ёлка", {"keep_first": 1, "keep_last": 1}),
    ([E_ACUTE, "t", E_ACUTE], {}),
    ([E_ACUTE, "t", E_ACUTE], {"keep_first": 1}),
    ([E_ACUTE, "t", E_ACUTE], {"keep_last": 1}),
    ([E_ACUTE, "t", "e"], {"keep_first": 1, "keep_last": 1, "char": "#"}),
    ([E_ACUTE, "t", "e"], {"skip": "e"}),
    ([E_ACUTE, "t", "e"], {"skip": [E_ACUTE]}),
    ([ZALGO, "a", ZALGO], {"keep_first": 1}),
    ([ZALGO, "a", ZALGO], {"skip": "a"}),
    ([FAMILY], {}),
    ([FAMILY], {"keep_first": 1}),
    ([FAMILY, "!"], {"keep_first": 1}),
    (["h", "i", " ", CODER, FAMILY], {"keep_last": 1}),
    (["h", "i", " ", CODER, FAMILY], {"keep_last": 2, "skip": " "}),
    ([GERMANY, FRANCE], {}),
    ([GERMANY, FRANCE], {"keep_first": 1}),
    ([GERMANY, FRANCE, GERMANY], {"keep_last": 1, "skip": [FRANCE]}),
    ([GERMANY, "\U0001f1eb"], {"keep_first": 1}),
    ([SCOTLAND, "a", "b"], {"keep_first": 1}),
    ([HEART, KEYCAP, "\u2764"], {"keep_first": 1}),
    ([HEART, KEYCAP, "\u2764"], {"skip": ["\u2764"]}),
    ([HANGUL, HANGUL, "한"], {"keep_first": 1}),
    ([DEVANAGARI, "न"], {"keep_first": 1}),
    (["\u0301", "a", "b"], {"keep_first": 1}),
    (["a", "\u200b", "b"], {"keep_first": 1}),
    (["é", '"', "\\", "x"], {"keep_first": 2}),
    (["é", '"', "\\", "x"], {"keep_last": 1}),
    (["ü"] * 300, {"keep_first": 1, "keep_last": 1}),
    ("x" * 300, {"keep_last": 1}),
]


def mask_vectors():
    return [
        {
            "params": {
                name: "".join(value) if name == "skip" else value
                for name, value in params.items()
            },
            "input": "".join(characters),
            "output": mask(list(characters), **params),
        }
        for characters, params in MASKS
    ]


# --- hmac ---------------------------------------------------------------------------------

ALPHABETS = {"hex": "[0-9a-f]", "base64url": "[A-Za-z0-9_-]"}


def encode(mac, encoding):
    if encoding == "hex":
        return mac.hex()
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


KEY_ID = "(?!current:)[a-z0-9-]{1,16}"
SHAPES = [{"bits": bits, "encoding": e} for e in ALPHABETS for bits in range(64, 257, 8)]


def is_token(value, ids, shapes):
    """Whether the value has the full form of a token with one of these ids, in one of these shapes."""
    return any(
        re.fullmatch(
            f"hmac:{key_id}:{ALPHABETS[shape['encoding']]}"
            f"{{{len(encode(bytes(shape['bits'] // 8), shape['encoding']))}}}",
            value,
        )
        and is_encoded(value.rsplit(":", 1)[1], shape)
        for key_id in ids
        for shape in shapes
    )


def is_encoded(text, shape):
    """Whether no bit after the last byte is set."""
    if shape["encoding"] == "hex":
        return True
    decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return encode(decoded, "base64url") == text


def token_outcome(value, params):
    """What a token is, whichever key and shape it has; None for other values."""
    ids, shapes = [re.escape(key_id) for key_id in params["ids"]], params["shapes"]
    if params.get("already") == "hash" or not is_token(value, [*ids, KEY_ID], [*shapes, *SHAPES]):
        return None
    if params.get("already") == "keep" and is_token(value, [KEY_ID], shapes):
        return "kept"
    return "already_token" if is_token(value, ids, SHAPES) else "unknown_key"


def token(params, value):
    key = join_key(bytes.fromhex(params["key"][4:]), params["scope"], params["join"])
    mac = hmac_sha256(key, value.encode())[: params["bits"] // 8]
    return f"hmac:{params['key_id']}:{encode(mac, params['encoding'])}"


def hmac_case(value, **given):
    params = {
        "key": hex_text(COUNTING),
        "key_id": "k1",
        "scope": "person",
        "join": "user",
        "bits": 256,
        "encoding": "hex",
        **given,
    }
    params.setdefault("ids", [params["key_id"]])
    own = {"bits": params["bits"], "encoding": params["encoding"]}
    params.setdefault("shapes", [own])
    case = {"params": params, "input": value}
    if value == "":
        return case | {"output": ""}
    if outcome := token_outcome(value, params):
        return case | {outcome: True}
    normal = normalize(params.get("normalize", "none"), value)
    return case | ({"failed": True} if normal is None else {"output": token(params, normal)})


def hmac_vectors():
    values = [
        "user-1", "user-2", "", " ", "a", "alice@example.com", "+12025550191", "Ünïcödé",
        E_ACUTE, "é", FAMILY, 'a "b" \\ c', "tab\tline\n", "\0", "null",
        *("x" * length for length in (54, 55, 56, 63, 64, 65, 119, 120, 128, 1000)),
    ]  # fmt: skip
    settings = [
        {},
        {"key": hex_text(OTHER), "key_id": "2026-11"},
        {"join": "User.UserAttributes.Straße"},
        {"scope": "relationship:acme"},
    ]
    shapes = [
        {"bits": bits, "encoding": encoding}
        for encoding in ALPHABETS
        for bits in (64, 72, 80, 96, 128, 192, 248, 256)
    ]
    cases = [hmac_case(value) for value in values]
    cases += [hmac_case(value, **setting) for setting in settings[1:] for value in values[:9]]
    cases += [hmac_case("user-1", **shape) for shape in shapes]

    full = "0123456789abcdef" * 4
    two_keys = {"ids": ["k1", "k2"]}
    two_shapes = {
        "shapes": [{"bits": 128, "encoding": "hex"}, {"bits": 64, "encoding": "base64url"}]
    }
    cases += [
        hmac_case("hmac:k1:" + full),
        hmac_case("hmac:k2:" + full),
        hmac_case("hmac:k2:" + full, **two_keys),
        hmac_case("hmac:k3:" + full, **two_keys),
        hmac_case("hmac:k1:alice@x.com"),
        hmac_case("hmac:k1:"),
        hmac_case("hmac:k1"),
        hmac_case("hmac:"),
        hmac_case("hmac"),
        hmac_case("hmac::" + full),
        hmac_case("hmac:k1:" + full[1:]),
        hmac_case("hmac:k1:" + full + "0"),
        hmac_case("hmac:k1:" + full.upper()),
        hmac_case("hmac:k1:" + full[:-1] + "g"),
        hmac_case("hmac:k1:" + full[:-1] + "\n"),
        hmac_case("hmac:k1:" + full + "\n"),
        hmac_case(" hmac:k1:" + full),
        hmac_case("HMAC:k1:" + full),
        hmac_case("hmac:K1:" + full),
        hmac_case("hmac:k1::" + full[1:]),
        hmac_case("hmac:k1:k1:" + full),
        hmac_case(full),
        hmac_case("hmac:k1:" + full[:32], **two_shapes),
        hmac_case("hmac:k1:" + full, **two_shapes),
        hmac_case("hmac:k1:AZaz09-_xyz", **two_shapes),
        hmac_case("hmac:k1:AZaz09+/xyz", **two_shapes),
        hmac_case("hmac:k1:AZaz09-_xyz=", **two_shapes),
        hmac_case("hmac:k1:" + "é" * 32),
        hmac_case("hmac:current:" + full),
        hmac_case("hmac:a-key-with-17-let:" + full),
        hmac_case("hmac:k2:" + full[:62]),
        hmac_case("hmac:k2:" + full[:14]),
        hmac_case("hmac:k2:AZaz09-_xyz"),
        hmac_case("hmac:k2:" + "A" * 43),
        hmac_case("hmac:k2:" + "A" * 44),
    ]
    for already in ("reject", "keep", "hash"):
        cases += [
            hmac_case("hmac:k1:" + full, already=already),
            hmac_case("hmac:k2:" + full, already=already),
            hmac_case("hmac:k2:" + full, already=already, **two_keys),
            hmac_case("hmac:k2:" + full[:16], already=already),
            hmac_case("hmac:k1:AZaz09-_xyw", already=already),
            hmac_case("hmac:k2:alice@x.com", already=already),
            hmac_case("user-1", already=already),
            hmac_case("", already=already),
            hmac_case("hmac:k1:" + full, already=already, normalize="email.v1"),
        ]
    cases += [
        hmac_case(value, normalize=form, join="address")
        for form in ("email.v1", "phone.v1")
        for value in ("ada@example.com", " ADA@Example.COM ", "+12025550191", "+1 (202) 555-0191", "Ada", "")
    ]
    cases += [
        hmac_case("ada@example.com", normalize="email.v1", bits=128, encoding="base64url"),
        hmac_case("ada@example.com", normalize="none", scope="relationship:acme", bits=96),
    ]
    return cases


# --- scrub --------------------------------------------------------------------------------

# What is found in a text is written out by hand: each text is a list, and a tuple in it is found. Its second
# item is the plain form, where that differs.
TOKEN = "hmac:k1:" + "0123456789abcdef" * 4
SCRUBS = [
    ["nothing here"],
    [""],
    ["Meet at 12:30 in room 4.12, see web/checkout 5224 (2026-03-14)"],
    [("ada@example.com",)],
    ["Write to ", ("ada@example.com",), ". Thanks"],
    ["(", ("ada@example.com",), "),<", ("bob@example.org",), ">;"],
    ['"', ("ada@example.com",), '"\\\n\t', ("bob@example.org",), "!"],
    ["mailto:", ("ada@example.com",), "?subject=x"],
    [("ada@example.com",), ",", ("bob@example.org",)],
    ["«", ("ada@example.com",), "» \U0001f389 „", ("bob@example.org",), "“"],
    ["メールは", ("ada@example.com",), "です"],
    ["a ", ("ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ada@example.com"), "!"],
    ["a ", ("a\u200bda@exam\u00adple.com", "ada@example.com"), " b"],
    ["Call ", ("+12025550191",), " or ", ("(202) 555-0142",), ", 3 times"],
    ["Call ", ("+1 202 555 0191",), ". 3 of us came"],
    ["tel:", ("+49 30 123456",), ";ext=2"],
    ["Ring ", ("202-555-0142",), " or not"],
    ["Card ", ("4111 1111 1111 1111",), ", then ", ("5555555555554444",), "."],
    ["Number 4111 1111 1111 1112 is none"],
    ["IBAN: ", ("DE89 3704 0044 0532 0130 00",), ", danke"],
    ["from ", ("203.0.113.9",), ":8080 and [", ("2001:db8::7",), "]"],
    ["version 4.12.0.1, localhost 127.0.0.1"],
    ["mac ", ("00:1b:44:11:3a:b7",), "."],
    ["ssn ", ("536-90-4399",), "; not 666-90-4399"],
    ["at ", ("52.520008, 13.404954",), " today"],
    ["see (", ("https://ada:pw@db.example.com",), ")."],
    ["key ", ("AKIAQ2ZXCV7BNM3LKJHG",), " ok"],
    ["x ", ("password: ada@example.com",), " y"],
    ["already " + TOKEN + " here"],
    [TOKEN],
    ["[redacted]"],
    ["see [redacted], ************ and password: [redacted]"],
    ["**************** ", ("ada@example.com",)],
    ["Zoë ", ("zoë@bücher.example",), " München"],
]  # fmt: skip

# Detectors, and which of the texts above have nothing else that they find.
ONLY = [
    (["email"], ["Write to ", ("ada@example.com",), " or +12025550191"]),
    (["phone"], ["Write to ada@example.com or ", ("+12025550191",)]),
    (["phone", "card"], ["a@example.com ", ("+12025550191",), " ", ("4111111111111111",)]),
    (["iban"], ["password: ada@example.com"]),
]


def scrub(pieces, replace):
    made = [piece if isinstance(piece, str) else replace(piece) for piece in pieces]
    return None if any(piece is None for piece in made) else "".join(made)


def scrub_case(pieces, **params):
    value = "".join(piece if isinstance(piece, str) else piece[0] for piece in pieces)
    case = {"params": params, "input": value}
    if all(isinstance(piece, str) for piece in pieces):
        return case | {"kept": True}
    kind = params.get("with", "redact")
    if kind == "redact":
        output = scrub(pieces, lambda piece: params.get("text", "[redacted]"))
    elif kind == "mask":
        settings = {k: v for k, v in params.items() if k in ("keep_first", "keep_last", "char")}
        # Characters that are marks of others are written with what they belong to: none is visible alone.
        output = scrub(
            pieces, lambda piece: mask(characters(piece[0]), skip=list(params.get("skip", "")), **settings)
        )
    else:
        normal = params.get("normalize", "none")
        forms = (normalize(normal, piece[-1]) for piece in pieces if not isinstance(piece, str))
        if any(form is None for form in forms):
            return case | {"failed": True}
        output = scrub(pieces, lambda piece: token(params, normalize(normal, piece[-1])))
    return case | {"output": output}


def characters(text):
    """What people see as characters, for the texts above: a soft hyphen or a zero-width space is one of its own."""
    return list(text)


def scrub_vectors():
    tokens = {
        "with": "hmac", "key": hex_text(COUNTING), "key_id": "k1", "scope": "person", "join": "note",
        "bits": 256, "encoding": "hex", "ids": ["k1"], "shapes": [{"bits": 256, "encoding": "hex"}],
    }  # fmt: skip
    short = tokens | {"bits": 128, "encoding": "base64url"}
    settings = [
        {},
        {"text": "<gone \"x\">"},
        {"with": "mask"},
        {"with": "mask", "keep_last": 2, "char": "•"},
        tokens,
        short,
    ]
    cases = [scrub_case(pieces, **setting) for setting in settings for pieces in SCRUBS]
    cases += [
        scrub_case(pieces, detectors=detectors, **setting)
        for setting in settings[:3]
        for detectors, pieces in ONLY
    ]
    cases += [
        scrub_case(["a ", ("ADA@Example.com",), " b"], normalize="email.v1", **tokens),
        scrub_case(["a ", ("+12025550191",), " b"], normalize="email.v1", **tokens),
        scrub_case(["a ", ("+1 (202) 555-0191",), " b"], normalize="phone.v1", **tokens),
    ]
    return cases


# --- normal forms -------------------------------------------------------------------------

ATOM = re.compile(r"[^\s\x00-\x1f\x7f-\x9f\"(),:;<>@\[\\\].]+")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def to_punycode(label):
    """UTS 46, non-transitional, for labels whose mapping is lower case, NFKC and full stops."""
    keeps = {"\u00df", "\u03c2"}  # deviations, which non-transitional processing keeps
    mapped = "".join(char if char in keeps else unicodedata.normalize("NFKC", char).casefold() for char in label)
    mapped = unicodedata.normalize("NFC", mapped)
    return mapped if mapped.isascii() else "xn--" + mapped.encode("punycode").decode()


def is_invisible(char):
    return unicodedata.category(char) == "Cf"


def trim(value):
    """Without white space and invisible characters at the ends."""
    outer = {char for char in value if char.isspace() or is_invisible(char)}
    return value.strip("".join(outer)) if outer else value


def email_v1(value):
    value = trim(value)
    if any(map(is_invisible, value)):
        return None
    text = unicodedata.normalize("NFC", value.lower())
    local, at, domain = text.partition("@")
    labels = [to_punycode(label) for label in re.split("[.\u3002\uff0e\uff61]", domain)]
    made = local + at + ".".join(labels)
    sound = (
        at
        and all(ATOM.fullmatch(atom) for atom in local.split("."))
        and all(LABEL.fullmatch(label) for label in labels)
        and len(labels) > 1
        and not labels[-1].isdigit()
        and len(local.encode()) <= 64
        and len(made.encode()) <= 254
    )
    return made if sound else None


# Numbers with what is dialled only within the country, and what the numbering plan has.
NATIONAL_PREFIXES = {
    "+44 (0)20 7946 0018": "+442079460018", "0049 (0)30 123456": "+4930123456", "+49 030 123456": "+4930123456",
    "+49030123456": "+4930123456", "+48 (0)512 345 880": "+48512345880", "+52 1 222 123 4567": "+522221234567",
    "+5212221234567": "+522221234567",
}  # fmt: skip
SEPARATORS = "[ .\u00a0\u2010-\u2013-]{1,2}"


def is_in_front(groups):
    """Whether a slash may follow these: the first group, or the second if the first is the code of a country."""
    return len(groups) == 1 or (len(groups) == 2 and groups[0] in ("1", "49"))


def phone_v1(value):
    text = trim(value)
    if text in NATIONAL_PREFIXES:
        return NATIONAL_PREFIXES[text]
    if re.fullmatch(r"\+[1-9][0-9]{6,14}", text):
        return text
    group = r"(\([0-9]+\)|[0-9]+)"
    parts = re.fullmatch(rf"(\+)?{group}(?:(?:{SEPARATORS}|/| ?/ ?)?{group})*", text)
    if not parts or len(text.encode()) > 40 or not re.search("[0-9]{2}$", text):
        return None
    digits = re.sub("[^0-9]", "", text)
    if not parts[1]:
        if not digits.startswith("00"):
            return None
        digits = digits[2:]
    brackets = re.findall(r"\([0-9]+\)", text)
    groups = re.findall(r"\(?[0-9]+\)?", text)
    sound = (
        len(brackets) <= 1
        and not any("(" in one for one in groups[2:] + groups[-1:])
        and "(0)" not in text
        and text.count("/") <= 1
        and (text.count("/") == 0 or is_in_front(re.findall("[0-9]+", text.split("/")[0])))
    )
    return "+" + digits if sound and re.fullmatch(r"[1-9][0-9]{6,14}", digits) else None


def normalize(form, value):
    return {"none": str, "email.v1": email_v1, "phone.v1": phone_v1}[form](value)


EMAILS = [
    "ada@example.com", "Ada@Example.COM", "  ada@example.com\t", "\u00a0ada@example.com\u3000",
    "ada+list@example.com", "a.d.a@mail.example.com", "o'hara@example.com", "a_b-c@example.co.uk",
    "ADA@B\u00dcCHER.EXAMPLE", "ada@bu\u0308cher.example", "ada@fa\u00df.example", "ada@FA\u1e9e.example",
    "jos\u00e9@example.com", "jose\u0301@example.com", "JOS\u00c9@example.com", "\u7528\u6237@\u4f8b\u5b50.example",
    "ada@\u043f\u043e\u0447\u0442\u0430.\u0440\u0444", "ada@example\u3002com", "ada@xn--bcher-kva.example",
    "ada@XN--BCHER-KVA.example", "ada@1example.com", "ada@a-b.example", "ada@" + "a" * 63 + ".example",
    "a" * 64 + "@example.com", "x@y.z", "\ufeffada@example.com", "\u200e Ada@example.com\u200b", "\u00adada@b\u00fccher.example\u2069",
    # No addresses.
    "", " ", "ada", "@", "ada@", "@example.com", "ada@@example.com", "ada@example", "ada@example.",
    "ada@.example.com", "ada@exa mple.com", "a da@example.com", "ada@-example.com", "ada@example-.com",
    "ada@exam_ple.com", ".ada@example.com", "ada.@example.com", "a..da@example.com", "\"ada\"@example.com",
    "ada@[192.0.2.1]", "ada@192.0.2.1", "ada\uff20example.com", "Ada <ada@example.com>", "mailto:ada@example.com",
    "ada@example.com,bob@example.com", "a" * 65 + "@example.com", "ada@" + "a" * 64 + ".example",
    "ada@" + "a." * 130 + "example", "ada@example.com\u0000", "a\u00a0da@example.com", "ada@example..com",
    "ada@exam\u200bple.com", "a\u00adda@example.com", "ada\u200d@example.com",
]  # fmt: skip

PHONES = [
    "+12025550191", "+1 202 555 0191", "+1 (202) 555-0191", "+1.202.555.0191", "+1-202-555-0191", "+1 202/555-0191",
    " +12025550191 ", "\u00a0+12025550191", "+442079460018", "+44 20 7946 0018", "+390612345678", "+39 (06) 1234 5678",
    "+4930123456", "+1234567", "+123456789012345", "+44 (0)20 7946 0018", "0049 (0)30 123456", "+49 030 123456", "00 49 30 123456",
    "+49030123456", "+48 (0)512 345 880", "+52 1 222 123 4567", "+5212221234567", "+522221234567",
    "0012025550191", "+1\u00a0202\u00a0555\u00a00191", "\u200e+12025550191\u202c", "\ufeff+1 202 555 0191", "+49 151/23456789",
    # No numbers, or none for certain.
    "", "+", "2025550191", "(202) 555-0191", "12025550191", "01112025550191", "+02025550191",
    "+123456", "+1234567890123456", "+1 202 555 0191 ext 5", "+1 202 555 0191x5", "+1-800-FLOWERS",
    "tel:+12025550191", "++12025550191", "+1+2025550191", "+1 (202 555-0191", "+1 202) 555-0191", "+1 ((202)) 555-0191",
    "+49 30 123456 (12)", "+49 30 123 (45) 6", "+4930\u200b123456", "+49 30   123456", "+49 30 123456 7", "+49 1/5/1234567", "+4930 12/3456", "+39 (0)312 345 6777", "\uff0b12025550191", "+\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668", "+12025550191\u0000",
    "+1 202 555 0191-", "+12025550191,", "+1_202_555_0191", "+1 202 555\n0191",
]  # fmt: skip


def normalize_vectors():
    cases = []
    for form, values in (("email.v1", EMAILS), ("phone.v1", PHONES), ("none", EMAILS[:9] + PHONES[:9])):
        for value in values:
            normal = normalize(form, value)
            made = {"failed": True} if normal is None else {"output": normal}
            cases.append({"params": {"normalize": form}, "input": value} | made)
    return cases


# --- date_trunc ---------------------------------------------------------------------------

DATE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?"
    r"(?:(Z)|([+-])([0-9]{2})(?::?([0-9]{2}))?))?"
)


ATTRIBUTE_DATE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?"
    r"(?:(Z)|([+-])([0-9]{2})(?::?([0-9]{2}))?)?)?"
)
# What date_trunc writes is taken again, with the same unit.
RESULT = {"year": r"[0-9]{4}", "quarter": r"[0-9]{4}-Q[1-4]", "month": r"[0-9]{4}-(0[1-9]|1[0-2])", "day": r"(?!)"}


def parse_date(text, form=DATE):
    """The date as written and the instant (None without a zone); None if it is not a date."""
    found = form.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second, zulu, sign, off_hour, off_minute = found.groups()
    try:
        stands = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        return None
    if hour is None:
        return stands, None
    off_hour, off_minute = int(off_hour or 0), int(off_minute or 0)
    if off_hour > 23 or off_minute > 59:
        return None
    offset = timedelta(hours=off_hour, minutes=off_minute) * (-1 if sign == "-" else 1)
    try:
        return stands, stands.replace(tzinfo=timezone.utc) - offset
    except OverflowError:
        return stands, None


def prefix(date, unit):
    return {
        "year": f"{date.year:04}",
        "quarter": f"{date.year:04}-Q{(date.month + 2) // 3}",
        "month": f"{date.year:04}-{date.month:02}",
        "day": f"{date.year:04}-{date.month:02}-{date.day:02}",
    }[unit]


def begins(instant, unit):
    month = {"year": 1, "quarter": (instant.month - 1) // 3 * 3 + 1}.get(unit, instant.month)
    day = instant.day if unit == "day" else 1
    return f"{instant.year:04}-{month:02}-{day:02}T00:00:00Z"


def date_case(text, unit, form):
    case = {"params": {"unit": unit, "form": form}, "input": text}
    if text == "":
        return case | {"output": ""}
    if form == "prefix" and re.fullmatch(RESULT[unit], text):
        return case | {"output": text}
    date = parse_date(text, ATTRIBUTE_DATE if form == "prefix" else DATE)
    if date is None or (form == "instant" and date[1] is None):
        return case | {"failed": True}
    stands, instant = date
    return case | {"output": prefix(stands, unit) if form == "prefix" else begins(instant, unit)}


def date_vectors():
    dates = [
        "1988-02-09", "2019-08-15T10:00:00Z", "2019-08-15T10:00:00.123456789+02:00",
        "2020-02-29", "2019-01-01T00:30:00+01:00", "2019-12-31T23:30:00-01:00",
        "2020-03-01T01:00+02:00", "2019-03-01T01:00+02:00", "2020-02-29T23:00-0100",
        "2019-05-01T00:00+14", "2019-09-30T23:59:59.9-00:01", "2019-09-30T23:59:59.9Z",
        "0001-01-01T00:00Z", "9999-12-31T23:59:59Z", "2000-02-29", "",
    ]  # fmt: skip
    dates += [f"1999-{month:02}-{calendar.monthrange(1999, month)[1]}" for month in range(1, 13)]
    no_dates = [
        "1988-02-30", "1900-02-29", "2019-02-29", "1999-04-31", "1999-00-10", "1999-13-10",
        "1999-01-00", "1999-01-32", "1988-2-9", "88-02-09", "1988-02", "1988", "19880209",
        "1988/02/09", "09.02.1988", "1988-02-09 ", " 1988-02-09", "1988-02-09\n", "1988-02-09T",
        "1988-02-09Z", "1988-02-09T10", "1988-02-09T10:00", "1988-02-09T10:00:00",
        "1988-02-09T1000Z", "1988-02-09 10:00Z", "1988-02-09t10:00z", "1988-02-09T24:00Z",
        "1988-02-09T10:60Z", "1988-02-09T10:00:60Z", "1988-02-09T10:00.5Z",
        "1988-02-09T10:00:00.Z", "1988-02-09T10:00:00.1234567890Z", "1988-02-09T10:00:00,5Z",
        "1988-02-09T10:00+24:00", "1988-02-09T10:00+01:60", "1988-02-09T10:00+1",
        "1988-02-09T10:00+010", "1988-02-09T10:00+01:0", "1988-02-09T10:00+01:",
        "1988-02-09T10:00ZZ", "1988-02-09T10:00Z+01:00", "1988-02-09T10:00\u221201:00",
        "١٩٨٨-٠٢-٠٩", "1988–02–09", "-1988-02-09", "+1988-02-09", "11988-02-09", "yesterday",
        "0x88-02-09", "1988-02-0\U0001f600", "null", "1988-Q1", "1988-040", "1988-W06-2",
    ]  # fmt: skip
    units = ["year", "quarter", "month", "day"]
    cases = [date_case(date, unit, form) for form in ("prefix", "instant") for date in dates for unit in units]
    cases += [date_case(text, "day", form) for form in ("prefix", "instant") for text in no_dates]
    with_local_time = [
        "1988-02-09 00:00:00", "1988-02-09 10:00", "1988-02-09T10:00:00", "1988-02-09 10:00:00.5",
        "1988-02-09 10:00:00+02", "1988-02-09 10:00Z", "1988-02-09  10:00", "1988-02-09 24:00",
        "1988-02-30 10:00", "1988-02-09 10:00 ", "1993", "1993-Q1", "1993-Q5", "1993-02", "1993-13", "0000",
    ]  # fmt: skip
    cases += [date_case(text, unit, form) for form in ("prefix", "instant") for text in with_local_time for unit in units]
    # As they stand these are dates; in UTC they leave the four digits of a year.
    cases += [date_case("9999-12-31T23:00-02:00", "year", form) for form in ("prefix", "instant")]
    return cases


# --- date_shift ---------------------------------------------------------------------------


def days_of(params):
    key = shift_key(bytes.fromhex(params["key"][4:]), params["join"])
    u = int.from_bytes(hmac_sha256(key, params["person"].encode())[:8], "big")
    days = params["days"]
    n = u % (2 * days)
    return n - days if n < days else n - days + 1


def shift_case(text, person="reader-1", **given):
    params = {"key": hex_text(COUNTING), "join": "User.UserId", "days": 30, "person": person, **given}
    case = {"params": params, "input": text}
    if text == "":
        return case | {"output": ""}
    if parse_date(text, ATTRIBUTE_DATE) is None or not person:
        return case | {"failed": True}
    try:
        moved = date.fromisoformat(text[:10]) + timedelta(days=days_of(params))
    except OverflowError:
        return case | {"failed": True}
    return case | {"output": f"{moved.year:04}-{moved.month:02}-{moved.day:02}{text[10:]}"}


def shift_vectors():
    dates = [
        "1988-02-09", "2020-02-29", "2019-12-31", "2019-01-01", "1900-02-28", "2000-02-28", "2019-08-15T10:00:00Z",
        "2019-08-15T23:59:59.123456789-11:30", "2019-08-15T00:00+02", "9999-12-31", "0001-01-01", "",
    ]  # fmt: skip
    no_dates = ["1988-02-30", "1988", "yesterday", "1988-02-09T10:00", "1988-02-09 10:00:00", "1988-02-09 10:00+02", " 1988-02-09", "1988-W06-2"]
    people = ["reader-1", "reader-2", "ada@example.com", "Ünïcödé", "", " ", "x" * 100]
    cases = [shift_case(text, person) for person in people[:3] for text in dates]
    cases += [shift_case(text) for text in no_dates]
    cases += [shift_case("1988-02-09", person) for person in people]
    cases += [shift_case("1988-02-09", days=days) for days in (1, 2, 7, 365, 3650, 36500)]
    cases += [shift_case("1988-02-09", join=join) for join in ("Id", "person", "Straße", "")]
    cases += [shift_case("1988-02-09", key=hex_text(OTHER), person=person) for person in people[:3]]
    return cases


# --- round, geo, bucket -------------------------------------------------------------------

NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([-+]?[0-9]+))?")
# Nearer to zero than any step is; no power further down makes a difference.
NEAR_ZERO = Fraction(1, 10**1000)


def parse_number(text):
    """The number of a JSON number's text; None for other text and for 10^309 and more in size."""
    found = NUMBER.fullmatch(text)
    if not found:
        return None
    sign, whole, decimals, power = found[1], found[2], found[3] or "", int(found[4] or 0)
    digits = int(whole + decimals)
    if digits == 0:
        return Fraction(0)
    adjusted = len(str(digits)) - 1 - len(decimals) + power
    if adjusted > 308:
        return None
    size = digits * Fraction(10) ** (power - len(decimals)) if adjusted > -1000 else NEAR_ZERO
    return -size if sign else size


def shortest(number):
    """Without zeros that say nothing; over 21 digits before the point with an exponent."""
    if number == 0:
        return "0"
    digits = Decimal(abs(number.numerator * 10**30 // number.denominator)).scaleb(-30, WIDE)
    assert Fraction(digits) == abs(number), "no step has more decimals"
    digits = WIDE.normalize(digits)
    sign = "-" if number < 0 else ""
    if digits.adjusted() < 21:
        return sign + format(digits, "f")
    first, rest = str(digits.as_tuple().digits[0]), "".join(map(str, digits.as_tuple().digits[1:]))
    return sign + first + ("." + rest if rest else "") + f"e{digits.adjusted()}"


WIDE = Context(prec=1000)


def rounded(number, step):
    whole, rest = divmod(abs(number) / step, 1)
    whole += rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2 == 1)
    return whole * step * (-1 if number < 0 else 1)


def round_case(text, **params):
    step = parse_number(params["step"]) if "step" in params else Fraction(1, 10 ** params["decimals"])
    case = {"params": params, "input": text}
    if text == "":
        return case | {"output": ""}
    number = parse_number(text)
    return case | ({"failed": True} if number is None else {"output": shortest(rounded(number, step))})


NUMBERS = [
    "0", "-0", "0.0", "-0.0e7", "1", "-1", "2.675", "2.665", "-2.675", "2.6749999999999999999999", "0.125", "0.375", "1.005",
    "0.5", "1.5", "2.5", "-0.5", "99.995", "0.005", "0.015", "0.0049999", "-0.004", "12.50", "1e3", "1E+3", "1.25e-1",
    "123456789012345678901234567890", "1e21", "1e22", "1.5e300", "1e308", "-1e308", "9.995e-1", "1e-400", "1e-99999999999999999999",
    "100000000000000000000.555", "0.1", "0.2", "0.30000000000000004", "1000", "999999.995",
]  # fmt: skip
NO_NUMBERS = [
    "", "1e309", "10e308", "-1e99999999999999999999", "007", "+5", ".5", "5.", "1,5", "NaN", "Infinity", "0x10", " 1", "1 ",
    "1_000", "12 years", "\u0661", "1e", "--1", "1.2.3", "$5", "5%",
]  # fmt: skip


def round_vectors():
    cases = [round_case(text, decimals=decimals) for decimals in (0, 1, 2, 15) for text in NUMBERS]
    steps = ["5", "10", "50", "1000", "0.05", "0.25", "0.3", "0.01", "2.5", "7", "1e15", "1e-15", "123456789012345"]
    cases += [round_case(text, step=step) for step in steps for text in NUMBERS[:32] + ["25", "75", "125", "3.5", "-10.5", "0.15", "0.45"]]
    cases += [round_case(text, decimals=2) for text in NO_NUMBERS]
    return cases


def geo_vectors():
    places = [
        "52.520008", "13.404954", "-33.868820", "151.209290", "0", "-0.04", "90", "-90", "180.0", "89.99", "-179.999999",
        "48.85", "2.35", "2.45", "1.25e1", "", "north", "12,5",
    ]  # fmt: skip
    return [round_case(text, decimals=decimals) for decimals in (0, 1, 2, 4) for text in places]


def bucket_case(text, edges):
    case = {"params": {"edges": edges}, "input": text}
    if text == "":
        return case | {"output": ""}
    number = parse_number(text)
    if number is None:
        return case | {"failed": True}
    names = [shortest(parse_number(edge)) for edge in edges]
    below = [at for at, edge in enumerate(edges) if parse_number(edge) <= number]
    if not below:
        return case | {"output": f"<{names[0]}"}
    at = below[-1]
    return case | {"output": f"{names[at]}+" if at + 1 == len(edges) else f"{names[at]}-{names[at + 1]}"}


def bucket_vectors():
    ages = ["0", "17", "17.999999999999999999999", "18", "18.0", "1.8e1", "29", "30", "64", "65", "65.01", "120", "-1", "1e308", "-1e308"]
    cases = [bucket_case(text, ["18", "30", "65"]) for text in ages + NO_NUMBERS]
    for edges in (["0"], ["-10", "0", "10"], ["0.1", "0.25"], ["1.50", "1e3", "1e21"]):
        cases += [bucket_case(text, edges) for text in ["-11", "-10", "-0", "0", "0.1", "0.2500", "5", "10", "999.9", "1000", "1e21", "1e22"]]
    return cases


# --- map ----------------------------------------------------------------------------------


def map_case(value, table, other=None):
    case = {"params": {"table": table} | ({} if other is None else {"other": other}), "input": value}
    if value == "":
        return case | {"output": ""}
    if value in table:
        return case | {"output": table[value]}
    if other == "keep":
        return case | {"kept": True}
    if other in (None, "drop"):
        return case | {"dropped": True}
    return case | {"output": other}


def map_vectors():
    plans = {"pro": "paid", "Pro": "paid", "basic": "free", "": "never", "say \"hi\"": "back\\slash", "e\u0301": "\u00e9"}
    values = ["pro", "Pro", "PRO", "basic", "", "enterprise", " pro", "say \"hi\"", "e\u0301", "\u00e9", "drop", "keep"]
    return [map_case(value, plans, other) for other in (None, "drop", "keep", "else", "\"other\"") for value in values]


# --- files --------------------------------------------------------------------------------


def lines(cases, indent):
    return ",\n".join(indent + json.dumps(case) for case in cases)


def as_text(vectors):
    """JSON with one case a line, so that a change is seen as one."""
    if isinstance(vectors, list):
        return f"[\n{lines(vectors, '  ')}\n]\n"
    parts = (f'  "{name}": [\n{lines(cases, "    ")}\n  ]' for name, cases in vectors.items())
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main():
    vectors = {
        "key": key_vectors(),
        "redact": redact_vectors(),
        "mask": mask_vectors(),
        "hmac": hmac_vectors(),
        "date_trunc": date_vectors(),
        "date_shift": shift_vectors(),
        "normalize": normalize_vectors(),
        "round": round_vectors(),
        "geo": geo_vectors(),
        "bucket": bucket_vectors(),
        "map": map_vectors(),
        "scrub": scrub_vectors(),
    }
    known = "hmac:k1:072d50e37f523ce2f2c3597a0a85568f163ab430b73952f673fec907122136b1"
    assert vectors["hmac"][0]["output"] == known
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for name, cases in vectors.items():
        (folder / f"{name}.json").write_text(as_text(cases), encoding="ascii")


if __name__ == "__main__":
    main()
