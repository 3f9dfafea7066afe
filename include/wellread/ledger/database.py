"""The ledger's database: engine, transactions, schema version."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import tenacity
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError, OperationalError

from wellread.errors import (
    SchemaMismatchError,
    StorageFullError,
    SystemicError,
    TransientError,
    WellreadError,
)
from wellread.ledger.columns import epoch_now

Transaction = sa.Connection
"""A connection inside a transaction. All functions of this room take one first."""

_JOURNAL_BYTES = 1_048_576
"""Less free space than this, and a transaction's journal may not fit."""

MIGRATIONS = Path(__file__).parent / "migrations"


class Ledger:
    """Opens transactions on one database whose schema is of this version."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._folder = _folder_of(engine)

    @classmethod
    def open(cls, url: str, *, busy_timeout_seconds: float = 60.0) -> Ledger:
        """Connect, create or migrate the schema.

        Raises ``SchemaMismatchError`` if the ledger was written by a newer Wellread, ``StorageFullError``,
        ``SystemicError`` if the database cannot be reached.
        """
        engine = _engine(url, busy_timeout_seconds)
        ledger = cls(engine)
        asked = f"open the ledger {engine.url.render_as_string(hide_password=True)}"
        with translated_errors(asked, folder=_folder_of(engine)):
            _migrate(engine)
        return ledger

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One write transaction: all or nothing. SQLite takes the write lock at once."""
        with translated_errors("write to the ledger", folder=self._folder), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A connection for reading only. Rolled back at the end; takes no write lock."""
        with translated_errors("read the ledger", folder=self._folder), self.engine.connect() as connection:
            yield connection.execution_options(wellread_read_only=True)

    def now(self) -> float:
        """The database's clock, seconds since 1970."""
        with self.reading() as reading:
            return float(reading.execute(sa.select(epoch_now())).scalar_one())

    def close(self) -> None:
        """Close the pool."""
        self.engine.dispose()


def _engine(url: str, busy_timeout_seconds: float) -> sa.Engine:
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=10)
    path = sa.make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": busy_timeout_seconds})
    sa.event.listen(engine, "connect", partial(_prepare_sqlite, busy_timeout_seconds))
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(busy_timeout_seconds: float, connection: Any, _record: Any) -> None:
    # The driver must not open transactions by itself: BEGIN IMMEDIATE below does, so that two writers wait
    # for each other instead of failing at their first write.
    connection.isolation_level = None
    cursor = connection.cursor()
    # Of two that switch a new file to WAL at one moment SQLite refuses one at once, whatever the time-out says.
    patient = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(sqlite3.OperationalError),
        stop=tenacity.stop_after_delay(busy_timeout_seconds),
        wait=tenacity.wait_fixed(0.05),
        reraise=True,
    )
    patient(cursor.execute, "PRAGMA journal_mode = WAL")
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "temp_store = MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    read_only = connection.get_execution_options().get("wellread_read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _alembic(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _migrate(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        connection.rollback()
        script = ScriptDirectory(str(MIGRATIONS))
        if current == script.get_current_head():
            return
        known = {revision.revision for revision in script.walk_revisions()}
        if current is not None and current not in known:
            raise SchemaMismatchError(
                f"open the ledger {engine.url.render_as_string(hide_password=True)}",
                found=f"its schema is at version {current}, this Wellread knows up to {script.get_current_head()}",
                remedy="Install the Wellread version that wrote it (or a newer one), or use another WELLREAD_HOME.",
            )
        _upgrade(connection)


def _upgrade(connection: sa.Connection) -> None:
    """Migrate inside one transaction; two processes at once take turns."""
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("select pg_advisory_xact_lock(7219035)"))
        command.upgrade(_alembic(connection), "head")


@contextmanager
def translated_errors(asked: str, *, folder: Path | None = None) -> Iterator[None]:
    """Database errors as ours, with whether a retry can help. ``folder`` is where SQLite's files are."""
    try:
        yield
    except WellreadError:
        raise
    except OperationalError as error:
        raise _translate(asked, error, folder) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise _translate(asked, error, folder) from error
        raise


def _folder_of(engine: sa.Engine) -> Path | None:
    path = engine.url.database
    is_file = engine.dialect.name == "sqlite" and path and path != ":memory:"
    return Path(str(path)).parent if is_file else None


def _is_full(folder: Path | None) -> bool:
    """SQLite calls a disk without room for its journal an I/O error, or a file that cannot be opened."""
    return folder is not None and folder.is_dir() and shutil.disk_usage(folder).free < _JOURNAL_BYTES


def _translate(asked: str, error: DBAPIError, folder: Path | None) -> WellreadError:
    message = str(error.orig).strip()
    low = message.lower()
    if "disk is full" in low or "no space left" in low or "disk full" in low or _is_full(folder):
        return StorageFullError(asked, found=message, remedy="Free some space, then run the same command again.")
    if "locked" in low or "deadlock" in low or error.connection_invalidated or "connection" in low:
        return TransientError(asked, found=message, remedy="Try again; check that the database is reachable.")
    return SystemicError(asked, found=message, remedy="Check the ledger's URL, its rights and its disk.")
