"""The requests that came in, so that a test can assert what a client sent, keys included."""

from __future__ import annotations

import json
import threading
from collections import deque
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict

from wellread.testing.providers.http_plumbing import HttpRequest


class RecordedRequest(BaseModel):
    """One request as it came over the wire."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: Any = None
    """The JSON; a text where it is none; None where it is empty."""
    status: int | None = None
    """What was answered; 0 for a cut connection, None while it is in work."""


class RequestLog:
    """The last requests. Safe to share between threads."""

    def __init__(self, kept: int) -> None:
        self._lock = threading.Lock()
        self._entries: deque[list[Any]] = deque(maxlen=kept)

    def add(self, request: HttpRequest) -> list[Any]:
        """Keep a request; the second item of the answer takes its status."""
        entry: list[Any] = [request, None]
        with self._lock:
            self._entries.append(entry)
        return entry

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._entries.clear()

    def requests(self) -> list[RecordedRequest]:
        """Oldest first."""
        with self._lock:
            entries = list(self._entries)
        return [_recorded(request, status) for request, status in entries]


def _recorded(request: HttpRequest, status: int | None) -> RecordedRequest:
    return RecordedRequest(
        method=request.method,
        path=request.path,
        query=dict(parse_qsl(request.query, keep_blank_values=True)),
        headers=dict(request.headers),
        body=_body(request.body),
        status=status,
    )


def _body(content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        return content.decode("utf-8", "replace")
