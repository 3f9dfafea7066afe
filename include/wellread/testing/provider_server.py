"""A loopback server that speaks the protocols of several model providers to their own clients.

OpenAI, Cohere, Anthropic and Replicate, and every server that is compatible with one of them. It answers by quoting
the evidence in the prompt (``providers.brain``), counts what a provider would bill, keeps rate limits of its own,
and fails or lies on demand, so a deployment can be tested end to end without a key::

    with provider_server() as server:
        ...  # a client with base_url=server.openai_url and any key
        assert server.meter().repeated == {}

``provider_process`` is the same server in a process of its own, for tests that need all of this process's time or
that end it. Another process can drive either over HTTP: ``GET /control/meter``, ``/control/texts_count``,
``/control/requests``, ``/control/admissions``; ``POST /control/behaviour`` (the JSON of ``Behaviour``),
``/control/finish_batches``, ``/control/reset``.
From a shell: ``python -m wellread.testing.provider_server``.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from wellread.errors import ServerUnavailableError
from wellread.testing.providers.control import PREFIX, control
from wellread.testing.providers.faults import (
    BatchFault,
    BatchFaultKind,
    Behaviour,
    Fault,
    FaultKind,
    FaultRate,
    Mode,
)
from wellread.testing.providers.http_plumbing import HttpRequest, HttpResponse, HttpServer
from wellread.testing.providers.limits import Admission
from wellread.testing.providers.meter import BilledRequest, Meter
from wellread.testing.providers.options import RateLimits, ServerOptions
from wellread.testing.providers.provider import Provider
from wellread.testing.providers.request_log import RecordedRequest
from wellread.testing.providers.routing import routes_of

__all__ = [
    "Admission",
    "BatchFault",
    "BatchFaultKind",
    "Behaviour",
    "BilledRequest",
    "Fault",
    "FaultKind",
    "FaultRate",
    "Meter",
    "Mode",
    "ProviderServer",
    "RateLimits",
    "RecordedRequest",
    "ServerOptions",
    "provider_process",
    "provider_server",
]

_CONTROL_TIMEOUT_SECONDS = 120.0
_STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class ProviderServer:
    """A running server, in this process or in another: everything goes over its port."""

    port: int
    options: ServerOptions

    @property
    def url(self) -> str:
        """What Cohere's and Anthropic's clients take as ``base_url``, and what any path can be appended to."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """What an OpenAI client takes as ``base_url``."""
        return f"{self.url}/v1"

    @property
    def cohere_url(self) -> str:
        """What a Cohere client takes as ``base_url``."""
        return self.url

    @property
    def dimensions(self) -> int:
        """Of its vectors."""
        return self.options.dimensions

    def meter(self) -> Meter:
        """What was asked and billed so far."""
        return Meter.model_validate(self._control("GET", "meter"))

    def texts_count(self) -> int:
        """Texts embedded so far: of the meter, but cheap to ask often."""
        return int(self._control("GET", "texts_count"))

    def requests(self) -> list[RecordedRequest]:
        """The last requests, oldest first."""
        return [RecordedRequest.model_validate(one) for one in self._control("GET", "requests")]

    def admissions(self) -> list[Admission]:
        """What the rate limits let through, oldest first."""
        return [Admission(*one) for one in self._control("GET", "admissions")]

    def behave(self, *faults: Fault, **rest: Any) -> None:
        """From now on: suffer ``faults`` in order; ``rest`` are the other fields of ``Behaviour``."""
        self._control("POST", "behaviour", Behaviour(faults=faults, **rest).model_dump_json())

    def finish_batches(self) -> None:
        """Let every batch that runs end now."""
        self._control("POST", "finish_batches")

    def reset(self) -> None:
        """Count from zero, forget every request and batch, and behave well."""
        self._control("POST", "reset")

    def _control(self, method: str, what: str, body: str = "") -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_CONTROL_TIMEOUT_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, f"{PREFIX}{what}", body.encode())
            response = connection.getresponse()
            content = response.read()
        if response.status != 200:
            raise ServerUnavailableError(
                f"{method} {PREFIX}{what} of the testing server",
                found=f"HTTP {response.status}: {content.decode(errors='replace')[:300]}",
                remedy="Use the client and the server of one version.",
            )
        return json.loads(content)


@contextmanager
def provider_server(*, port: int = 0, **options: Any) -> Iterator[ProviderServer]:
    """Serve on loopback, in threads of this process, until the block is left.

    Args:
        port: 0 takes a free one.
        **options: The fields of ``ServerOptions``.
    """
    given = ServerOptions.model_validate(options)
    provider = Provider(given)
    provider.route_by(routes_of(provider))

    def respond(request: HttpRequest) -> HttpResponse:
        is_control = request.path.startswith(PREFIX)
        return control(provider, request) if is_control else provider.respond(request)

    server = HttpServer(port, respond)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="provider-server", daemon=True)
    thread.start()
    try:
        yield ProviderServer(server.port, given)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def provider_process(*, port: int = 0, **options: Any) -> Iterator[ProviderServer]:
    """The same in a process of its own, which ends with the block.

    Raises ``ServerUnavailableError`` where it does not start.
    """
    given = ServerOptions.model_validate(options)
    command = [sys.executable, "-m", "wellread.testing.provider_server", "--port", str(port)]
    # A session of its own: Ctrl-C in a test run must reach the tests first, and the server in order.
    process = subprocess.Popen(
        [*command, "--options", given.model_dump_json()], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with process:
        try:
            yield ProviderServer(_port_of(process), given)
        finally:
            process.terminate()
            try:
                process.wait(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise ServerUnavailableError(
            "a testing server in a process of its own", found="it ended at once", remedy="See what it printed."
        )
    return int(line.rpartition(":")[2].partition("/")[0])


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the first line of standard output is the address."""
    parser = argparse.ArgumentParser(
        description="A loopback server for tests that speaks several providers' protocols."
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--dimensions", type=int, default=None, help="of vectors; 256 if not given")
    parser.add_argument("--api-key", default=None, help="refuse requests without it")
    parser.add_argument("--options", default="{}", help="the JSON of ServerOptions")
    given = parser.parse_args(arguments)
    options = ServerOptions.model_validate_json(given.options).model_dump()
    options |= {name: value for name in ("dimensions", "api_key") if (value := getattr(given, name)) is not None}
    for ending in (signal.SIGINT, signal.SIGTERM):  # a shell starts background jobs with SIGINT ignored
        signal.signal(ending, signal.default_int_handler)
    with provider_server(port=given.port, **options) as server:
        sys.stdout.write(f"{server.openai_url}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
