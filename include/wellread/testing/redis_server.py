"""A real Redis for tests: its own folder, a free loopback port, a password, nothing kept, gone at the end.

Example::

    with redis_server() as url:  # redis://:...@127.0.0.1:40123/0
        client = redis.Redis.from_url(url)
"""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wellread.errors import ServerUnavailableError

START_SECONDS = 30.0
_READY = b"Ready to accept connections"
_REMEDY = "Run `make services`, or put redis-server on the PATH."


@contextmanager
def redis_server() -> Iterator[str]:
    """A running server's URL, with its password.

    Raises:
        ServerUnavailableError: Redis is missing or did not start; the message ends with its own words.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise ServerUnavailableError("start Redis for tests", found="no redis-server here", remedy=_REMEDY)
    with tempfile.TemporaryDirectory(prefix="wellread-redis-") as name:
        password = secrets.token_urlsafe(24)
        port = _free_port()
        with _running(program, Path(name), port, password):
            yield f"redis://:{password}@127.0.0.1:{port}/0"


@contextmanager
def _running(program: str, folder: Path, port: int, password: str) -> Iterator[None]:
    options = {
        "bind": "127.0.0.1",
        "port": port,
        "requirepass": password,
        "dir": folder,
        "save": '""',
        "appendonly": "no",
        "daemonize": "no",
    }
    settings = folder / "redis.conf"  # a file, because anybody can read a command line
    settings.touch(mode=0o600)
    settings.write_text("".join(f"{name} {value}\n" for name, value in options.items()), encoding="utf-8")
    log = folder / "log"
    with log.open("wb") as stream:
        # A session of its own: Ctrl-C in a test run must reach the tests first.
        process = subprocess.Popen(
            [program, str(settings)], stdout=stream, stderr=stream, cwd=folder, start_new_session=True
        )
    try:
        _await_ready(process, port, log)
        yield
    finally:
        _stop(process)


def _await_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _READY in log.read_bytes():
            return
        time.sleep(0.02)
    tail = log.read_text(encoding="utf-8", errors="replace")[-500:].strip()
    raise ServerUnavailableError(f"start Redis on port {port}", found=tail or "no answer", remedy=_REMEDY)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
