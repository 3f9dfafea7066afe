"""Artifacts in a folder: one compressed file a blob."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from wellread.artifacts.references import (
    blob_path,
    compress,
    decompress_verified,
    missing,
    reference_at,
    reference_of,
)
from wellread.errors import StorageFullError, SystemicError, TransientError, WellreadError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_NEVER_ALONE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EISDIR}


class FolderArtifacts:
    """An ``ArtifactStore`` on a local or shared file system."""

    def __init__(self, root: Path) -> None:
        """Nothing is created before the first write."""
        self._root = root.absolute()

    def put(self, kind: str, content: bytes) -> str:
        """Store bytes durably and return their reference. A damaged blob of the same content is replaced.

        Raises ``StorageFullError``, ``TransientError``, ``SystemicError``.
        """
        reference = reference_of(kind, content)
        path = self._path(reference)
        if self._holds_whole(path, reference):
            return reference
        try:
            _write_atomically(path, compress(content))
        except OSError as error:
            raise _typed(error, f"to store an artifact at {path}") from error
        return reference

    def get(self, reference: str) -> bytes:
        """The bytes again, hash verified. Raises ``SystemicError`` when missing or damaged."""
        path = self._path(reference)
        try:
            stored = path.read_bytes()
        except FileNotFoundError as error:
            raise missing(reference, str(path)) from error
        except OSError as error:
            raise _typed(error, f"to read the artifact {path}") from error
        return decompress_verified(reference, stored, where=str(path))

    def exists(self, reference: str) -> bool:
        """Whether the blob is there. It is not read."""
        return self._path(reference).is_file()

    def delete(self, reference: str) -> None:
        """Remove a blob; one that is gone is no error."""
        path = self._path(reference)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _typed(error, f"to delete the artifact {path}") from error

    def references(self) -> Iterator[str]:
        """Every blob that is there, in no order."""
        for path in self._root.glob("*/*/*.z"):
            reference = reference_at(path.relative_to(self._root).as_posix())
            if reference is not None:
                yield reference

    def uri(self, reference: str) -> str:
        """``file:///…``."""
        return self._path(reference).as_uri()

    def _path(self, reference: str) -> Path:
        return self._root / blob_path(reference)

    def _holds_whole(self, path: Path, reference: str) -> bool:
        if not path.is_file():
            return False
        try:
            self.get(reference)
        except WellreadError:
            return False  # damaged, or gone since: the write that follows heals it or says why it cannot
        return True


def _write_atomically(path: Path, stored: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{uuid.uuid4().hex}.tmp"
    try:
        with temporary.open("xb") as file:
            file.write(stored)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename durable: without it a power cut may lose the name of a file that was synced."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _typed(error: OSError, asked: str) -> WellreadError:
    found = f"{type(error).__name__}: {error.strerror or error}"
    if error.errno in _FULL:
        return StorageFullError(
            asked, found=found, remedy="Free space on that disk, then run again: nothing is lost"
        )
    if error.errno in _NEVER_ALONE:
        return SystemicError(asked, found=found, remedy="Give this user write access to the artifact folder")
    return TransientError(asked, found=found, remedy="Run again; if it stays, look at the disk's health")
