"""Checks on zip based documents before a parser unpacks them."""

from __future__ import annotations

import io
import zipfile
import zlib

from wellread.parsing.causes import UnreadableError
from wellread.parsing.settings import MEBIBYTE, ParsingSettings

RATIO_FLOOR_BYTES = 16 * MEBIBYTE
READ_BYTES = 1024 * 1024
DOCTYPE_SCAN_BYTES = 4096


def check_archive(content: bytes, settings: ParsingSettings, *, may_declare: bool = False) -> None:
    """Unpacks every part once, in constant memory, and stops at the first breach.

    ``may_declare``: whether XML parts may have a document type, as the chapters of books do.

    The sizes that an archive declares are not believed: the bytes are counted as they come.

    Raises:
        UnreadableError: ``zip_bomb``, ``malicious`` (a document type in an XML part), ``encrypted`` or ``corrupt``.
    """
    unpacked_bytes = 0
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            if entry.flag_bits & 0x1:
                raise UnreadableError("encrypted", "a part of the archive is behind a password")
            try:
                unpacked_bytes = _read_part(archive, entry, unpacked_bytes, len(content), settings)
                if not may_declare:
                    _check_declaration(archive, entry)
            except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, zlib.error) as error:
                raise UnreadableError("corrupt", f"part {entry.filename!r} cannot be unpacked ({error})") from error


def _read_part(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    before_bytes: int,
    packed_bytes: int,
    settings: ParsingSettings,
) -> int:
    total_bytes = before_bytes
    with archive.open(entry) as part:
        block = part.read(READ_BYTES)
        while block:
            total_bytes += len(block)
            if total_bytes > settings.max_unpacked_bytes or (
                total_bytes > RATIO_FLOOR_BYTES and total_bytes > settings.max_unpacked_ratio * packed_bytes
            ):
                raise UnreadableError(
                    "zip_bomb", f"{packed_bytes:,} packed bytes unpack to more than {total_bytes:,} bytes"
                )
            block = part.read(READ_BYTES)
    return total_bytes


def _check_declaration(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    if not entry.filename.endswith((".xml", ".rels")):
        return
    with archive.open(entry) as part:
        if b"<!DOCTYPE" in part.read(DOCTYPE_SCAN_BYTES):
            raise UnreadableError(
                "malicious", f"part {entry.filename!r} declares entities, which no office file does"
            )
