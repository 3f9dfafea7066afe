"""One local Weaviate for each home: found again, started, stopped, whoever asks first."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import filelock

from wellread.errors import ServerUnavailableError, SettingsError, WellreadError
from wellread.server.addresses import ServerAddress, version_of, why_not_ready
from wellread.server.binaries import (
    Report,
    WayClosedError,
    built_binary,
    cached_binary,
    downloaded_binary,
    given_binary,
)
from wellread.server.docker_engine import check_engine, container_runs, remove_container, start_container
from wellread.server.process import (
    PortTakenError,
    has_ended,
    local_address,
    start_process,
    stop_process,
    wait_until_ready,
)
from wellread.server.settings import ServerSettings
from wellread.server.state import (
    Credentials,
    ServerFiles,
    ServerState,
    credentials_of,
    forget_state,
    living_process,
    read_state,
)

_logger = logging.getLogger("wellread.server")
_DEFAULT_HTTP_PORT = 8080
_DEFAULT_GRPC_PORT = 50051
_WAYS = "a configured address, a cached binary, the release download, building with Go, Docker"


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What is known of the home's own server."""

    state: Literal["running", "starting", "crashed", "stopped"]
    """``crashed``: it was started and not stopped, and its process is gone."""
    address: ServerAddress | None
    version: str | None
    pid: int | None
    log: Path
    data: Path


def ensure_server(settings: ServerSettings, home: Path, *, report: Report | None = None) -> ServerAddress:
    """The address of a server that is ready: the configured one, or this home's own, started if needed.

    Safe to call from several processes at once: one starts, the others wait and get the same address.

    Raises:
        ServerUnavailableError: No way led to a ready server; the message says what each way answered.
        AuthenticationError: The configured server refused the key.
        StorageFullError: There is no room for the data.
    """
    if settings.http_host is not None:
        return _configured(settings, settings.http_host)
    files = ServerFiles(home)
    files.prepare()
    with _locked(files, settings):
        credentials = credentials_of(files)
        found = _running(settings, files, credentials)
        return found or _started(settings, files, credentials, report or _logger.info)


def install_server(settings: ServerSettings, *, report: Report | None = None) -> str:
    """Make sure that a later start needs no network; says in one line what it will use.

    Raises ``ServerUnavailableError``.
    """
    if settings.http_host is not None:
        return f"the configured server at {settings.http_host}"
    binary, answers = _find_binary(settings, report or _logger.info)
    if binary is not None:
        return str(binary)
    try:
        check_engine(settings)
    except WayClosedError as error:
        raise _no_way({**answers, "Docker": str(error)}) from error
    return f"the image {settings.docker_image}:{settings.version} on Docker"


def stop_server(home: Path, *, settings: ServerSettings | None = None) -> bool:
    """Stop this home's server cleanly; ``False`` if none was running. No process is left behind."""
    chosen = settings or ServerSettings()
    files = ServerFiles(home)
    if not files.folder.is_dir():
        return False
    with _locked(files, chosen):
        state = read_state(files)
        process = living_process(state)
        was_running = process is not None
        if process is not None:
            stop_process(process, chosen.stop_seconds)
        elif state is not None and state.way == "docker":
            was_running = container_runs(state.container, chosen)
            if was_running:
                remove_container(state.container, chosen)
        forget_state(files)
        return was_running


def server_status(home: Path, *, settings: ServerSettings | None = None) -> ServerStatus:
    """What this home's server is doing; starts and changes nothing."""
    chosen = settings or ServerSettings()
    files = ServerFiles(home)
    state = read_state(files)
    if state is None:
        return ServerStatus("stopped", None, None, None, files.log, files.data)
    if not _alive(state, chosen):
        return ServerStatus("crashed", None, state.version, None, files.log, files.data)
    address = local_address(state.ports, credentials_of(files))
    ready = why_not_ready(address, timeout_seconds=chosen.reach_seconds) is None
    doing: Literal["running", "starting"] = "running" if ready else "starting"
    return ServerStatus(doing, address, state.version, state.pid or None, files.log, files.data)


def _alive(state: ServerState, settings: ServerSettings) -> bool:
    if state.way == "docker":
        return container_runs(state.container, settings)
    return living_process(state) is not None


@contextlib.contextmanager
def _locked(files: ServerFiles, settings: ServerSettings) -> Iterator[None]:
    # Whoever holds the lock may be building for the first time.
    seconds = settings.build_seconds + settings.download_seconds + settings.start_seconds
    try:
        with filelock.FileLock(files.lock, timeout=seconds, mode=0o600):
            yield
    except filelock.Timeout as error:
        raise ServerUnavailableError(
            f"Start or stop the server of {files.home}",
            found=f"another process has held {files.lock} for {seconds:g} s",
            remedy="End that process and try again",
        ) from error


def _configured(settings: ServerSettings, host: str) -> ServerAddress:
    key = settings.api_key
    address = ServerAddress(
        http_host=host,
        http_port=settings.http_port or _DEFAULT_HTTP_PORT,
        http_secure=settings.http_secure,
        grpc_host=settings.grpc_host or host,
        grpc_port=settings.grpc_port or _DEFAULT_GRPC_PORT,
        grpc_secure=settings.grpc_secure,
        api_key=key.get_secret_value() if key else None,
        source="configured",
    )
    try:
        version_of(address, timeout_seconds=settings.reach_seconds)
        reason = why_not_ready(address, timeout_seconds=settings.reach_seconds)
    except OSError as error:
        reason = str(error)
    if reason is not None:
        raise ServerUnavailableError(
            f"Reach the configured Weaviate at {address.url}",
            found=reason,
            remedy="Start it or correct its address; without an address a local server is started",
        )
    return address


def _running(settings: ServerSettings, files: ServerFiles, credentials: Credentials) -> ServerAddress | None:
    """The home's server if its process lives, waited for if it is still starting."""
    state = read_state(files)
    if state is None or not _alive(state, settings):
        return None
    if state.version != settings.version:
        raise SettingsError(
            f"Use Weaviate {settings.version}",
            found=f"version {state.version} is running in {files.home}",
            remedy="Run `wellread server stop` first",
        )
    address = local_address(state.ports, credentials)
    process = living_process(state)
    if process is not None:
        try:
            wait_until_ready(address, process, settings, files.log, 0)
        except (PortTakenError, WellreadError):
            if has_ended(process):
                return None  # it was dying, or died while it started: another one is started
            raise
    return address


def _started(
    settings: ServerSettings, files: ServerFiles, credentials: Credentials, report: Report
) -> ServerAddress:
    binary, answers = _find_binary(settings, report)
    if binary is not None:
        return start_process(settings, files, binary, credentials)
    try:
        return start_container(settings, files, credentials)
    except WayClosedError as error:
        raise _no_way({**answers, "Docker": str(error)}) from error


def _find_binary(settings: ServerSettings, report: Report) -> tuple[Path | None, dict[str, str]]:
    """A binary, or what each way to one answered."""
    given = given_binary(settings)
    if given is not None:
        return given, {}
    ways: dict[str, Callable[[], Path]] = {
        "cached binary": lambda: cached_binary(settings),
        "download": lambda: downloaded_binary(settings, report),
        "Go": lambda: built_binary(settings, report),
    }
    answers: dict[str, str] = {}
    for name, way in ways.items():
        try:
            return way(), answers
        except WayClosedError as error:
            answers[name] = str(error)
    return None, answers


def _no_way(answers: dict[str, str]) -> ServerUnavailableError:
    found = "; ".join(f"{name}: {answer}" for name, answer in {"address": "none is set", **answers}.items())
    return ServerUnavailableError(
        f"Get a Weaviate server ({_WAYS})", found=found, remedy="Open any one of these ways and try again"
    )
