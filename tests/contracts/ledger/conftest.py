"""The ledger on both databases: every test of this folder runs on SQLite and on a real Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wellread.ledger import revisions
from wellread.ledger.database import Ledger
from wellread.snapshots import ModelIdentity
from wellread.testing.postgres_server import empty_database

MODEL = ModelIdentity(provider="test", model="hash", revision="1", dimensions=4)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address of an empty ledger."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return empty_database(request.getfixturevalue("postgres_url"))


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An open ledger with the collection ``Docs``."""
    opened = Ledger.open(ledger_url)
    with opened.transaction() as tx:
        revisions.create_collection(tx, "Docs", MODEL, next_revision=1)
    yield opened
    opened.close()
