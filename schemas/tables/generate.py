#!/usr/bin/env python3
"""Makes the tables of countries, languages and time zones in this folder out of `sources/`.

    generate.py            the tables, from the sources that stand here
    generate.py --fetch    the sources first, out of the packages that PACKAGES names

Python 3.11 and its standard library are enough; `--fetch` also needs pip and npm. Each source says
in itself where it comes from and under which licence; the GNU licence of Debian's iso-codes is why they are not among them.
"""

import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = HERE / "sources"

TZDATA = "2026.6"
ISO3166 = "3.0.0"
CLDR = "48.2.0"

# No country is meant by one of these for certain: two countries are called so, or the former code is
# that of a state of the United States too.
AMBIGUOUS = {"congo", "korea", "saint martin", "st martin", "virgin islands", "ct", "mi", "nh"}
# Codes that name no language (several, none, unknown), and one that ISO 639 has withdrawn.
NO_LANGUAGES = {"mis", "mul", "und", "zxx", "sh"}
# Abbreviations and rules of POSIX that the tz database keeps as names. None says where somebody
# is, so none is replaced.
ABBREVIATIONS = re.compile(r"[A-Z]{3}([0-9][A-Z]{3})?")
# `UTC` and `GMT` are no places either, but what they mean is certain.
UNIVERSAL = {"GMT", "UCT", "UTC"}
# These three look like abbreviations and are countries: the People's Republic of China, the Republic of China, and that of Korea.
COUNTRIES = {"PRC", "ROC", "ROK"}


def main():
    if sys.argv[1:] == ["--fetch"]:
        fetch()
    elif sys.argv[1:]:
        sys.exit(__doc__)
    cldr, tz, iso = (read_source(name) for name in ("cldr", "tz", "iso3166"))
    write("countries.txt", countries(cldr, tz, iso), "What is no code of ISO 3166-1 alpha-2, and the code it means")
    write("languages.txt", languages(cldr), "Codes of languages; after one that is no longer in use, the code it means")
    write("timezones.txt", timezones(cldr, tz), "Names of time zones; after one that is not canonical, the one that is; `former`: in use no more")


# --- tables -------------------------------------------------------------------------------------


def countries(cldr, tz, iso):
    """Folded names, alpha-3 codes and former codes, each with the assigned code it means."""
    assigned = set(tz["countries"])
    found = {}

    def add(key, code):
        if code in assigned and key not in AMBIGUOUS:
            found.setdefault(key, set()).add(code)

    for code, alpha3 in cldr["alpha3"].items():
        add(alpha3.lower(), code)
    for former, code in cldr["territory_aliases"].items():
        add(former.lower(), code)
    for code, name in names(cldr, tz, iso):
        for form in forms(name):
            # Two letters are a code or nothing, except in `U.S.`; `UK` is a former code by CLDR's count.
            if len(form) > 2 or name == "U.S.":
                add(form, code)
    for code, several in cldr["native_names"].items():
        for name in several:
            for form in native_forms(name):
                add(form, code)
    rows = {key: codes.pop() for key, codes in found.items() if len(codes) == 1}
    for key, code in rows.items():
        assert re.fullmatch("[a-z0-9 ]+", key) or not key.isascii(), key
        assert key == "us" or key.upper() not in assigned, key
    return [f"{key}\t{code}" for key, code in rows.items()]


def names(cldr, tz, iso):
    for code, several in cldr["territories"].items():
        yield from ((code, name) for name in several)
    yield from tz["countries"].items()
    for code, several in iso["names"].items():
        yield from ((code, name) for name in several)
    for line in (SOURCES / "names.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            yield tuple(line.split(" ", 1))


def forms(name):
    """A name in the ways people write it, folded: `Korea, Republic of` is `Republic of Korea` too."""
    written = {name, name.replace("[", "(").replace("]", ")")}
    if name.count(", ") == 1:
        before, after = name.split(", ")
        written |= {f"{after} {before}", f"{before} ({after})"}
    folded = {fold(form) for form in written}
    folded |= {re.sub(r"\bst\b", "saint", form) for form in folded}
    folded |= {re.sub(r"\bsaint\b", "st", form) for form in folded}
    return folded


def fold(name):
    """As `fold` in `core/src/repair/country.rs`: small letters without accents, digits and single spaces, no article."""
    plain = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    plain = re.sub(r"[.'’]", "", plain.lower().replace("&", " and "))
    words = re.sub(r"[^a-z0-9]+", " ", plain).split()
    return " ".join(word for word in words if word != "the")


def native_forms(name):
    """A name in a language of the country: without accents if it is Latin, and as it is written."""
    plain, wide = fold(name), wide_fold(name)
    stripped = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    forms = {plain} if stripped.isascii() and len(plain) > 2 else set()
    return forms | ({wide} if not wide.isascii() else set())


def wide_fold(name):
    """As `wide_fold` in `core/src/repair/country.rs`: lower case, composed, with single spaces."""
    lower = unicodedata.normalize("NFC", name).lower()
    lower = re.sub(r"[.'’]", "", lower)
    return " ".join("".join(c if c.isalnum() or ord(c) > 127 and not c.isspace() else " " for c in lower).split())


def languages(cldr):
    """ISO 639 codes as CLDR names them; of aliases those that mean one code."""
    valid = set(cldr["languages"]) - NO_LANGUAGES - set(cldr["language_aliases"])
    aliases = {old: new for old, new in cldr["language_aliases"].items() if new in valid and len(new) == 2}
    assert all(re.fullmatch("[a-z]{2,3}", code) for code in valid | set(aliases))
    return sorted(valid) + [f"{old}\t{new}\tformer" for old, new in aliases.items()]


def timezones(cldr, tz):
    """Names of the tz database. A link is followed as CLDR has it, which keeps the country: the
    tz database links Europe/Oslo to Europe/Berlin, since their clocks have agreed since 1970."""
    group = {alias: of for of, aliases in cldr["timezones"].items() for alias in aliases}
    valid = set(tz["zones"]) | set(tz["links"])

    def canonical(name):
        if ABBREVIATIONS.fullmatch(name) and name not in UNIVERSAL | COUNTRIES:
            return name
        if name in group:
            return group[name]
        return tz["links"].get(name, name)

    rows = []
    for name in sorted(valid | set(group)):
        to = canonical(name)
        if name not in valid and (to not in valid or "/" not in name):
            continue
        assert to in valid and canonical(to) == to, (name, to)
        rows.append("\t".join([name] + [to] * (to != name) + ["former"] * (name not in valid)))
    return rows


def write(file, rows, about):
    text = f"# {about}. Made by generate.py.\n" + "".join(row + "\n" for row in sorted(rows))
    (HERE / file).write_text(text, "utf-8")


# --- sources ------------------------------------------------------------------------------------


def read_source(name):
    return json.loads((SOURCES / f"{name}.json").read_text("utf-8"))


def fetch():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        pip(folder, f"tzdata=={TZDATA}", f"iso3166=={ISO3166}")
        wheels = [zipfile.ZipFile(wheel) for wheel in sorted(folder.glob("*.whl"))]
        read = {name: wheel.read(name).decode() for wheel in wheels for name in wheel.namelist() if wanted(name)}
        write_source("tz", tz_source(read))
        write_source("iso3166", iso_source(read["iso3166/__init__.py"]))
        write_source("cldr", cldr_source(folder))


def wanted(name):
    return name in ("tzdata/zoneinfo/tzdata.zi", "tzdata/zoneinfo/iso3166.tab", "iso3166/__init__.py")


def pip(folder, *packages):
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", folder]
    subprocess.run([*command, *packages], check=True)


def tz_source(read):
    lines = [line.split() for line in read["tzdata/zoneinfo/tzdata.zi"].splitlines()]
    # Neither is a place: one is for machines that nobody has set up.
    zones = [words[1] for words in lines if words[0] == "Z" and words[1] != "Factory"]
    rows = [line.split("\t") for line in read["tzdata/zoneinfo/iso3166.tab"].splitlines() if not line.startswith("#")]
    return {
        "source": f"tzdata.zi and iso3166.tab of the tz database, as in the Python package tzdata {TZDATA}",
        "licence": "public domain",
        "zones": sorted(zones),
        "links": {words[2]: words[1] for words in lines if words[0] == "L"},
        "countries": {code: name for code, name in rows},
    }


def iso_source(text):
    rows = re.findall(r'Country\(\s*"([^"]+)",\s*"([A-Z]{2})",\s*"[A-Z]{3}",\s*"[0-9]{3}",\s*"([^"]+)",?\s*\)', text)
    assert len(rows) > 240, len(rows)
    return {
        "source": f"English short names of ISO 3166-1, as in the Python package iso3166 {ISO3166}",
        "licence": "MIT, Copyright (c) 2014-2026 Mike Spindel",
        "names": {code: sorted({name, common}) for name, code, common in rows if not code.startswith("X")},
    }


def cldr_source(folder):
    core, names, bcp47 = (npm(folder, package) for package in ("cldr-core", "cldr-localenames-full", "cldr-bcp47"))
    aliases = core("supplemental/aliases.json")["supplemental"]["metadata"]["alias"]
    codes = core("supplemental/codeMappings.json")["supplemental"]["codeMappings"]
    display = "localeDisplayNames"
    territories = names("main/en/territories.json")["main"]["en"][display]["territories"]
    languages = names("main/en/languages.json")["main"]["en"][display]["languages"]
    zones = bcp47("bcp47/timezone.json")["keyword"]["u"]["tz"]
    assigned = sorted(code for code in codes if re.fullmatch("[A-Z]{2}", code) and code in territories)
    info = core("supplemental/territoryInfo.json")["supplemental"]["territoryInfo"]
    return {
        "source": f"Unicode CLDR, as in the npm packages cldr-core, cldr-localenames-full and cldr-bcp47 {CLDR}",
        "licence": "Unicode-3.0, Copyright © 1991-2026 Unicode, Inc.; the whole of it is in LICENSE-UNICODE",
        "territories": {code: [name for key, name in territories.items() if key.split("-")[0] == code] for code in assigned},
        "native_names": {code: native_names(code, info.get(code, {}), names) for code in assigned},
        "alpha3": {code: codes[code]["_alpha3"] for code in assigned if "_alpha3" in codes[code]},
        "territory_aliases": plain_aliases(aliases["territoryAlias"], "[A-Z]{2,3}", "[A-Z]{2}"),
        "languages": sorted(code for code in languages if re.fullmatch("[a-z]{2,3}", code)),
        # A macrolanguage is one of its languages only by habit.
        "language_aliases": plain_aliases(
            {old: new for old, new in aliases["languageAlias"].items() if new["_reason"] in ("deprecated", "overlong")},
            "[a-z]{2,3}",
            "[a-z]{2,3}",
        ),
        "timezones": {
            zone.get("_iana", zone["_alias"].split()[0]): zone["_alias"].split()
            for key, zone in zones.items()
            if not key.startswith("_") and "_alias" in zone and not zone.get("_deprecated")
        },
    }


def native_names(code, info, names):
    """The names of a country in the languages that are official in it."""
    found = set()
    for language, about in info.get("languagePopulation", {}).items():
        locale = language.replace("_", "-")
        if "_officialStatus" in about and locale != "en":
            try:
                territories = names(f"main/{locale}/territories.json")["main"][locale]["localeDisplayNames"]["territories"]
            except KeyError:
                continue
            found |= {name for key, name in territories.items() if key.split("-")[0] == code and name != code}
    return sorted(found)


def plain_aliases(aliases, old_form, new_form):
    """Of one code for one code."""
    plain = {old: alias["_replacement"] for old, alias in aliases.items()}
    return {old: new for old, new in plain.items() if re.fullmatch(old_form, old) and re.fullmatch(new_form, new)}


def npm(folder, package):
    packed = subprocess.run(
        ["npm", "pack", "--silent", f"{package}@{CLDR}"], cwd=folder, check=True, capture_output=True, text=True
    )
    archive = tarfile.open(fileobj=io.BytesIO((folder / packed.stdout.split()[-1]).read_bytes()))
    files = {member.name: member for member in archive.getmembers()}
    return lambda path: json.load(archive.extractfile(files[f"package/{path}"]))


def write_source(name, content):
    text = json.dumps(content, ensure_ascii=False, indent=1)
    (SOURCES / f"{name}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
