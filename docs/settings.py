#!/usr/bin/env python3
"""Writes docs/settings.md from schemas/pipeline.schema.json, which editors use as well."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# Settings

Every setting of a definition, once. This page is made by `docs/settings.py` from
[`schemas/pipeline.schema.json`](../schemas/pipeline.schema.json), with which editors complete and check
definitions: `segprep schema pipeline` prints it. [definition.md](definition.md) explains how a definition is made up,
[operations.md](operations.md) has the operations under `[fields]`.

`--set PATH=VALUE` overrides any of them for one run: `--set account.max_reject_ratio=0.1`,
`--set 'output.0.to="out/b/"'`, `--set 'fields."Attributes.*"="drop"'`.
"""
STORAGE = ("sse", "kms_key_id", "bucket_key", "encryption_context", "storage_class", "tags")


def main() -> None:
    schema = json.loads((ROOT / "schemas/pipeline.schema.json").read_text())
    sections = {name: part for name, part in schema["properties"].items() if is_section(part)}
    top = {name: part for name, part in schema["properties"].items() if name not in sections}
    pages = [HEAD, "## At the top\n", table(top)]
    for name, part in sections.items():
        pages += section(name, part, is_list=part.get("type") == "array")
    pages += storage(sections["output"]["items"]["properties"])
    (ROOT / "docs/settings.md").write_text("\n".join(pages))


def is_section(part: dict) -> bool:
    return part.get("type") == "object" or part.get("items", {}).get("type") == "object"


def section(name: str, part: dict, is_list: bool) -> list[str]:
    """A section, and after it the tables in it that are sections of their own."""
    title = f"`[[{name}]]`" if is_list else f"`[{name}]`"
    text = [f"## {title}\n", sentence(part["description"]) + "\n"]
    inner = part["items"] if is_list else part
    settings = inner.get("properties", {})
    places = {key: value for key, value in settings.items() if key not in STORAGE}
    if places:
        text.append(table(places))
    if len(places) < len(settings):
        text.append("For places in buckets also the [settings of objects](#objects).\n")
    for key, value in settings.items():
        if value.get("items", {}).get("type") == "object":
            text += section(f"{name}.{key}", value, is_list=True)
    return text


def storage(settings: dict) -> list[str]:
    about = "Of each `[[output]]` and of `[account]`; `[state]` has those about encryption.\n"
    return ["## Objects\n", about, table({key: settings[key] for key in STORAGE})]


def table(settings: dict) -> str:
    rows = [f"| `{name}` | {values(part)} | {cell(part)} |" for name, part in settings.items()]
    return "\n".join(["| setting | values | meaning |", "|---|---|---|", *rows, ""])


def cell(part: dict) -> str:
    return sentence(part.get("description", "")).replace("|", "\\|")


def sentence(text: str) -> str:
    return text if not text or text.endswith(".") else text + "."


def values(part: dict) -> str:
    """`"fail"` (default) or `"ok"`; or the type, with the default."""
    default = part.get("default")
    if "const" in part:
        return code(part["const"])
    if "enum" in part:
        words = [code(word) + (" (default)" if word == default else "") for word in part["enum"]]
        return ", ".join(words)
    kind = part.get("type")
    if kind is None:
        kind = [one.get("type") or "word" for one in part.get("oneOf", part.get("anyOf", []))]
    kinds = [kind] if isinstance(kind, str) else list(dict.fromkeys(kind))
    names = {"array": "list", "object": "table", "string": "text", "word": "word"}
    shown = " or ".join(names.get(one, one) for one in kinds)
    return shown + ("" if default is None else f" ({code(default)})")


def code(value: object) -> str:
    """A value as TOML has it."""
    return f"`{json.dumps(value, ensure_ascii=False)}`"


if __name__ == "__main__":
    main()
