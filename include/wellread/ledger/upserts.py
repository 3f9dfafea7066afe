"""Insert-or-ignore and insert-or-replace, said once for both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from wellread.ledger.database import Transaction

_ROWS_PER_STATEMENT = 200


def insert_missing(tx: Transaction, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; one whose primary key exists is left as it is."""
    for part in _parts(rows):
        tx.execute(_insert(tx, table).values(part).on_conflict_do_nothing())


def replace(tx: Transaction, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or overwrite all given columns of the row with the same primary key."""
    keys = [column.name for column in table.primary_key]
    for part in _parts(rows):
        insert = _insert(tx, table).values(part)
        changed = {name: insert.excluded[name] for name in part[0] if name not in keys}
        tx.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed))


def _parts(rows: Sequence[Mapping[str, Any]]) -> list[list[dict[str, Any]]]:
    plain = [dict(row) for row in rows]
    return [plain[start : start + _ROWS_PER_STATEMENT] for start in range(0, len(plain), _ROWS_PER_STATEMENT)]


def _insert(tx: Transaction, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    if tx.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
