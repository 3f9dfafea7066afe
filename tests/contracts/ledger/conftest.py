"""The ledger on both databases: every test of this folder runs on SQLite and on a real Postgres."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from wellread.ledger import revisions
from wellread.ledger.database import Ledger
from wellread.snapshots import ModelIdentity

MODEL = ModelIdentity(provider="test", model="hash", revision="1", dimensions=4)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address of an empty ledger."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    url = sa.make_url(request.getfixturevalue("postgres_url"))
    name = f"ledger_{uuid.uuid4().hex}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An open ledger with the collection ``Docs``."""
    opened = Ledger.open(ledger_url)
    with opened.transaction() as tx:
        revisions.create_collection(tx, "Docs", MODEL, next_revision=1)
    yield opened
    opened.close()
