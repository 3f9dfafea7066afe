"""Column types that mean the same on SQLite and on Postgres, and the database's own clock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Float, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

Key = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is compared and sorted by its UTF-8 bytes, as listings are."""

Moment = Float(53)
"""Seconds since 1970 in UTC."""


class epoch_now(FunctionElement[float]):  # noqa: N801  a SQL function is written in lower case
    """The database's clock as seconds since 1970. Leases are judged by it, never by a worker's clock."""

    type = Moment
    inherit_cache = True


@compiles(epoch_now, "sqlite")
def _sqlite_now(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(epoch_now, "postgresql")
def _postgres_now(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "extract(epoch from clock_timestamp())::double precision"
