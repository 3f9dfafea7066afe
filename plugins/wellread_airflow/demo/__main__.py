"""``python -m wellread_airflow.demo``: what ``make demo`` runs."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from wellread.errors import WellreadError
from wellread.server import stop_server
from wellread_airflow.demo.stage import Stage, enter, stage_of

_NARROWEST, _WIDEST = 80, 116


@contextmanager
def _quiet(log: Path) -> Iterator[Console]:
    """A console on the real standard output, while everything else that is printed goes to the log."""
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    sys.stdout.flush()
    sys.stderr.flush()
    out, err = os.dup(1), os.dup(2)
    with log.open("wb") as file, os.fdopen(out, "w", encoding="utf-8", closefd=False) as screen:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            console = Console(file=screen, highlight=False)
            console.width = min(max(console.width, _NARROWEST), _WIDEST) if console.is_terminal else _WIDEST
            yield console
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(out, 1)
            os.dup2(err, 2)
    os.close(out)
    os.close(err)


def _play(place: Stage) -> int:
    with _quiet(place.log) as console:
        from wellread_airflow.demo.story import Story

        try:
            return Story(place, console).tell()
        finally:
            stop_server(place.home)
            # Weaviate's client switches these on; its event loop closes only with the interpreter.
            warnings.simplefilter("ignore", ResourceWarning)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if everything went as promised, 1 if not, with the reason."""
    parser = argparse.ArgumentParser(prog="python -m wellread_airflow.demo", description=__doc__)
    parser.add_argument("--repository", type=Path, default=Path(), help="folder with dags and demo; default: here")
    options = parser.parse_args(arguments)
    try:
        place = stage_of(options.repository)
        enter(place)
        return _play(place)
    except WellreadError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
