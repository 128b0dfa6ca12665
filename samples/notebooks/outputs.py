"""Checks the committed outputs of the notebooks: all cells have run, in order and without an error, and show nothing
of a person and nothing of the machine that ran them. Needs nothing but Python."""

import json
import re
import sys
from pathlib import Path

FORBIDDEN = {
    "an address": re.compile(r"[\w.+-]+@[\w-]+\.\w"),
    "a phone number": re.compile(r"\+\d{8,15}\b"),
    "a whole token": re.compile(r"hmac:\w+:[0-9a-f]{64}"),
    "a customer's id": re.compile(r"customer-\d"),
    "a path of a machine": re.compile(r"(?<![\w.])/(home|root|Users|tmp|work|usr|opt|var)/|[A-Z]:\\\\"),
    "a warning of a library": re.compile(r"Warning\b"),
}


def texts(output):
    """All of an output that is text; pictures are left out."""
    yield from [output.get("text", "")] + [output.get("traceback", "")]
    for kind, data in output.get("data", {}).items():
        if not kind.startswith("image/") or kind == "image/svg+xml":
            yield data


def problems(notebook):
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    pictures = sum("image/png" in output.get("data", {}) for cell in code for output in cell["outputs"])
    if [cell["execution_count"] for cell in code] != list(range(1, len(code) + 1)):
        yield "its cells did not run once each, from the first to the last"
    if not pictures:
        yield "it has no picture"
    for number, cell in enumerate(code, 1):
        for output in cell["outputs"]:
            if output["output_type"] == "error" or output.get("name") == "stderr":
                yield f"code cell {number} ended with an error or a warning"
            for text in texts(output):
                text = text if isinstance(text, str) else "".join(text)
                for what, pattern in FORBIDDEN.items():
                    if pattern.search(text):
                        yield f"code cell {number} shows {what}"
    for what in ("an address", "a phone number", "a path of a machine"):
        if FORBIDDEN[what].search("\n".join("".join(cell["source"]) for cell in notebook["cells"])):
            yield f"its text has {what}"


def main():
    found = False
    for path in sorted(Path(__file__).parent.glob("*.ipynb")):
        for problem in problems(json.loads(path.read_text(encoding="utf-8"))):
            found = True
            print(f"{path.name}: {problem}", file=sys.stderr)
    sys.exit(found)


main()
