"""A loopback embedding server that meters what it is asked and fails on demand.

It speaks OpenAI's and Cohere's protocols (``embedding_protocols``), keeps the real limits, and gives
deterministic vectors with some lexical meaning, so a deployment can be tested end to end without a key,
and its bill can be asserted::

    with embedding_server(dimensions=64) as server:
        ...  # a client with base_url=server.openai_url and any key
        assert server.meter().texts_count == 12

Another process can drive it over HTTP: ``GET /control/meter``, ``POST /control/behaviour`` (the JSON of
``Behaviour``), ``POST /control/reset``. From a shell: ``python -m wellread.testing.embedding_server``.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import ValidationError

from wellread.testing.embedding_faults import Behaviour, Fault, FaultKind, Meter, ServerState
from wellread.testing.embedding_protocols import (
    RequestRefusedError,
    cohere_answer,
    openai_answer,
    read_cohere,
    read_openai,
)

OPENAI_PATH = "/v1/embeddings"
COHERE_PATH = "/v2/embed"
_STATUS_FAULTS: dict[FaultKind, tuple[int, str | None, str]] = {
    "rate_limited": (429, "rate_limit_exceeded", "Rate limit reached, slow down."),
    "insufficient_quota": (429, "insufficient_quota", "You exceeded your current quota."),
    "unauthorized": (401, "invalid_api_key", "The key is not valid."),
    "server_error": (500, None, "The server had an error."),
}


@dataclass(frozen=True, slots=True)
class EmbeddingServer:
    """A running server."""

    port: int
    state: ServerState
    dimensions: int

    @property
    def openai_url(self) -> str:
        """What an OpenAI client takes as ``base_url``."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def cohere_url(self) -> str:
        """What a Cohere client takes as ``base_url``."""
        return f"http://127.0.0.1:{self.port}"

    def meter(self) -> Meter:
        """Requests, texts and tokens so far."""
        return self.state.meter()

    def behave(self, *faults: Fault, poison: tuple[str, ...] = (), latency_seconds: float = 0.0) -> None:
        """From now on: suffer ``faults`` in order, refuse ``poison``, wait ``latency_seconds``."""
        self.state.behave(Behaviour(faults=faults, poison=poison, latency_seconds=latency_seconds))

    def reset(self) -> None:
        """Count from zero and behave well."""
        self.state.reset()


@contextmanager
def embedding_server(
    *, dimensions: int = 256, port: int = 0, api_key: str | None = None, model: str = "testing-embedder"
) -> Iterator[EmbeddingServer]:
    """Serve on loopback until the block is left.

    Args:
        dimensions: Of the vectors, unless a request asks for fewer.
        port: 0 takes a free one.
        api_key: Requests without it get 401; None lets any key pass.
        model: The name that ``/v1/models`` lists. Any name is answered.
    """
    state = ServerState()
    http = _HttpServer(("127.0.0.1", port), state=state, dimensions=dimensions, api_key=api_key, model=model)
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), name="embedding-server", daemon=True)
    thread.start()
    try:
        yield EmbeddingServer(port=http.server_address[1], state=state, dimensions=dimensions)
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # Kept-alive connections would hold the closing for ever.
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], *, state: ServerState, dimensions: int, api_key: str | None, model: str
    ) -> None:
        self.state = state
        self.dimensions = dimensions
        self.api_key = api_key
        self.model = model
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # the base names socket types


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _HttpServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Silent: the meter tells."""

    def do_GET(self) -> None:
        """Models and the meter."""
        if self.path == "/v1/models":
            self._send(200, {"object": "list", "data": [{"id": self.server.model, "object": "model"}]})
        elif self.path == "/control/meter":
            self._send(200, self.server.state.meter().model_dump())
        else:
            self._refuse(404, f"nothing at {self.path}")

    def do_POST(self) -> None:
        """Embeddings and control."""
        content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path in {OPENAI_PATH, COHERE_PATH}:
            self._embed(content)
        elif self.path == "/control/behaviour":
            self._behave(content)
        elif self.path == "/control/reset":
            self.server.state.reset()
            self._send(200, {})
        else:
            self._refuse(404, f"nothing at {self.path}")

    def _behave(self, content: bytes) -> None:
        try:
            self.server.state.behave(Behaviour.model_validate_json(content))
        except ValidationError as error:
            self._refuse(400, str(error))
        else:
            self._send(200, {})

    def _embed(self, content: bytes) -> None:
        fault, behaviour = self.server.state.begin()
        try:
            time.sleep(behaviour.latency_seconds)
            if not self._key_is_right():
                self._refuse(401, "The key is not valid.", code="invalid_api_key")
            elif fault is not None and fault.kind in _STATUS_FAULTS:
                status, code, message = _STATUS_FAULTS[fault.kind]
                self._refuse(status, message, code=code, retry_after_seconds=fault.retry_after_seconds)
            elif fault is not None and fault.kind == "cut_before_work":
                self._cut()
            else:
                self._work(content, fault.kind if fault is not None else None, behaviour)
        finally:
            self.server.state.end()

    def _work(self, content: bytes, fault: FaultKind | None, behaviour: Behaviour) -> None:
        is_openai = self.path == OPENAI_PATH
        try:
            body = json.loads(content)
            read = read_openai if is_openai else read_cohere
            request = read(body, dimensions=self.server.dimensions, poison=behaviour.poison)
        except RequestRefusedError as error:
            self._refuse(400, str(error), code=error.code, param=error.param)
            return
        except (ValueError, AttributeError):
            self._refuse(400, "the body is not a JSON object")
            return
        answer = openai_answer(request, fault) if is_openai else cohere_answer(request, fault)
        self.server.state.bill(request.texts, request.tokens_count)
        self._send(200, answer, fault=fault)
        self.server.state.answered()

    def _key_is_right(self) -> bool:
        wanted = self.server.api_key
        return wanted is None or self.headers.get("Authorization") == f"Bearer {wanted}"

    def _refuse(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        error = {"message": message, "type": code or "invalid_request_error", "param": param, "code": code}
        headers = {} if retry_after_seconds is None else {"Retry-After": f"{retry_after_seconds:g}"}
        # OpenAI's clients read "error", Cohere's read "message".
        self._send(status, {"error": error, "message": message}, headers=headers)

    def _send(
        self,
        status: int,
        answer: dict[str, Any],
        *,
        headers: dict[str, str] | None = None,
        fault: FaultKind | None = None,
    ) -> None:
        payload = json.dumps(answer).encode("utf-8")
        cut_at = len(payload) // 2
        if fault == "truncated_json":
            payload = payload[:cut_at]
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if fault == "cut_after_billing":
            self.wfile.write(payload[:cut_at])
            self._cut()
        else:
            self.wfile.write(payload)

    def _cut(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the first line of standard output is the address."""
    parser = argparse.ArgumentParser(description="A loopback embedding server for tests.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--api-key", default=None, help="refuse requests without it")
    options = parser.parse_args(arguments)
    for ending in (signal.SIGINT, signal.SIGTERM):  # a shell starts background jobs with SIGINT ignored
        signal.signal(ending, signal.default_int_handler)
    with embedding_server(port=options.port, dimensions=options.dimensions, api_key=options.api_key) as server:
        sys.stdout.write(f"{server.openai_url}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
