"""References to artifacts, and what both kinds of stores do with content."""

from __future__ import annotations

import re
import zlib

from wellread.errors import SystemicError
from wellread.identities import sha256_bytes

_KIND = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_REFERENCE = re.compile(rf"({_KIND.pattern})/([0-9a-f]{{64}})")
_PATH = re.compile(rf"({_KIND.pattern})/([0-9a-f]{{2}})/([0-9a-f]{{62}})\.z")
_COMPRESSION_LEVEL = 3  # extracted text: most of level 9's gain for a fraction of its time


def reference_of(kind: str, content: bytes) -> str:
    """``<kind>/<sha256 of the uncompressed content>``. Raises ``SystemicError`` for a bad kind."""
    if not _KIND.fullmatch(kind):
        raise SystemicError(
            f"an artifact of kind {kind!r}",
            found="the kind is not lower-case letters, digits, - and _",
            remedy="Name the kind like a folder: elements, chunks, plans",
        )
    return f"{kind}/{sha256_bytes(content)}"


def split_reference(reference: str) -> tuple[str, str]:
    """Kind and hash. Raises ``SystemicError`` for anything else: a reference is never used as a bare path."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise SystemicError(
            f"the artifact {reference!r}",
            found="not of the form <kind>/<64 hex digits>",
            remedy="Pass the reference that put() returned, not its uri",
        )
    return match.group(1), match.group(2)


def blob_path(reference: str) -> str:
    """Where a blob lies below the store's root: ``kind/ab/cdef….z``, at most 256 folders a kind."""
    kind, digest = split_reference(reference)
    return f"{kind}/{digest[:2]}/{digest[2:]}.z"


def reference_at(path: str) -> str | None:
    """The inverse of :func:`blob_path`; ``None`` for what is no blob, such as a half-written file."""
    match = _PATH.fullmatch(path)
    return None if match is None else f"{match.group(1)}/{match.group(2)}{match.group(3)}"


def compress(content: bytes) -> bytes:
    """What is stored."""
    return zlib.compress(content, _COMPRESSION_LEVEL)


def decompress_verified(reference: str, stored: bytes, *, where: str) -> bytes:
    """The content again. Raises ``SystemicError`` when it is not what the reference names."""
    _, digest = split_reference(reference)
    try:
        content = zlib.decompress(stored)
    except zlib.error as error:
        raise _damaged(reference, where, f"it does not decompress ({error})") from error
    if sha256_bytes(content) != digest:
        raise _damaged(reference, where, "its SHA-256 is another one")
    return content


def _damaged(reference: str, where: str, why: str) -> SystemicError:
    return SystemicError(
        f"the artifact {reference}",
        found=f"the blob at {where} is damaged: {why}",
        remedy="Restore it from the backup of the artifacts, or delete it and ingest its document again",
    )


def missing(reference: str, where: str) -> SystemicError:
    """The error for a blob that is not there."""
    return SystemicError(
        f"the artifact {reference}",
        found=f"nothing at {where}",
        remedy="Check that the artifact store is the one that this ledger was written with; restore it from backup",
    )
