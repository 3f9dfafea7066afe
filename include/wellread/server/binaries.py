"""Where a ``weaviate-server`` binary comes from: given, cached, downloaded, or built with Go.

The cache is per user and version. A file in it is complete by construction (renamed into place) and is
never written again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import platformdirs

from wellread.errors import ServerUnavailableError
from wellread.server.downloads import download_binary
from wellread.server.settings import ServerSettings

BINARY_VARIABLE = "WELLREAD_WEAVIATE_BINARY"
_PROGRESS_SECONDS = 10.0

Report = Callable[[str], None]
"""Takes one line of progress for a person."""


class WayClosedError(Exception):
    """This way does not lead to a server here; the message says why."""


def cached_binary_path(version: str) -> Path:
    """Where the binary of this version lies for this user."""
    return Path(platformdirs.user_cache_dir("wellread")) / "weaviate" / version / "weaviate-server"


def given_binary(settings: ServerSettings) -> Path | None:
    """The binary that settings or environment name.

    Raises ``ServerUnavailableError`` if it is named but cannot be run: falling through to another one
    would hide the mistake.
    """
    named = settings.binary or os.environ.get(BINARY_VARIABLE)
    if not named:
        return None
    path = Path(named).expanduser()
    if path.is_file() and os.access(path, os.X_OK):
        return path
    raise ServerUnavailableError(
        f"Use the Weaviate binary {path}",
        found="it is no executable file",
        remedy=f"Correct {BINARY_VARIABLE}, or unset it to use the cached or downloaded server",
    )


def cached_binary(settings: ServerSettings) -> Path:
    """The cached binary. Raises ``WayClosedError`` if there is none."""
    path = cached_binary_path(settings.version)
    if path.is_file() and os.access(path, os.X_OK):
        return path
    raise WayClosedError(f"nothing at {path}")


def downloaded_binary(settings: ServerSettings, report: Report) -> Path:
    """The official release, put into the cache. Raises ``WayClosedError``."""

    def fetch(folder: Path) -> Path:
        try:
            return download_binary(settings, folder)
        except (OSError, ValueError) as error:
            raise WayClosedError(str(error)) from error

    report(f"Downloading weaviate-server {settings.version}")
    return _into_cache(settings.version, fetch)


def built_binary(settings: ServerSettings, report: Report) -> Path:
    """``go install`` of the published module, put into the cache. Raises ``WayClosedError``.

    Go's checksum database proves the sources. All of Go's caches are temporary: 3.6 GB that are needed once.
    """
    go = shutil.which("go")
    if go is None:
        raise WayClosedError("no `go` on the PATH")

    def build(folder: Path) -> Path:
        report(f"Building weaviate-server {settings.version} with Go; this takes some minutes, once")
        _go_install(go, settings, folder, report)
        return folder / "bin" / "weaviate-server"

    return _into_cache(settings.version, build)


def _into_cache(version: str, make: Callable[[Path], Path]) -> Path:
    """What ``make`` leaves in a temporary folder, renamed into the cache at once."""
    target = cached_binary_path(version)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside the cache: renaming is atomic only within one file system, and /tmp is often small.
    with tempfile.TemporaryDirectory(prefix=".making-", dir=target.parent, ignore_cleanup_errors=True) as name:
        made = make(Path(name))
        if not made.is_file():
            raise WayClosedError("no binary came out")
        made.chmod(0o755)
        made.replace(target)
    return target


def _go_install(go: str, settings: ServerSettings, folder: Path, report: Report) -> None:
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOBIN": str(folder / "bin"),
        "GOCACHE": str(folder / "build"),
        "GOMODCACHE": str(folder / "modules"),
        # Read-only module files could not be dropped.
        "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip(),
    }
    command = [go, "install", "-v", "-trimpath", "-ldflags=-s -w", f"{settings.build_module}@v{settings.version}"]
    output = folder / "go.log"
    with output.open("wb") as log:
        process = subprocess.Popen(  # fixed arguments, `go` from the PATH
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder
        )
        try:
            _watch(process, output, settings.build_seconds, report)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
    if process.returncode != 0:
        lines = output.read_text("utf-8", "replace").splitlines()
        raise WayClosedError(" / ".join(lines[-3:]) or f"`go install` ended with {process.returncode}")


def _watch(process: subprocess.Popen[bytes], output: Path, build_seconds: float, report: Report) -> None:
    started = time.monotonic()
    while True:
        try:
            process.wait(_PROGRESS_SECONDS)
        except subprocess.TimeoutExpired:
            spent_seconds = time.monotonic() - started
            if spent_seconds > build_seconds:
                raise WayClosedError(f"building was not done after {build_seconds:g} s") from None
            packages = output.read_bytes().count(b"\n")
            report(f"Building weaviate-server: {packages} lines from go, {spent_seconds:.0f} s")
        else:
            return
