"""Free loopback ports."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator

from wellread.errors import ServerUnavailableError
from wellread.server.state import Ports

_ATTEMPTS = 50
_HIGHEST_PORT = 65_000


@contextlib.contextmanager
def chosen_ports(*, http: int | None, grpc: int | None, before: Ports | None) -> Iterator[Ports]:
    """Six free ports, held by sockets until the block ends, so that two launchers cannot choose the same.

    Args:
        http: A port that was asked for.
        grpc: A port that was asked for.
        before: The ports of the home's last server; used again where they are free.

    Raises:
        ServerUnavailableError: A port that was asked for is in use.
    """
    with contextlib.ExitStack() as held:
        yield Ports(
            http=_one(held, http, before.http if before else None, what="REST"),
            grpc=_one(held, grpc, before.grpc if before else None, what="gRPC"),
            gossip=_pair(held, before.gossip if before else None),
            raft=_pair(held, before.raft if before else None),
        )


def _one(held: contextlib.ExitStack, asked: int | None, wished: int | None, *, what: str) -> int:
    if asked is not None:
        if not _hold(held, asked):
            raise ServerUnavailableError(
                f"Start Weaviate with {what} on port {asked}",
                found="the port is in use by another program",
                remedy="End that program, choose another port, or leave the port out for a free one",
            )
        return asked
    if wished is not None and _hold(held, wished):
        return wished
    return _any(held)


def _pair(held: contextlib.ExitStack, wished: int | None) -> int:
    """A port whose successor is free too."""
    if wished is not None and _hold(held, wished) and _hold(held, wished + 1):
        return wished
    for _ in range(_ATTEMPTS):
        first = _any(held)
        if first < _HIGHEST_PORT and _hold(held, first + 1):
            return first
    raise ServerUnavailableError(
        "Find two free ports side by side", found=f"none in {_ATTEMPTS} tries", remedy="Close unused programs"
    )


def _any(held: contextlib.ExitStack) -> int:
    probe = held.enter_context(socket.socket())
    probe.bind(("127.0.0.1", 0))
    number: int = probe.getsockname()[1]
    return number


def _hold(held: contextlib.ExitStack, port: int) -> bool:
    # All interfaces: gRPC and cluster data listen on all of them, so a program on any is in the way.
    probe = socket.socket()
    try:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("", port))
    except OSError as error:
        probe.close()
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            return False
        raise
    held.callback(probe.close)
    return True
