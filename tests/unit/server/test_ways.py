"""The ways to a server binary that this machine may not have: download, Go, Docker, and none at all."""

from __future__ import annotations

import io
import stat
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from wellread.errors import ServerUnavailableError
from wellread.server import ServerSettings, ensure_server, install_server
from wellread.server.binaries import cached_binary_path
from wellread.server.docker_engine import run_arguments
from wellread.server.downloads import release_url
from wellread.server.process import common_environment
from wellread.server.state import Credentials, ServerFiles

VERSION = "9.9.9"
PROGRAM = b"\x7fELF and the rest"


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No cache, no Go, no Docker: only what a test puts into ``bin``."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(programs))
    return programs


def add_program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
    path.chmod(0o755)


@contextmanager
def release_server(folder: Path) -> Iterator[str]:
    """Serves a folder; the address is a template as the settings take it."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/weaviate-{{version}}.tar.gz"
        server.shutdown()


def archive(folder: Path, name: str, content: bytes) -> Path:
    path = folder / f"weaviate-{VERSION}.tar.gz"
    with tarfile.open(path, "w:gz") as opened:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        opened.addfile(member, io.BytesIO(content))
    return path


def settings_with(url: str = "http://127.0.0.1:9/none") -> ServerSettings:
    return ServerSettings(version=VERSION, download_url=url, reach_seconds=2.0)


def test_a_release_is_downloaded_once_and_then_cached(tmp_path: Path) -> None:
    archive(tmp_path, "weaviate", PROGRAM)
    with release_server(tmp_path) as url:
        assert install_server(settings_with(url)) == str(cached_binary_path(VERSION))
    cached = cached_binary_path(VERSION)
    assert cached.read_bytes() == PROGRAM
    assert cached.stat().st_mode & stat.S_IXUSR
    assert install_server(settings_with()) == str(cached)
    assert [path.name for path in cached.parent.iterdir()] == ["weaviate-server"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [("weaviate", b"<html>sign in</html>", "no executable"), ("other", PROGRAM, "no file weaviate")],
)
def test_a_download_that_is_no_server_never_reaches_the_cache(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    archive(tmp_path, name, content)
    with release_server(tmp_path) as url, pytest.raises(ServerUnavailableError, match=reason):
        install_server(settings_with(url))
    assert not cached_binary_path(VERSION).exists()


def test_a_broken_off_archive_never_reaches_the_cache(tmp_path: Path) -> None:
    path = archive(tmp_path, "weaviate", PROGRAM * 10_000)
    path.write_bytes(path.read_bytes()[:200])
    with release_server(tmp_path) as url, pytest.raises(ServerUnavailableError, match="damaged"):
        install_server(settings_with(url))
    assert not cached_binary_path(VERSION).exists()


def test_go_builds_into_the_cache_and_leaves_no_cache_of_its_own(tmp_path: Path, empty_machine: Path) -> None:
    add_program(
        empty_machine,
        "go",
        f'env > {tmp_path}/seen; echo "$@" >> {tmp_path}/seen; mkdir -p "$GOBIN" "$GOCACHE/x" "$GOMODCACHE/y"\n'
        'printf "\\177ELF built" > "$GOBIN/weaviate-server"',
    )
    lines: list[str] = []
    assert install_server(settings_with(), report=lines.append) == str(cached_binary_path(VERSION))
    assert cached_binary_path(VERSION).read_bytes() == b"\x7fELF built"
    assert [path.name for path in cached_binary_path(VERSION).parent.iterdir()] == ["weaviate-server"]
    seen = (tmp_path / "seen").read_text()
    for expected in ("CGO_ENABLED=0", "GOTOOLCHAIN=local", f"weaviate-server@v{VERSION}"):
        assert expected in seen
    assert any("Go" in line for line in lines)


def test_with_no_way_left_the_error_says_what_each_one_answered(tmp_path: Path, empty_machine: Path) -> None:
    add_program(empty_machine, "go", "echo the module is not to be had >&2; exit 1")
    add_program(empty_machine, "docker", "echo Cannot connect to the Docker daemon >&2; exit 1")
    with pytest.raises(ServerUnavailableError) as caught:
        ensure_server(settings_with(), tmp_path / "home")
    text = str(caught.value)
    for expected in ("cached binary: nothing at", "download: ", "not to be had", "Docker: Cannot connect"):
        assert expected in text


def test_without_any_program_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(ServerUnavailableError, match=r"no `go` on the PATH.*no `docker` on the PATH"):
        ensure_server(settings_with(), tmp_path / "home")


def test_docker_is_asked_for_the_pinned_image_on_loopback_and_sees_no_key_on_its_command_line(
    tmp_path: Path,
) -> None:
    credentials = Credentials("the-key", "the-password")
    settings = settings_with()
    variables = common_environment(settings, credentials)
    arguments = run_arguments(settings, ServerFiles(tmp_path), http=1234, grpc=5678, variables=list(variables))
    line = " ".join(arguments)
    assert "127.0.0.1:1234:8080" in line
    assert "127.0.0.1:5678:50051" in line
    assert f"semitechnologies/weaviate:{VERSION}" in line
    assert "the-key" not in line
    assert "the-password" not in line
    assert "the-key" not in repr(credentials)


def test_a_running_engine_is_used_where_no_binary_can_be_had(tmp_path: Path, empty_machine: Path) -> None:
    add_program(empty_machine, "docker", "echo 28.0")
    assert install_server(settings_with()) == f"the image semitechnologies/weaviate:{VERSION} on Docker"


def test_the_release_address_names_version_and_machine() -> None:
    url = release_url(ServerSettings())
    assert url.startswith("https://github.com/weaviate/weaviate/releases/download/v1.39.0/weaviate-v1.39.0-")
    assert url.endswith((".tar.gz", ".zip"))
