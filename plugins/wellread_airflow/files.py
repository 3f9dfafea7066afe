"""Files that tasks read and write: paths of this machine, or URIs of what Airflow's object storage knows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import ObjectStoragePath

from wellread.errors import SettingsError

if TYPE_CHECKING:
    from wellread.questions import Question

FORMATS = (".jsonl", ".ndjson", ".csv", ".tsv", ".xlsx", ".parquet")
"""Of questions and of answers."""
_SCHEME = "://"


def read_question_file(address: str) -> list[Question]:
    """The questions of a file. Raises ``QuestionsFileError``, ``SettingsError``."""
    from wellread.answering.files.question_files import read_questions

    with local_copy(address) as path:
        return read_questions(path)


@contextmanager
def local_copy(address: str) -> Iterator[Path]:
    """A path with what is at ``address``; of a URI a copy that goes away again. Raises ``SettingsError``."""
    if _SCHEME not in address:
        yield Path(address)
        return
    with tempfile.TemporaryDirectory(prefix="wellread-") as folder:
        copy = Path(folder) / _name(address)
        with _typed(address):
            copy.write_bytes(_remote(address).read_bytes())
        yield copy


def checked_target(address: str, *, formats: tuple[str, ...] = FORMATS) -> None:
    """Raises ``SettingsError`` for an ending that no format has, or a folder that is not there."""
    if Path(_name(address)).suffix.lower() not in formats:
        raise SettingsError(
            f"write {address or 'a file without a name'}",
            found="its ending names no format",
            remedy=f"Give a name that ends in one of: {', '.join(formats)}.",
        )
    if _SCHEME not in address and not Path(address).resolve().parent.is_dir():
        raise SettingsError(
            f"write {address}",
            found=f"there is no folder {Path(address).resolve().parent}",
            remedy="Create it, or name a file in another folder. Workers need to see the same one.",
        )


@contextmanager
def written_file(address: str, *, formats: tuple[str, ...] = FORMATS) -> Iterator[Path]:
    """A path to write to; what stands there at the end of the block is at ``address``, whole.

    Raises ``SettingsError`` before the block as :func:`checked_target` does.
    """
    checked_target(address, formats=formats)
    if _SCHEME not in address:
        yield Path(address)
        return
    with tempfile.TemporaryDirectory(prefix="wellread-") as folder:
        copy = Path(folder) / _name(address)
        yield copy
        with _typed(address):
            _remote(address).write_bytes(copy.read_bytes())


def _name(address: str) -> str:
    return address.rsplit("/", 1)[-1]


def _remote(address: str) -> ObjectStoragePath:
    return ObjectStoragePath(address)


@contextmanager
def _typed(address: str) -> Iterator[None]:
    """What object storage raises, as one of our errors."""
    try:
        yield
    except (OSError, ValueError, ImportError) as error:
        raise SettingsError(
            f"reach {address}",
            found=f"{type(error).__name__}: {error}",
            remedy="Check the address, its Airflow connection, and that the provider of its scheme is installed.",
        ) from error
