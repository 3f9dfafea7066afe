"""Insert-or-ignore and insert-or-replace, said once for both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from wellread.ledger.database import Transaction


def insert_missing(tx: Transaction, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; one whose primary key exists is left as it is."""
    _execute(tx, _insert(tx, table).on_conflict_do_nothing(), rows)


def replace(tx: Transaction, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or overwrite all given columns of the row with the same primary key."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    insert = _insert(tx, table)
    changed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    _execute(tx, insert.on_conflict_do_update(index_elements=keys, set_=changed), rows)


def _execute(tx: Transaction, insert: sqlite.Insert | postgresql.Insert, rows: Sequence[Mapping[str, Any]]) -> None:
    """One statement for one row, run for each: a statement of many rows is compiled anew for each number of them.

    All rows have the same columns. What is SQL and no value (the database's clock) is the same for all of them.
    """
    if not rows:
        return
    said = {name: value for name, value in rows[0].items() if isinstance(value, sa.ClauseElement)}
    plain = [{name: value for name, value in row.items() if name not in said} for row in rows]
    tx.execute(insert.values(said) if said else insert, plain)


def _insert(tx: Transaction, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    if tx.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
