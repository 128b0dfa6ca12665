"""The program `segprep`, as a command of this environment."""

from __future__ import annotations

import signal
import sys

from segprep import _segprep


def main() -> int:
    """Does what the arguments say. Returns the exit code."""
    # The program handles signals by itself. Python would raise once it has ended.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _segprep.command(["segprep", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
