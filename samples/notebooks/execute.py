"""Executes segment-quality.ipynb and compares its tables with the committed ones; with --write, replaces them.

Needs requirements.txt, and what thirty_nights.py makes; run.sh sees to both. Pictures are not compared, since fonts
differ between machines: each must be there. What the outputs may hold, outputs.py checks.
"""

import sys
from pathlib import Path

import nbclient
import nbformat
from traitlets.config import Config

NOTEBOOK = Path(__file__).with_name("segment-quality.ipynb")
ROOT = NOTEBOOK.parents[2]


def executed():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    # Sockets of the file system, so nobody else on this machine can listen.
    settings = Config({"ConnectionFileMixin": {"transport": "ipc"}})
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}}, config=settings)
    client.execute()
    # Times of execution and the version of Python would change with each run.
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook


def shown(cell):
    """The outputs of a cell, without the bytes of pictures."""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "image/png" in data:
            yield "a picture"
        else:
            yield output.get("text") or data.get("text/markdown") or data.get("text/plain") or output["output_type"]


def main():
    notebook = executed()
    if "--write" in sys.argv[1:]:
        nbformat.write(notebook, NOTEBOOK)
        return
    committed = nbformat.read(NOTEBOOK, as_version=4)
    for number, (cell, before) in enumerate(zip(notebook.cells, committed.cells, strict=True), 1):
        now, then = list(shown(cell)), list(shown(before))
        if now != then:
            sys.exit(f"{NOTEBOOK.name}: cell {number} shows\n{now}\nand not\n{then}\nrun samples/notebooks/run.sh --write")
    print(f"{NOTEBOOK.name}: all cells show what is committed")


main()
