"""The Redis for tests is real, private, and gone afterwards."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from wellread.errors import ServerUnavailableError
from wellread.testing.redis_server import redis_server

pytestmark = pytest.mark.redis


def test_it_runs_scripts_and_keeps_nothing(redis_url: str) -> None:
    client = Redis.from_url(redis_url)
    assert client.eval("return redis.call('PING').ok or redis.call('PING')", 0) == b"PONG"
    assert client.config_get("save") == {"save": ""}
    assert client.config_get("appendonly") == {"appendonly": "no"}
    assert client.config_get("bind") == {"bind": "127.0.0.1"}
    client.close()


def test_it_refuses_who_has_no_password(redis_url: str) -> None:
    open_to_all = Redis.from_url(f"redis://{redis_url.partition('@')[2]}")
    with pytest.raises(AuthenticationError):
        open_to_all.ping()


def test_it_leaves_no_process_and_no_folder_behind(redis_url: str) -> None:
    del redis_url  # skips where there is no Redis
    before = {process.pid for process in psutil.Process().children()}
    with redis_server() as url:
        (ours,) = [process for process in psutil.Process().children() if process.pid not in before]
        folder = Path(ours.cwd())
        assert (folder / "redis.conf").is_file()
        password = url.split("@")[0].split(":")[-1]
        assert password not in " ".join(ours.cmdline())
    assert not ours.is_running() or ours.status() == psutil.STATUS_ZOMBIE
    assert not folder.exists()


def test_without_a_binary_the_error_names_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerUnavailableError, match="make services"), redis_server():
        pass
