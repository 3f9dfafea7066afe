"""HTTP/1.1 with as little work as an honest server can do: one thread a connection, kept alive.

The standard library's handler parses headers as e-mail and writes line by line. That costs more than the whole
answer of a testing server, and a benchmark of a client would measure it.
"""

from __future__ import annotations

import socket
import socketserver
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_BUFFER_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What a client sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What it gets."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    cut: Literal["never", "before", "middle"] = "never"
    """Where the connection breaks: before the first byte, or in the middle of the body."""


Respond = Callable[[HttpRequest], HttpResponse]


class HttpServer(socketserver.ThreadingTCPServer):
    """Hands every request of every connection to ``respond``, in the connection's thread."""

    daemon_threads = True
    block_on_close = False  # Kept-alive connections would hold the closing for ever.
    request_queue_size = 1024
    allow_reuse_address = True

    def __init__(self, port: int, respond: Respond) -> None:
        self.respond = respond
        super().__init__(("127.0.0.1", port), _Connection)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # the base names socket types


class _Connection(socketserver.StreamRequestHandler):
    rbufsize = _BUFFER_BYTES
    disable_nagle_algorithm = True
    server: HttpServer

    def handle(self) -> None:
        """Requests, one after the other, until somebody closes."""
        while (request := self._read()) is not None:
            response = self.server.respond(request)
            if not self._write(response) or request.headers.get("connection", "").lower() == "close":
                return

    def _read(self) -> HttpRequest | None:
        line = self.rfile.readline(_BUFFER_BYTES)
        parts = line.decode("latin-1").split()
        if len(parts) != 3:
            return None
        headers: dict[str, str] = {}
        while (line := self.rfile.readline(_BUFFER_BYTES)) not in {b"\r\n", b"\n", b""}:
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if "100-continue" in headers.get("expect", "").lower():
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        path, _, query = parts[1].partition("?")
        return HttpRequest(parts[0], path, query, headers, self._body(headers))

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(headers.get("content-length", "0")))
        chunks: list[bytes] = []
        while size := int(self.rfile.readline(_BUFFER_BYTES).split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline(_BUFFER_BYTES)
        while self.rfile.readline(_BUFFER_BYTES) not in {b"\r\n", b"\n", b""}:
            pass  # trailers
        return b"".join(chunks)

    def _write(self, response: HttpResponse) -> bool:
        """Send it; False where the connection is broken on purpose."""
        if response.cut != "before":
            head = (
                f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, 'Status')}\r\n"
                f"Content-Type: {response.content_type}\r\nContent-Length: {len(response.body)}\r\n"
            )
            head += "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
            body = response.body if response.cut == "never" else response.body[: len(response.body) // 2]
            self.wfile.write(f"{head}\r\n".encode("latin-1") + body)
        if response.cut == "never":
            return True
        self.connection.shutdown(socket.SHUT_RDWR)
        return False
