"""Read one file so that the bytes are one version of it."""

from __future__ import annotations

import errno
import os
import stat

from wellread.errors import DocumentError, TransientError, WellreadError

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}
_REFUSED = {errno.EACCES, errno.EPERM, errno.ENAMETOOLONG}
_BLOCK_BYTES = 1024 * 1024


def read_consistent(
    path: str, natural_key: str, *, max_bytes: int, attempts_count: int, follow_symlinks: bool
) -> bytes | None:
    """The bytes of a regular file that did not change while they were read; ``None`` if there is none.

    Raises ``DocumentError`` (stage ``fetch``; ``too_large``, ``unreadable``) and ``TransientError``.
    """
    # O_NONBLOCK: a named pipe put in the file's place must not hang the run.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow_symlinks else os.O_NOFOLLOW)
    for _ in range(attempts_count):
        descriptor = _open(path, flags, natural_key)
        if descriptor is None:
            return None
        try:
            content, is_one_version = _read_once(descriptor, natural_key, max_bytes=max_bytes)
        except OSError as error:
            raise _typed(error, natural_key) from error
        finally:
            os.close(descriptor)
        if is_one_version:
            return content
    raise TransientError(
        f"to read {natural_key!r}",
        found=f"it changed during each of {attempts_count} readings",
        remedy="It is read again in the next run, when nobody writes to it",
    )


def _open(path: str, flags: int, natural_key: str) -> int | None:
    try:
        return os.open(path, flags)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise _typed(error, natural_key) from error


def _version(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read_once(descriptor: int, natural_key: str, *, max_bytes: int) -> tuple[bytes | None, bool]:
    """The content (``None``: not a regular file), and whether the file stayed as it was meanwhile."""
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        return None, True
    if before.st_size > max_bytes:
        raise too_large(natural_key, max_bytes=max_bytes)
    content = _read_limited(descriptor, natural_key, max_bytes=max_bytes)
    after = os.fstat(descriptor)
    return content, _version(before) == _version(after) and len(content) == after.st_size


def _read_limited(descriptor: int, natural_key: str, *, max_bytes: int) -> bytes:
    blocks: list[bytes] = []
    read_bytes = 0
    while read_bytes <= max_bytes:
        block = os.read(descriptor, _BLOCK_BYTES)
        if not block:
            return b"".join(blocks)
        blocks.append(block)
        read_bytes += len(block)
    raise too_large(natural_key, max_bytes=max_bytes)


def too_large(natural_key: str, *, max_bytes: int) -> DocumentError:
    """The error for an object above the size limit."""
    return DocumentError(
        f"to read {natural_key!r}",
        found=f"it is larger than {max_bytes:,} bytes",
        remedy="Split the document, exclude it, or raise max_object_bytes of the source settings",
        stage="fetch",
        cause="too_large",
    )


def _typed(error: OSError, natural_key: str) -> WellreadError:
    found = f"{type(error).__name__}: {error.strerror}"
    if error.errno in _REFUSED:
        return DocumentError(
            f"to read {natural_key!r}",
            found=found,
            remedy="Give this user read access to the file, or exclude it",
            stage="fetch",
            cause="unreadable",
        )
    return TransientError(f"to read {natural_key!r}", found=found, remedy="Run again; if it stays, check the disk")
