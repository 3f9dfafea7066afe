"""The Postgres for tests is real, private, and gone afterwards."""

from __future__ import annotations

import re
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from wellread.errors import ServerUnavailableError
from wellread.testing import postgres_server as module
from wellread.testing.postgres_server import postgres_server

pytestmark = pytest.mark.postgres


def test_it_answers_sql_with_binary_collation(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.connect() as connection:
        rows = connection.execute(sa.text("select x from (values ('a'), ('B'), ('ä')) v(x) order by x"))
        assert [row[0] for row in rows] == ["B", "a", "ä"]
    engine.dispose()


def test_it_refuses_a_wrong_password(postgres_url: str) -> None:
    engine = sa.create_engine(re.sub(r":[^:@]+@", ":wrong@", postgres_url))
    with pytest.raises(sa.exc.OperationalError, match="password authentication failed"):
        engine.connect()


def test_it_leaves_no_process_and_no_folder_behind(postgres_url: str) -> None:
    with postgres_server() as url:
        port = sa.make_url(url).port
        ours = [p for p in psutil.Process().children() if str(port) in p.cmdline()]
        folder = Path(ours[0].cmdline()[2]).parent
        assert folder.is_dir()
        family = [*ours, *ours[0].children(recursive=True)]
        assert len(family) > 1
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)
    assert not folder.exists()


def test_without_binaries_the_error_names_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "_DEBIAN_FOLDERS", str(tmp_path))
    with pytest.raises(ServerUnavailableError, match="make services"), postgres_server():
        pass
