"""The server as a process of this machine: environment, start, readiness, stop."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

import psutil

from wellread.errors import ServerUnavailableError, StorageFullError, WellreadError
from wellread.server.addresses import ServerAddress, why_not_ready
from wellread.server.ports import chosen_ports
from wellread.server.settings import ServerSettings
from wellread.server.state import (
    Credentials,
    Ports,
    ServerFiles,
    ServerState,
    read_state,
    write_state,
)

_POLL_SECONDS = 0.05
_STARTS = 3
_LOG_TAIL_BYTES = 4_000
_USER = "wellread"
_INHERITED = ("PATH", "HOME", "TMPDIR", "TZ", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR")


class PortTakenError(Exception):
    """Another program took a chosen port in the moment between choosing and starting."""


def common_environment(settings: ServerSettings, credentials: Credentials) -> dict[str, str]:
    """The server's behaviour, the same in a process and in a container.

    Synchronous indexing on purpose: an acknowledged object can be audited in the vector index at once, and
    asynchronous indexing loses objects after a client's deadline just the same.
    """
    return {
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
        "AUTHENTICATION_APIKEY_ENABLED": "true",
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": credentials.api_key,
        "AUTHENTICATION_APIKEY_USERS": _USER,
        "AUTHORIZATION_ADMINLIST_ENABLED": "true",
        "AUTHORIZATION_ADMINLIST_USERS": _USER,
        "CLUSTER_BASIC_AUTH_USERNAME": _USER,
        "CLUSTER_BASIC_AUTH_PASSWORD": credentials.cluster_password,
        "CLUSTER_HOSTNAME": "node1",  # fixed: another name on old data breaks Raft
        "RAFT_BOOTSTRAP_EXPECT": "1",
        "RAFT_TIMEOUTS_MULTIPLIER": "1",  # 5 by default: 8 s instead of 3 s for each start
        "AUTOSCHEMA_ENABLED": "false",  # a wrong property must fail, not appear
        "DEFAULT_VECTORIZER_MODULE": "none",
        "API_BASED_MODULES_DISABLED": "true",
        "ASYNC_INDEXING": "false",
        "DISABLE_TELEMETRY": "true",
        "GO_PROFILING_DISABLE": "true",  # else a debug port on every interface
        "DISK_USE_READONLY_PERCENTAGE": str(settings.disk_readonly_percent),
        "DISK_USE_WARNING_PERCENTAGE": str(max(0, settings.disk_readonly_percent - 5)),
        "MEMORY_READONLY_PERCENTAGE": "0",
        "GOMEMLIMIT": f"{memory_limit_mebibytes(settings)}MiB",
        "QUERY_DEFAULTS_LIMIT": "20",
        "QUERY_MAXIMUM_RESULTS": str(settings.query_maximum_results),
        "LOG_LEVEL": "warning",
    }


def memory_limit_mebibytes(settings: ServerSettings) -> int:
    """The heap's soft limit."""
    if settings.memory_limit_mebibytes is not None:
        return settings.memory_limit_mebibytes
    return max(256, int(psutil.virtual_memory().total / 2 / 1024**2))


def _environment(
    settings: ServerSettings, files: ServerFiles, credentials: Credentials, ports: Ports
) -> dict[str, str]:
    # Nothing else of the caller's environment: a WEAVIATE or CLUSTER variable there would change the server.
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        **inherited,
        **common_environment(settings, credentials),
        "PERSISTENCE_DATA_PATH": str(files.data),
        "CLUSTER_IN_LOCALHOST": "true",
        "CLUSTER_BIND_ADDR": "127.0.0.1",
        "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
        "CLUSTER_GOSSIP_BIND_PORT": str(ports.gossip),
        "CLUSTER_DATA_BIND_PORT": str(ports.gossip + 1),
        "RAFT_PORT": str(ports.raft),
        "RAFT_INTERNAL_RPC_PORT": str(ports.raft + 1),
        "RAFT_JOIN": f"node1:{ports.raft}",
        "GRPC_PORT": str(ports.grpc),
    }


def start_process(
    settings: ServerSettings, files: ServerFiles, binary: Path, credentials: Credentials
) -> ServerAddress:
    """Start the server in a session of its own and wait until it is ready. Call under the lock.

    Raises:
        ServerUnavailableError: It ended or did not become ready; the message ends with its log.
        StorageFullError: There is no room for its data.
    """
    check_free_space(settings, files)
    for attempt in range(1, _STARTS + 1):
        _rotate_log(files.log, files.older_log, settings.log_rotate_bytes)
        try:
            return _start_once(settings, files, binary, credentials)
        except PortTakenError as error:
            if attempt == _STARTS:
                raise ServerUnavailableError(
                    "Start Weaviate", found=f"chosen ports were taken {_STARTS} times: {error}", remedy="Try again"
                ) from error
    raise AssertionError("unreachable")


def _start_once(
    settings: ServerSettings, files: ServerFiles, binary: Path, credentials: Credentials
) -> ServerAddress:
    last = read_state(files)
    wished = last.ports if last else None
    with chosen_ports(http=settings.http_port, grpc=settings.grpc_port, before=wished) as ports:
        pass
    log_start = files.log.stat().st_size if files.log.exists() else 0
    process = _spawn(settings, files, binary, credentials, ports)
    state = ServerState(
        way="process",
        version=settings.version,
        ports=ports,
        pid=process.pid,
        created_at_epoch_seconds=process.create_time(),
    )
    write_state(files, state)
    address = local_address(ports, credentials)
    try:
        wait_until_ready(address, process, settings, files.log, log_start)
    except BaseException:
        stop_process(process, settings.stop_seconds)
        raise
    return address


def _spawn(
    settings: ServerSettings, files: ServerFiles, binary: Path, credentials: Credentials, ports: Ports
) -> psutil.Process:
    descriptor = os.open(files.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    command = [str(binary), "--scheme", "http", "--host", "127.0.0.1", "--port", str(ports.http)]
    command += ["--read-timeout=600s", "--write-timeout=600s"]
    try:
        process = subprocess.Popen(  # the binary is the one that was found or installed
            command,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd=files.folder,
            env=_environment(settings, files, credentials, ports),
            start_new_session=True,  # it outlives the process that happened to start it
        )
    except OSError as error:
        raise ServerUnavailableError(
            f"Run {binary}",
            found=str(error),
            remedy="Name a weaviate-server for this machine in WELLREAD_WEAVIATE_BINARY, or unset it",
        ) from error
    finally:
        os.close(descriptor)
    child = psutil.Process(process.pid)
    # Takes the exit status if the server ends while this process lives: no zombie keeps its number.
    threading.Thread(target=process.wait, daemon=True, name="weaviate-reaper").start()
    return child


def local_address(ports: Ports, credentials: Credentials) -> ServerAddress:
    """The address of a server on this machine."""
    return ServerAddress(
        http_host="127.0.0.1",
        http_port=ports.http,
        http_secure=False,
        grpc_host="127.0.0.1",
        grpc_port=ports.grpc,
        grpc_secure=False,
        api_key=credentials.api_key,
        source="local",
    )


def wait_until_ready(
    address: ServerAddress, process: psutil.Process, settings: ServerSettings, log: Path, log_start: int
) -> None:
    """Return once REST and gRPC answer.

    Raises ``PortTakenError``, ``StorageFullError`` or ``ServerUnavailableError``.
    """
    deadline = time.monotonic() + settings.start_seconds
    reason: str | None = "not asked yet"
    while time.monotonic() < deadline:
        if has_ended(process):
            raise _start_failure("it ended while starting", log, log_start)
        reason = why_not_ready(address, timeout_seconds=settings.reach_seconds)
        if reason is None:
            return
        time.sleep(_POLL_SECONDS)
    raise _start_failure(f"not ready after {settings.start_seconds:g} s ({reason})", log, log_start)


def has_ended(process: psutil.Process) -> bool:
    """Whether the process is gone or only waits for its parent to notice."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _start_failure(found: str, log: Path, log_start: int) -> WellreadError | PortTakenError:
    tail = log_tail(log, log_start)
    if "address already in use" in tail:
        return PortTakenError(tail[-500:])
    asked = "Start the local Weaviate"
    if "no space left on device" in tail:
        return StorageFullError(asked, found=f"the disk is full: {tail}", remedy="Free space and try again")
    return ServerUnavailableError(
        asked, found=f"{found}; the end of its log: {tail or 'nothing'}", remedy=f"See the whole log: {log}"
    )


def log_tail(log: Path, start: int = 0) -> str:
    """The last lines that were written to the log since the offset ``start``."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - _LOG_TAIL_BYTES))
        return file.read().decode("utf-8", "replace").strip()


def _rotate_log(log: Path, older: Path, largest_bytes: int) -> None:
    if log.exists() and log.stat().st_size > largest_bytes:
        log.replace(older)


def check_free_space(settings: ServerSettings, files: ServerFiles) -> None:
    """Raise ``StorageFullError`` where the server would fail in the middle of its start."""
    free_mebibytes = psutil.disk_usage(str(files.folder)).free // 1024**2
    if free_mebibytes < settings.smallest_free_mebibytes:
        raise StorageFullError(
            f"Start Weaviate with its data in {files.data}",
            found=f"{free_mebibytes} MiB are free, less than {settings.smallest_free_mebibytes}",
            remedy="Free space on this disk, or use a WELLREAD_HOME on another one",
        )


def stop_process(process: psutil.Process, stop_seconds: float) -> None:
    """SIGTERM, wait, then kill. Returns when the process is gone."""
    try:
        process.terminate()
        process.wait(stop_seconds)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(stop_seconds)
    except psutil.NoSuchProcess:
        return
