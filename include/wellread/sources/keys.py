r"""Natural keys of files: any name that a file system allows, as text that any database stores.

POSIX names are bytes. Python shows bytes that are not UTF-8 as lone surrogates, which neither SQL nor JSON nor
Weaviate accepts. So the bytes that are not UTF-8, control characters and the backslash itself are written
``\xHH`` (lower-case hex); everything else stays as it is, in whatever Unicode form it came. The escape is
reversible: a backslash in a key always begins an escape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from wellread.documents import SourceObject
from wellread.errors import SourceUnavailableError

_NEEDS_ESCAPE = re.compile("[\x00-\x1f\x7f\\\\\ud800-\udfff]")
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")
_VALID = re.compile(r"(?:[^\x00-\x1f\x7f\\\ud800-\udfff]|\\x[0-9a-f]{2})*")


def escape_name(name: str) -> str:
    """One path (or part of it), as :func:`os.fsdecode` gives it, as a storable key.

    Raises ``ValueError`` for lone surrogates that do not stand for a byte: no file system call returns them.
    """
    return _NEEDS_ESCAPE.sub(_escape_character, name)


def _escape_character(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if code > 0x7F:
        if not 0xDC80 <= code <= 0xDCFF:
            raise ValueError(f"not a file name: {character!a} stands for no byte")
        code -= 0xDC00
    return f"\\x{code:02x}"


def unescape_name(key: str) -> str:
    """The inverse of :func:`escape_name`: text for file system calls.

    Raises ``ValueError`` for a key that :func:`escape_name` never makes.
    """
    if not _VALID.fullmatch(key):
        raise ValueError(f"not a natural key of a file: {key!a}")
    return _ESCAPE.sub(_unescape_character, key)


def _unescape_character(match: re.Match[str]) -> str:
    code = int(match.group(1), 16)
    return chr(code if code <= 0x7F else code + 0xDC00)


def sort_key(natural_key: str) -> bytes:
    """The bytes by which listings are ordered, everywhere."""
    return natural_key.encode("utf-8", "surrogateescape")


def assert_sorted(objects: Iterable[SourceObject]) -> Iterator[SourceObject]:
    """The same objects, one by one. Raises ``SourceUnavailableError`` where the order breaks or a key repeats.

    A merge with the ledger takes an object out of order for a deleted one, so nothing may go on.
    """
    previous: bytes | None = None
    for item in objects:
        current = sort_key(item.natural_key)
        if previous is not None and current <= previous:
            what = "repeats" if current == previous else "comes after a larger key"
            raise SourceUnavailableError(
                "a listing sorted by the UTF-8 bytes of its keys, each key once",
                found=f"{item.natural_key!r} {what} ({previous.decode('utf-8', 'replace')!r})",
                remedy="Nothing was changed. Report the storage product: its listing order is not S3's",
            )
        previous = current
        yield item
