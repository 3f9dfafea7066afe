"""The real server: found again, started once, recovered after a crash, stopped without a trace."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from wellread.errors import AuthenticationError, ServerUnavailableError, SettingsError, StorageFullError
from wellread.server import (
    ServerAddress,
    ServerSettings,
    ensure_server,
    install_server,
    server_status,
    stop_server,
)
from wellread.server.binaries import cached_binary_path
from wellread.server.state import ServerFiles

pytestmark = pytest.mark.weaviate

SETTINGS = ServerSettings()
ASK = """
import sys, json, dataclasses
from pathlib import Path
from wellread.server import ServerSettings, ensure_server, server_status
home = Path(sys.argv[1])
address = ensure_server(ServerSettings(), home)
print(json.dumps([address.http_port, address.grpc_port, server_status(home).pid]))
"""


@pytest.fixture
def home(tmp_path: Path, weaviate_address: ServerAddress) -> Iterator[Path]:
    """A home whose server is stopped at the end. Skipped where no server can be had."""
    folder = tmp_path / "home"
    yield folder
    stop_server(folder)


def running_pid(home: Path) -> int:
    pid = server_status(home).pid
    assert pid is not None
    return pid


def ask_from_another_process(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", ASK, str(home)], stdout=subprocess.PIPE, text=True)


def answer_of(process: subprocess.Popen[str]) -> list[int]:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    answer: list[int] = json.loads(output)
    return answer


def http_status(url: str, key: str | None = None, body: bytes | None = None) -> int:
    request = urllib.request.Request(url, data=body)
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    if body:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


def put_collection(address: ServerAddress, name: str) -> int:
    body = json.dumps({"class": name, "vectorizer": "none"}).encode()
    return http_status(f"{address.url}/v1/schema", address.api_key, body)


def test_a_server_outlives_its_starter_and_is_found_by_the_next_process(home: Path) -> None:
    first = answer_of(ask_from_another_process(home))
    assert psutil.pid_exists(first[2])
    address = ensure_server(SETTINGS, home)
    assert [address.http_port, address.grpc_port, running_pid(home)] == first
    assert address.source == "local"
    assert server_status(home).state == "running"


def test_two_processes_starting_at_once_get_one_server(home: Path) -> None:
    processes = [ask_from_another_process(home) for _ in range(3)]
    answers = [answer_of(process) for process in processes]
    assert len({tuple(answer) for answer in answers}) == 1
    servers = [
        process
        for process in psutil.process_iter(["cmdline", "cwd"])
        if process.info["cwd"] == str(home / "server")
    ]
    assert [process.pid for process in servers] == [answers[0][2]]


def test_after_a_crash_the_next_start_has_the_same_data_and_key(home: Path) -> None:
    address = ensure_server(SETTINGS, home)
    assert put_collection(address, "Kept") == 200
    process = psutil.Process(running_pid(home))
    process.kill()
    process.wait(10)
    assert server_status(home).state == "crashed"
    again = ensure_server(SETTINGS, home)
    assert again.api_key == address.api_key
    assert http_status(f"{again.url}/v1/schema/Kept", again.api_key) == 200


def test_a_server_that_dies_while_it_is_waited_for_is_started_again(home: Path) -> None:
    address = ensure_server(SETTINGS, home)
    assert put_collection(address, "Kept") == 200
    process = psutil.Process(running_pid(home))
    process.suspend()  # alive, and it answers nobody
    death = threading.Timer(0.5, process.kill)
    death.start()
    again = ensure_server(SETTINGS, home)
    death.join()
    assert running_pid(home) != process.pid
    assert http_status(f"{again.url}/v1/schema/Kept", again.api_key) == 200


def test_stopping_is_clean_leaves_no_process_and_other_ports_find_the_data(home: Path) -> None:
    address = ensure_server(SETTINGS, home)
    assert put_collection(address, "Kept") == 200
    process = psutil.Process(running_pid(home))
    family = [process, *process.children(recursive=True)]
    assert stop_server(home) is True
    assert not [member for member in family if member.is_running()]
    assert stop_server(home) is False
    assert server_status(home).state == "stopped"
    with socket.socket() as occupied:
        occupied.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        occupied.bind(("127.0.0.1", address.http_port))
        occupied.listen()
        again = ensure_server(SETTINGS, home)
    assert again.http_port != address.http_port
    assert http_status(f"{again.url}/v1/schema/Kept", again.api_key) == 200


def test_nobody_gets_in_without_the_key(home: Path) -> None:
    import grpc
    from weaviate.proto.v1 import search_get_pb2, weaviate_pb2_grpc

    address = ensure_server(SETTINGS, home)
    assert address.api_key is not None
    assert address.api_key not in repr(address)
    assert http_status(f"{address.url}/v1/schema") == 401
    assert http_status(f"{address.url}/v1/schema", "guess") == 401
    assert http_status(f"{address.url}/v1/schema", address.api_key) == 200
    request = search_get_pb2.SearchRequest(collection="Any", limit=1)
    with grpc.insecure_channel(f"127.0.0.1:{address.grpc_port}") as channel:
        stub = weaviate_pb2_grpc.WeaviateStub(channel)
        for metadata in ((), (("authorization", "Bearer guess"),)):
            with pytest.raises(grpc.RpcError) as refused:
                stub.Search(request, metadata=metadata, timeout=10)
            assert "unauthorized" in refused.value.details()


def test_rest_raft_and_gossip_listen_on_loopback_only(home: Path) -> None:
    ensure_server(SETTINGS, home)
    process = psutil.Process(running_pid(home))
    listening = {item.laddr for item in process.net_connections("tcp") if item.status == psutil.CONN_LISTEN}
    ports = json.loads(ServerFiles(home).state.read_text())["ports"]
    everywhere = {address.port for address in listening if address.ip not in {"127.0.0.1", "::1"}}
    assert everywhere <= {ports["grpc"], ports["gossip"] + 1}, "only these two cannot be bound; both ask for a key"


def test_what_the_launcher_writes_is_for_its_owner_only(home: Path) -> None:
    ensure_server(SETTINGS, home)
    files = ServerFiles(home)
    for path in (files.state, files.credentials, files.log):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700


def test_a_process_that_inherited_the_number_is_not_the_server(home: Path) -> None:
    ensure_server(SETTINGS, home)
    files = ServerFiles(home)
    state = json.loads(files.state.read_text())
    stop_server(home)
    files.state.write_text(json.dumps({**state, "pid": os.getpid()}))
    assert server_status(home).state == "crashed"
    assert stop_server(home) is False  # and this test still runs
    files.state.write_text("{ not json")
    assert server_status(home).state == "stopped"
    ensure_server(SETTINGS, home)


def test_a_large_log_is_set_aside_at_the_next_start(home: Path) -> None:
    ensure_server(SETTINGS, home)
    stop_server(home)
    files = ServerFiles(home)
    files.log.write_text("x" * 2_000)
    ensure_server(ServerSettings(log_rotate_bytes=1_000), home)
    assert files.older_log.read_text() == "x" * 2_000
    assert "x" * 100 not in files.log.read_text()


@pytest.mark.parametrize("name", ["http_port", "grpc_port"])
def test_a_port_in_use_is_named(home: Path, name: str) -> None:
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", 0))
        occupied.listen()
        port = occupied.getsockname()[1]
        with pytest.raises(ServerUnavailableError, match=f"port {port}: the port is in use"):
            ensure_server(ServerSettings(**{name: port}), home)
    assert server_status(home).state == "stopped"


def test_a_missing_or_unfit_binary_is_named(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ServerUnavailableError, match="WELLREAD_WEAVIATE_BINARY"):
        ensure_server(ServerSettings(binary=str(tmp_path / "none")), home)
    unfit = tmp_path / "unfit"
    unfit.write_bytes(b"\x7fELF nonsense")
    unfit.chmod(0o755)
    with pytest.raises(ServerUnavailableError, match="unfit"):
        ensure_server(ServerSettings(binary=str(unfit)), home)


def test_a_server_that_ends_or_hangs_is_reported_with_its_log(home: Path, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho the reason is printed here\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(ServerUnavailableError, match=r"ended while starting.*the reason is printed here"):
        ensure_server(ServerSettings(binary=str(program)), home)
    program.write_text("#!/bin/sh\necho waiting for nothing\nexec sleep 600\n")
    with pytest.raises(ServerUnavailableError, match=r"not ready after 1 s.*waiting for nothing"):
        ensure_server(ServerSettings(binary=str(program), start_seconds=1.0, reach_seconds=1.0), home)
    left = [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(home / "server")]
    assert left == []


def test_a_full_disk_is_told_before_anything_starts(home: Path) -> None:
    with pytest.raises(StorageFullError, match="MiB are free"):
        ensure_server(ServerSettings(smallest_free_mebibytes=10**9), home)
    assert server_status(home).state == "stopped"


def test_another_version_is_not_started_beside_the_running_one(home: Path) -> None:
    ensure_server(SETTINGS, home)
    with pytest.raises(SettingsError, match=r"1\.39\.0 is running"):
        ensure_server(ServerSettings(version="1.39.1"), home)


def test_a_configured_server_is_used_and_nothing_is_started(home: Path, weaviate_address: ServerAddress) -> None:
    settings = ServerSettings(
        http_host="127.0.0.1",
        http_port=weaviate_address.http_port,
        grpc_port=weaviate_address.grpc_port,
        api_key=weaviate_address.api_key,
    )
    address = ensure_server(settings, home)
    assert (address.source, address.http_port) == ("configured", weaviate_address.http_port)
    assert not home.exists()
    with pytest.raises(AuthenticationError):
        ensure_server(settings.model_copy(update={"api_key": None}), home)
    with pytest.raises(ServerUnavailableError, match="configured"):
        ensure_server(ServerSettings(http_host="127.0.0.1", http_port=9), home)


def test_a_cached_binary_needs_no_other_way(home: Path) -> None:
    assert install_server(SETTINGS) == str(cached_binary_path(SETTINGS.version))
