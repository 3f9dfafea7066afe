"""The official release: fetched with short time limits, unpacked with suspicion."""

from __future__ import annotations

import platform
import tarfile
import time
import urllib.request
import zipfile
from pathlib import Path
from typing import IO

from wellread.server.settings import ServerSettings

_LARGEST_ARCHIVE_BYTES = 500_000_000
_LARGEST_BINARY_BYTES = 1_000_000_000
_BLOCK_BYTES = 1 << 20
_MEMBER = "weaviate"
# ELF, Mach-O 64 bit, Mach-O universal.
_EXECUTABLE_STARTS = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


def release_url(settings: ServerSettings) -> str:
    """The archive for this machine."""
    if platform.system() == "Darwin":
        system, machine, suffix = "Darwin", "all", "zip"
    else:
        machines = {"x86_64": "amd64", "aarch64": "arm64"}
        system, suffix = platform.system(), "tar.gz"
        machine = machines.get(platform.machine(), platform.machine())
    return settings.download_url.format(version=settings.version, system=system, machine=machine, suffix=suffix)


def download_binary(settings: ServerSettings, folder: Path) -> Path:
    """The path of the unpacked server below ``folder``.

    Raises:
        OSError: No network, a refusal, or a time limit.
        ValueError: The archive is not what a release holds.
    """
    url = release_url(settings)
    archive = folder / ("release.zip" if url.endswith(".zip") else "release.tar.gz")
    _fetch(url, archive, settings)
    binary = folder / "weaviate-server"
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as opened, opened.open(_MEMBER) as member:
            _copy(member, binary, _LARGEST_BINARY_BYTES)
    else:
        _unpack_tar(archive, binary)
    with binary.open("rb") as file:
        if not file.read(4).startswith(_EXECUTABLE_STARTS):
            raise ValueError(f"{url} holds no executable")
    return binary


def _unpack_tar(archive: Path, binary: Path) -> None:
    try:
        with tarfile.open(archive, "r:gz") as opened:
            found = next((item for item in opened if Path(item.name).name == _MEMBER and item.isfile()), None)
            member = opened.extractfile(found) if found else None
            if member is None:
                raise ValueError(f"the archive holds no file {_MEMBER}")
            _copy(member, binary, _LARGEST_BINARY_BYTES)
    except (tarfile.TarError, EOFError) as error:
        raise ValueError(f"the archive is damaged: {error}") from error


def _fetch(url: str, target: Path, settings: ServerSettings) -> None:
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise ValueError(f"{url} is neither https nor loopback")
    deadline = time.monotonic() + settings.download_seconds
    with urllib.request.urlopen(url, timeout=settings.reach_seconds) as reply:  # noqa: S310  # checked above
        announced = int(reply.headers.get("Content-Length") or 0)
        received = _copy(reply, target, _LARGEST_ARCHIVE_BYTES, deadline=deadline)
    if announced and received != announced:
        raise ValueError(f"{url} broke off after {received} of {announced} bytes")


def _copy(source: IO[bytes], target: Path, largest_bytes: int, *, deadline: float | None = None) -> int:
    written = 0
    with target.open("wb") as file:
        while block := source.read(_BLOCK_BYTES):
            written += len(block)
            if written > largest_bytes:
                raise ValueError(f"more than {largest_bytes} bytes")
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError("the download took too long")
            file.write(block)
    return written
