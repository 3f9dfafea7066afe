"""The shell over Wellread's operations: the same settings and the same code as the DAGs."""

from __future__ import annotations

import gc

_ALLOCATIONS = 50_000
"""Between two looks for cycles: Python's 700 looks 2,000 times during a first load, for 7 % of its time."""


def main() -> None:
    """The entry point of the ``wellread`` command."""
    from wellread.cli.commands import run

    gc.freeze()  # what was imported stays
    gc.set_threshold(_ALLOCATIONS)
    run()
