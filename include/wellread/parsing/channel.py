"""Frames over a local socket: between the pool, the warm parent process and its workers.

Everything that comes back from a worker is JSON, never pickle: a hostile document that takes a worker over
gains nothing in the process that reads its answer.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import time

from wellread.documents import Element, ParsedDocument

HEADER = struct.Struct("!Q")
_SURROGATES = re.compile("[\ud800-\udfff]")


def send_frame(connection: socket.socket, payload: bytes, *, deadline: float | None = None) -> None:
    """Sends one length-prefixed frame. ``deadline``: on the monotonic clock; past it ``TimeoutError`` is raised."""
    for part in (HEADER.pack(len(payload)), payload):
        _give_time(connection, deadline)
        connection.sendall(part)


def receive_frame(connection: socket.socket, *, deadline: float | None = None) -> bytes | None:
    """The next frame, or ``None`` when the other end is gone. ``deadline`` as in :func:`send_frame`."""
    header = _receive_exactly(connection, HEADER.size, deadline)
    if header is None:
        return None
    (length,) = HEADER.unpack(header)
    return _receive_exactly(connection, length, deadline)


def _receive_exactly(connection: socket.socket, length: int, deadline: float | None) -> bytes | None:
    received = bytearray()
    while len(received) < length:
        _give_time(connection, deadline)
        try:
            block = connection.recv(min(length - len(received), 1 << 20))
        except ConnectionError:
            return None
        if not block:
            return None
        received += block
    return bytes(received)


def _give_time(connection: socket.socket, deadline: float | None) -> None:
    """What is left for the next call: a peer that sends byte by byte gains no time by it."""
    if deadline is None:
        return
    left_seconds = deadline - time.monotonic()
    if left_seconds <= 0:
        raise TimeoutError
    connection.settimeout(left_seconds)


def writable(text: str) -> str:
    """The text with U+FFFD for each lone surrogate: JSON and broken encodings can hold one, artifacts cannot."""
    return _SURROGATES.sub("\ufffd", text)


def pack_document(document: ParsedDocument) -> bytes:
    """A parsed document as JSON."""
    elements = [[e.kind, writable(e.text), e.page, e.level, e.header_rows] for e in document.elements]
    value = {
        "media_type": document.media_type,
        "elements": elements,
        "title": None if document.title is None else writable(document.title),
        "language": document.language,
        "encoding": document.encoding,
        "page_count": document.page_count,
        "warnings": [writable(warning) for warning in document.warnings],
    }
    return json.dumps({"document": value}).encode("ascii")


def unpack_document(value: dict[str, object]) -> ParsedDocument:
    """The document that :func:`pack_document` packed."""
    fields = dict(value)
    rows = fields.pop("elements")
    warnings = fields.pop("warnings")
    assert isinstance(rows, list)
    assert isinstance(warnings, list)
    elements = tuple(
        Element(kind=kind, text=text, page=page, level=level, header_rows=header_rows)
        for kind, text, page, level, header_rows in rows
    )
    return ParsedDocument(elements=elements, warnings=tuple(warnings), **fields)  # type: ignore[arg-type]  # our own JSON
