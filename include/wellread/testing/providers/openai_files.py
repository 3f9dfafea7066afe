"""OpenAI's files: uploaded, read, deleted; kept in memory."""

from __future__ import annotations

import itertools
import re
import threading
import time
from dataclasses import dataclass
from typing import Any

from wellread.testing.providers.problems import RefusedError
from wellread.testing.providers.provider import Answer, Exchange

_NAME = re.compile(rb'name="(?P<name>[^"]*)"')
_FILE_NAME = re.compile(rb'filename="(?P<name>[^"]*)"')


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file."""

    id: str
    name: str
    purpose: str
    content: bytes
    created_at: int

    def view(self) -> dict[str, Any]:
        """As the protocol shows it."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created_at,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
        }


class Files:
    """All files. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._files: dict[str, StoredFile] = {}

    def add(self, name: str, purpose: str, content: bytes) -> StoredFile:
        """Keep a file."""
        with self._lock:
            stored = StoredFile(f"file-{next(self._numbers):08d}", name, purpose, content, int(time.time()))
            self._files[stored.id] = stored
            return stored

    def get(self, file_id: str) -> StoredFile:
        """A file. Raises ``RefusedError``."""
        with self._lock:
            stored = self._files.get(file_id)
        if stored is None:
            raise RefusedError(f"No such File object: {file_id}", status=404, param="id")
        return stored

    def upload(self, exchange: Exchange) -> Answer:
        """``POST /files``."""
        fields = form_fields(exchange.request.headers.get("content-type", ""), exchange.request.body)
        if "file" not in fields or "purpose" not in fields:
            raise RefusedError("'file' and 'purpose' are required", param="file")
        name, content = fields["file"]
        return Answer(self.add(name, fields["purpose"][1].decode(), content).view())

    def show_all(self, _exchange: Exchange) -> Answer:
        """``GET /files``."""
        with self._lock:
            return Answer(
                {"object": "list", "data": [one.view() for one in self._files.values()], "has_more": False}
            )

    def show(self, exchange: Exchange) -> Answer:
        """``GET /files/ID``."""
        return Answer(self.get(exchange.names["id"]).view())

    def content(self, exchange: Exchange) -> Answer:
        """``GET /files/ID/content``."""
        return Answer(self.get(exchange.names["id"]).content, content_type="application/octet-stream")

    def delete(self, exchange: Exchange) -> Answer:
        """``DELETE /files/ID``."""
        stored = self.get(exchange.names["id"])
        with self._lock:
            self._files.pop(stored.id, None)
        return Answer({"id": stored.id, "object": "file", "deleted": True})


def form_fields(content_type: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """File name and content of each field of a form. Raises ``RefusedError`` where the body is none."""
    _, _, boundary = content_type.partition("boundary=")
    if not boundary:
        raise RefusedError("the body is not multipart/form-data")
    fields: dict[str, tuple[str, bytes]] = {}
    for part in body.split(b"--" + boundary.strip('"').encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name, file_name = _NAME.search(head), _FILE_NAME.search(head)
        if name is not None:
            shown = file_name.group("name").decode() if file_name is not None else ""
            fields[name.group("name").decode()] = (shown, content.removesuffix(b"\r\n"))
    return fields
