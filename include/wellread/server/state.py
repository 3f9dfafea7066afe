"""What the launcher leaves in the home for the next process: keys, and which process serves.

The file survives crashes, so it is never believed: a process counts only if number, start time and command
line all fit.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

_CLOCK_TOLERANCE_SECONDS = 10.0
"""The start time is derived from the boot time, which moves a little when the clock is set."""


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """Paths below one home."""

    home: Path

    @property
    def folder(self) -> Path:
        """Everything of the server, readable by its owner only."""
        return self.home / "server"

    @property
    def data(self) -> Path:
        """Weaviate's own data."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The server's output."""
        return self.folder / "weaviate.log"

    @property
    def older_log(self) -> Path:
        """The log before the last rotation."""
        return self.folder / "weaviate.log.1"

    @property
    def state(self) -> Path:
        """Which process or container serves, on which ports."""
        return self.folder / "state.json"

    @property
    def credentials(self) -> Path:
        """API key and cluster password."""
        return self.folder / "credentials.json"

    @property
    def lock(self) -> Path:
        """Held while a server is started or stopped."""
        return self.folder / "lock"

    def prepare(self) -> None:
        """Create the folders."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data.mkdir(mode=0o700, exist_ok=True)


@dataclass(frozen=True, slots=True)
class Ports:
    """The six ports of one server. ``data`` is gossip + 1 and ``raft_rpc`` is raft + 1: the server insists."""

    http: int
    grpc: int
    gossip: int
    raft: int


@dataclass(frozen=True, slots=True)
class ServerState:
    """The last server that was started in this home."""

    way: Literal["process", "docker"]
    version: str
    ports: Ports
    pid: int = 0
    created_at_epoch_seconds: float = 0.0
    container: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Made once for a home."""

    api_key: str = dataclasses.field(repr=False)
    cluster_password: str = dataclasses.field(repr=False)


def write_private(path: Path, values: Mapping[str, Any]) -> None:
    """Replace a file at once, readable by its owner only from its first byte."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o600)
        json.dump(values, file)
        file.flush()
        os.fsync(descriptor)
    temporary.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def credentials_of(files: ServerFiles) -> Credentials:
    """The home's credentials, made at the first call. Call under the lock."""
    values = _read(files.credentials)
    if values is not None and {"api_key", "cluster_password"} <= values.keys():
        return Credentials(values["api_key"], values["cluster_password"])
    made = Credentials(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
    write_private(files.credentials, dataclasses.asdict(made))
    return made


def read_state(files: ServerFiles) -> ServerState | None:
    """The state file's content; ``None`` if it is missing or unreadable."""
    values = _read(files.state)
    if values is None:
        return None
    try:
        return ServerState(**{**values, "ports": Ports(**values["ports"])})
    except (KeyError, TypeError):
        return None


def write_state(files: ServerFiles, state: ServerState) -> None:
    """Remember a server before it is ready: its starter may be killed while waiting."""
    write_private(files.state, dataclasses.asdict(state))


def forget_state(files: ServerFiles) -> None:
    """After a clean stop."""
    files.state.unlink(missing_ok=True)


def living_process(state: ServerState | None) -> psutil.Process | None:
    """The server's process if it still runs. A process that only inherited the number does not count."""
    if state is None or state.way != "process":
        return None
    try:
        process = psutil.Process(state.pid)
        with process.oneshot():
            fits = (
                abs(process.create_time() - state.created_at_epoch_seconds) < _CLOCK_TOLERANCE_SECONDS
                and process.status() != psutil.STATUS_ZOMBIE
                and str(state.ports.http) in process.cmdline()
            )
    except psutil.Error:
        return None
    return process if fits else None
