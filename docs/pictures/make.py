#!/usr/bin/env python3
"""Makes the pictures of the README: what commands print on a terminal, as SVG.

    docs/pictures/make.py PROGRAM           # writes docs/pictures/*.svg
    docs/pictures/make.py --check PROGRAM   # fails if one is out of date

Each command runs on a terminal of its own with a fixed width. The colours follow the reader's: light or dark.
Needs nothing but Python.
"""

import fcntl
import html
import os
import pty
import re
import struct
import sys
import tempfile
import termios
from pathlib import Path

# Name of the picture, columns, and the command after the program's name. The commands run one after the other.
PICTURES = [
    (None, 100, "run pipelines/newsletter.toml"),
    ("preview", 100, "preview pipelines/newsletter.toml -n 5 --sample"),
    ("explain", 100, "explain pipelines/newsletter.toml samples/newsletter/input/2026-03-book-fair.json:4"),
]
# What the commands need.
NEEDS = ["pipelines", "samples"]

CELL, LINE, PAD = 8.4, 18, 14

STYLE = """<style>
.back { fill: #ffffff; stroke: #d0d7de } text { font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #1f2328; white-space: pre }
.b { font-weight: 600 } .d { fill: #6e7781 } .r { fill: #cf222e } .g { fill: #1a7f37 } .y { fill: #9a6700 }
@media (prefers-color-scheme: dark) {
.back { fill: #0d1117; stroke: #30363d } text { fill: #e6edf3 }
.d { fill: #8b949e } .r { fill: #ff7b72 } .g { fill: #3fb950 } .y { fill: #d29922 }
}
</style>"""

# What SGR codes mean here.
CLASSES = {"1": "b", "2": "d", "31": "r", "32": "g", "33": "y"}


def printed(program, columns, arguments):
    """What a command prints on a terminal of that width."""
    child, terminal = pty.fork()
    if child == 0:
        # No progress: only what stays on the screen.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        # The size is set before the program starts, so that it sees no other.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 200, columns, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": ""}
        for name in ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "SEGPREP_KEY_K1"):
            environment.pop(name, None)
        os.execve(program, [program, *arguments.split()], environment)
    output = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        output += piece
    os.waitpid(child, 0)
    return output.decode().replace("\r\n", "\n")


def spans(line):
    """The texts of a line with their classes."""
    classes, at = set(), 0
    for code in re.finditer(r"\x1b\[([0-9;]*)m", line):
        if at < code.start():
            yield line[at : code.start()], " ".join(sorted(classes))
        for one in code.group(1).split(";"):
            if one in ("", "0"):
                classes.clear()
            elif one in CLASSES:
                classes.add(CLASSES[one])
        at = code.end()
    if at < len(line):
        yield line[at:], " ".join(sorted(classes))


def picture(title, columns, text):
    lines = text.rstrip("\n").split("\n")
    lines = [f"\x1b[2m$\x1b[0m segprep {title}", "", *lines]
    width, height = columns * CELL + 2 * PAD, len(lines) * LINE + 2 * PAD
    rows = []
    for number, line in enumerate(lines):
        parts = []
        for text, classes in spans(line):
            text = html.escape(text, quote=False)
            parts.append(f'<tspan class="{classes}">{text}</tspan>' if classes else text)
        y = PAD + LINE * number + 14
        if parts:
            rows.append(f'<text x="{PAD}" y="{y}" xml:space="preserve">{"".join(parts)}</text>')
    label = html.escape(f"segprep {title}")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img" aria-label="{label}">',
            STYLE,
            f'<rect class="back" x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="8"/>',
            *rows,
            "</svg>\n",
        ]
    )


def main():
    arguments = sys.argv[1:]
    check = arguments[:1] == ["--check"]
    if len(arguments) != 1 + check:
        sys.exit(__doc__)
    program, folder, stale = os.path.abspath(arguments[-1]), Path(__file__).resolve().parent, []
    with tempfile.TemporaryDirectory() as place:
        for name in NEEDS:
            os.symlink(folder.parent.parent / name, Path(place) / name)
        os.chdir(place)
        for name, columns, command in PICTURES:
            text = printed(program, columns, command)
            if name is None:
                continue
            svg, file = picture(command, columns, text), folder / f"{name}.svg"
            if not check:
                file.write_text(svg)
            elif not file.exists() or file.read_text() != svg:
                stale.append(str(file))
        os.chdir(folder)
    if stale:
        sys.exit(f"out of date: {', '.join(stale)}; run docs/pictures/make.py PROGRAM")


main()
