"""Where a server answers."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Literal

from wellread.errors import AuthenticationError


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Everything that a client needs to connect."""

    http_host: str
    http_port: int
    http_secure: bool
    grpc_host: str
    grpc_port: int
    grpc_secure: bool
    api_key: str | None = field(repr=False)
    source: Literal["configured", "local"]

    @property
    def url(self) -> str:
        """The REST address."""
        return f"{'https' if self.http_secure else 'http'}://{self.http_host}:{self.http_port}"


def _get(address: ServerAddress, path: str, timeout_seconds: float) -> bytes:
    # Never through a proxy: a local server is not reachable there, and the key must not go there.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(f"{address.url}{path}")  # noqa: S310  # the scheme is ours: http or https
    if address.api_key:
        request.add_header("Authorization", f"Bearer {address.api_key}")
    with opener.open(request, timeout=timeout_seconds) as reply:
        body: bytes = reply.read()
        return body


def why_not_ready(address: ServerAddress, *, timeout_seconds: float) -> str | None:
    """``None`` if REST says ready and the gRPC port accepts connections, else the reason."""
    try:
        _get(address, "/v1/.well-known/ready", timeout_seconds)
        socket.create_connection((address.grpc_host, address.grpc_port), timeout=timeout_seconds).close()
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return None


def version_of(address: ServerAddress, *, timeout_seconds: float) -> str:
    """The version that a ready server reports.

    Raises:
        AuthenticationError: The server refused the key.
        OSError: It did not answer.
    """
    try:
        return str(json.loads(_get(address, "/v1/meta", timeout_seconds))["version"])
    except urllib.error.HTTPError as error:
        if error.code in {401, 403}:
            raise AuthenticationError(
                f"Ask {address.url} for its version",
                found=f"the server refused the key (HTTP {error.code})",
                remedy="Set the API key that this server knows",
            ) from error
        raise
    except (ValueError, KeyError) as error:
        raise OSError(f"{address.url} answers, but not as Weaviate") from error
