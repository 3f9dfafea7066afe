"""A loopback S3 server for tests: moto's, in a process of its own. Nothing leaves the machine."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from wellread.errors import ServerUnavailableError

ACCESS_KEY_ID = "testing"
SECRET_ACCESS_KEY = "testing"  # noqa: S105 - the loopback server takes any key


@contextmanager
def s3_server(*, start_timeout_seconds: float = 60.0) -> Iterator[str]:
    """The endpoint of a fresh, empty S3 on a free loopback port; the server ends with the block.

    Needs ``moto[server]``. Raises ``ServerUnavailableError`` when it does not answer in time.
    """
    port = _free_port()
    endpoint_url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_up(endpoint_url, process, start_timeout_seconds)
        yield endpoint_url
    finally:
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


def _wait_until_up(endpoint_url: str, process: subprocess.Popen[bytes], timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{endpoint_url}/moto-api/", timeout=5):  # noqa: S310 - our own loopback address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise ServerUnavailableError(
        "a loopback S3 server for tests",
        found=f"it ended with code {process.poll()}" if process.poll() is not None else "it did not answer in time",
        remedy="Install moto[s3,server]",
    )
