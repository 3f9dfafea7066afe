"""Answers as rows of a SQL table, keyed by job name and question id; Postgres and SQLite.

The rows of a job are replaced as a whole, in one transaction: publishing again changes nothing, and a question that
was taken out of the job is taken out of the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from wellread.answering.destinations.protocol import Publication
from wellread.answering.files.answer_columns import (
    TYPED_COLUMNS,
    AnswerColumn,
    free_name,
    portable,
    question_columns,
)
from wellread.errors import AuthenticationError, SettingsError, StorageFullError, TransientError, WellreadError
from wellread.models.credentials import redacted
from wellread.retries import RetrySettings, call_with_retries

SCHEMES = ("postgresql+psycopg", "postgresql", "postgres", "sqlite")
_OWN_NAMES = ("job_name", "job_id", "position", "published_at")
_LONGEST_NAME_BYTES = 63
"""Postgres cuts longer names without a word."""
_CONNECT_SECONDS = 15
_TRANSIENT_WORDS = (
    *("locked", "deadlock", "refused", "timed out", "timeout", "closed the connection", "starting up"),
    *("shutting down", "terminating", "too many", "already exists"),
)
_REFUSED_WORDS = ("authentication", "no password supplied", "permission denied", "not permitted")
_FULL_WORDS = ("disk is full", "no space left", "disk full")


@dataclass(frozen=True, slots=True)
class SqlTable:
    """One table of one database."""

    url: sa.URL
    name: str
    schema: str | None
    retry: RetrySettings

    @classmethod
    def of(cls, address: str, *, retry: RetrySettings) -> SqlTable:
        """From ``postgresql+psycopg://.../database?table=name`` or ``sqlite:///file#name``.

        Raises ``SettingsError`` where it names no database or no table.
        """
        text, _, fragment = address.partition("#")
        try:
            url = sa.make_url(text)
        except (ArgumentError, ValueError) as error:
            raise _no_table("it is no address of a database") from error
        asked = url.query.get("table", "")
        name = fragment or (asked if isinstance(asked, str) else "")
        if not name or not url.database or url.database == ":memory:":
            raise _no_table("it names no table" if url.database else "it names no database")
        url = url.difference_update_query(["table"])
        if url.drivername in {"postgres", "postgresql"}:
            url = url.set(drivername="postgresql+psycopg")
        schema, _, table = name.rpartition(".")
        return cls(url, table, schema or None, retry)

    @property
    def label(self) -> str:
        """The address without its password."""
        name = f"{self.schema}.{self.name}" if self.schema else self.name
        return f"{self.url.render_as_string(hide_password=True)}#{name}"

    def check(self, columns: Sequence[str]) -> None:
        """Connect, and compare the columns of the table if it is there."""
        table = self._table(columns)
        with self._typed_errors(), self._engine() as engine, engine.connect() as connection:
            self._require_same(connection, table)

    def publish(self, publication: Publication) -> None:
        """Replace the rows of the job."""
        columns = question_columns(publication.rows)
        table = self._table(columns)
        rows = [
            dict(zip(table.columns.keys(), values, strict=True)) for values in _table_rows(publication, columns)
        ]
        replace = partial(self._replace, table, publication.job_name, rows)
        call_with_retries(replace, settings=self.retry, what="write answers to a table")

    def _replace(self, table: sa.Table, job_name: str, rows: Sequence[dict[str, Any]]) -> None:
        with self._typed_errors(), self._engine() as engine, engine.begin() as connection:
            if not self._require_same(connection, table):
                table.create(connection)
            connection.execute(table.delete().where(table.columns[0] == portable(job_name)))
            if rows:
                connection.execute(table.insert(), rows)

    def _table(self, columns: Sequence[str]) -> sa.Table:
        theirs = ["id", "question", *map(portable, columns)]
        folded = [name.casefold() for name in theirs]
        twice = [name for name, same in zip(theirs, folded, strict=True) if folded.count(same) > 1]
        too_long = [name for name in theirs if len(name.encode()) > _LONGEST_NAME_BYTES]
        if twice or too_long:
            names = ", ".join(map(repr, twice or too_long))
            why = "differ in case only" if twice else f"are longer than {_LONGEST_NAME_BYTES} bytes"
            raise SettingsError(
                f"write answers to {self.label}",
                found=f"columns of the questions {why}: {names}",
                remedy="Rename them in the file of questions, or publish to a file.",
            )
        named = partial(free_name, taken=set(folded))
        kinds: tuple[sa.types.TypeEngine[Any], ...] = (
            *(sa.Text(), sa.Text()),
            sa.Integer(),
            sa.DateTime(timezone=True),
        )
        own = [sa.Column(named(name), kind) for name, kind in zip(_OWN_NAMES, kinds, strict=True)]
        given = [sa.Column(name, sa.Text()) for name in theirs]
        facts = [sa.Column(named(column.name), _type(column)) for column in TYPED_COLUMNS]
        key = sa.PrimaryKeyConstraint(own[0].name, "id")
        return sa.Table(self.name, sa.MetaData(), *own, *given, *facts, key, schema=self.schema)

    def _require_same(self, connection: sa.Connection, table: sa.Table) -> bool:
        """Whether the table is there. Raises ``SettingsError`` where it is, with other columns."""
        inspector = sa.inspect(connection)
        if not inspector.has_table(self.name, schema=self.schema):
            return False
        present = {column["name"] for column in inspector.get_columns(self.name, schema=self.schema)}
        wanted = set(table.columns.keys())
        if present != wanted:
            missing, others = sorted(wanted - present), sorted(present - wanted)
            told = [f"without {', '.join(missing)}"] if missing else []
            told += [f"with {', '.join(others)}"] if others else []
            raise SettingsError(
                f"write answers to {self.label}",
                found=f"the table is there, {' and '.join(told)}",
                remedy="Name another table: one is made with the columns of these questions.",
            )
        return True

    @contextmanager
    def _engine(self) -> Iterator[sa.Engine]:
        is_sqlite = self.url.drivername == "sqlite"
        limit = {"timeout": _CONNECT_SECONDS} if is_sqlite else {"connect_timeout": _CONNECT_SECONDS}
        engine = sa.create_engine(self.url, connect_args=limit, poolclass=sa.NullPool)
        try:
            yield engine
        finally:
            engine.dispose()

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        asked = f"write answers to {self.label}"
        try:
            yield
        except (ImportError, NoSuchModuleError) as error:
            raise SettingsError(
                asked, found=f"the driver is not installed ({error})", remedy="Install the extra 'postgres'."
            ) from error
        except IntegrityError as error:
            found = "another publication of this job came in between"
            raise TransientError(asked, found=found, remedy="Publish again.") from error
        except DBAPIError as error:
            message = redacted(str(error.orig).strip().partition("\n")[0], [self.url.password or ""])
            raise _translated(asked, message, is_cut=error.connection_invalidated) from error


def _table_rows(publication: Publication, columns: Sequence[str]) -> Iterator[list[object]]:
    published_at = datetime.now(UTC)
    for position, row in enumerate(publication.rows):
        own = [publication.job_name, publication.job_id, position, published_at]
        given = [row.id, row.question, *(row.columns.get(name) for name in columns)]
        yield [portable(value) for value in (*own, *given, *(column.value(row) for column in TYPED_COLUMNS))]


def _type(column: AnswerColumn) -> sa.types.TypeEngine[Any]:
    if column.kind in {"claims", "names"}:
        return sa.JSON().with_variant(JSONB(), "postgresql")
    if column.kind in {"integer", "number"}:
        return sa.BigInteger() if column.kind == "integer" else sa.Double()
    return sa.Text()


def _translated(asked: str, message: str, *, is_cut: bool) -> WellreadError:
    low = message.lower()
    if any(word in low for word in _FULL_WORDS):
        return StorageFullError(asked, found=message, remedy="Free some space, then publish again.")
    if any(word in low for word in _REFUSED_WORDS):
        return AuthenticationError(asked, found=message, remedy="Check user, password and rights.")
    if is_cut or any(word in low for word in _TRANSIENT_WORDS):
        return TransientError(asked, found=message, remedy="Publish again; check that the database is reachable.")
    return SettingsError(asked, found=message, remedy="Check the address, the table and the database's state.")


def _no_table(found: str) -> SettingsError:
    return SettingsError(
        "write answers to a SQL table",
        found=found,
        remedy="Write postgresql+psycopg://user@host/database?table=answers, or sqlite:///file.db#answers.",
    )
