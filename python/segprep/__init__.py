"""segprep: checks, repairs, pseudonymises and packs segment import files, with an account of every record.

`run` does what the program `segprep run` does. `Definition.clean` takes batches of Arrow through the same rules,
for programs that read and write by themselves. `segprep.spark` does both on a cluster.
"""

from segprep._batches import Definition
from segprep._errors import (
    AccessError,
    CheckFailed,
    DefinitionError,
    InputError,
    InternalError,
    NoInput,
    OverBudget,
    PlaceTaken,
    SegprepError,
    Stopped,
    StorageError,
)
from segprep._run import Account, Progress, Result, check, gather, run, scan, shards
from segprep._segprep import __version__

__all__ = [
    "AccessError",
    "Account",
    "CheckFailed",
    "Definition",
    "DefinitionError",
    "InputError",
    "InternalError",
    "NoInput",
    "OverBudget",
    "PlaceTaken",
    "Progress",
    "Result",
    "SegprepError",
    "Stopped",
    "StorageError",
    "__version__",
    "check",
    "gather",
    "run",
    "scan",
    "shards",
]
