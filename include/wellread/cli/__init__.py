"""The shell over Wellread's operations: the same settings and the same code as the DAGs."""

from __future__ import annotations


def main() -> None:
    """The entry point of the ``wellread`` command."""
    from wellread.cli.commands import run

    run()
