"""The official image on a running Docker engine, where no binary can be had."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence

from wellread.errors import ServerUnavailableError
from wellread.server.addresses import ServerAddress, why_not_ready
from wellread.server.binaries import WayClosedError
from wellread.server.ports import chosen_ports
from wellread.server.process import common_environment, local_address
from wellread.server.settings import ServerSettings
from wellread.server.state import Credentials, ServerFiles, ServerState, read_state, write_state

_POLL_SECONDS = 0.2
_PULL_SECONDS = 600.0


def check_engine(settings: ServerSettings) -> None:
    """Raise ``WayClosedError`` unless a Docker engine answers."""
    _docker(["info", "--format", "{{.ServerVersion}}"], seconds=settings.reach_seconds)


def container_name(files: ServerFiles) -> str:
    """One name for one home, so that a forgotten container is found again."""
    return f"wellread-weaviate-{hashlib.sha256(str(files.home.resolve()).encode()).hexdigest()[:12]}"


def run_arguments(
    settings: ServerSettings, files: ServerFiles, *, http: int, grpc: int, variables: Sequence[str]
) -> list[str]:
    """Arguments of ``docker`` that start the server. Values of variables are not among them: ``ps`` shows those."""
    arguments = ["run", "--detach", "--name", container_name(files)]
    # As the home's owner, so that the data can be read and removed without root.
    arguments += ["--user", f"{os.getuid()}:{os.getgid()}"]
    arguments += ["--publish", f"127.0.0.1:{http}:8080", "--publish", f"127.0.0.1:{grpc}:50051"]
    arguments += ["--volume", f"{files.data}:/var/lib/weaviate"]
    for name in sorted(variables):
        arguments += ["--env", name]
    arguments.append(f"{settings.docker_image}:{settings.version}")
    return [*arguments, "--scheme", "http", "--host", "0.0.0.0", "--port", "8080"]  # noqa: S104  # in the container


def start_container(settings: ServerSettings, files: ServerFiles, credentials: Credentials) -> ServerAddress:
    """Start the container and wait until it is ready. Call under the lock.

    Raises ``WayClosedError`` if the engine cannot run it, ``ServerUnavailableError`` if it does not come up.
    """
    check_engine(settings)
    variables = {**common_environment(settings, credentials), "PERSISTENCE_DATA_PATH": "/var/lib/weaviate"}
    remove_container(container_name(files), settings)
    last = read_state(files)
    with chosen_ports(
        http=settings.http_port, grpc=settings.grpc_port, before=last.ports if last else None
    ) as ports:
        pass
    arguments = run_arguments(settings, files, http=ports.http, grpc=ports.grpc, variables=list(variables))
    container = _docker(arguments, seconds=_PULL_SECONDS, variables=variables)
    write_state(
        files, ServerState(way="docker", version=settings.version, ports=ports, container=container.strip())
    )
    address = local_address(ports, credentials)
    _wait(address, settings, container.strip())
    return address


def _wait(address: ServerAddress, settings: ServerSettings, container: str) -> None:
    deadline = time.monotonic() + settings.start_seconds
    reason: str | None = "not asked yet"
    while time.monotonic() < deadline:
        reason = why_not_ready(address, timeout_seconds=settings.reach_seconds)
        if reason is None:
            return
        time.sleep(_POLL_SECONDS)
    log = _docker(["logs", "--tail", "20", container], seconds=settings.reach_seconds)
    remove_container(container, settings)
    raise ServerUnavailableError(
        "Start Weaviate with Docker",
        found=f"not ready after {settings.start_seconds:g} s ({reason}); the end of its log: {log}",
        remedy="Look into the engine's log, or raise start_seconds",
    )


def container_runs(container: str, settings: ServerSettings) -> bool:
    """Whether the container is there and running."""
    try:
        state = _docker(["inspect", "--format", "{{.State.Running}}", container], seconds=settings.reach_seconds)
    except WayClosedError:
        return False
    return state.strip() == "true"


def remove_container(container: str, settings: ServerSettings) -> None:
    """Stop cleanly and remove; the data stays in the home. A missing container is no error."""
    wait = str(int(settings.stop_seconds))
    for arguments in (["stop", "--time", wait, container], ["rm", "--force", container]):
        try:
            _docker(arguments, seconds=settings.stop_seconds + settings.reach_seconds)
        except WayClosedError as error:
            if "no such container" not in str(error).lower():
                raise


def _docker(arguments: Sequence[str], *, seconds: float, variables: Mapping[str, str] | None = None) -> str:
    program = shutil.which("docker")
    if program is None:
        raise WayClosedError("no `docker` on the PATH")
    try:
        done = subprocess.run(  # fixed arguments, `docker` from the PATH
            [program, *arguments],
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise WayClosedError(f"docker did not answer within {seconds:g} s") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise WayClosedError(lines[-1] if lines else f"docker ended with {done.returncode}")
    return done.stdout
