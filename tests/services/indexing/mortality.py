"""A process that dies at the n-th journal point: before and after each commit of the ledger and each store call."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wellread.ledger import schema
from wellread.ledger.database import Ledger


class Mortal:
    """Counts the journal points of one process. At the chosen one it dies, and from then on nothing leaves it."""

    def __init__(self, dies_at: int) -> None:
        self.left = dies_at

    @property
    def is_dead(self) -> bool:
        return self.left <= 0

    def tick(self) -> None:
        self.left -= 1
        if self.is_dead:
            raise SystemExit("the process dies here")


class MortalStore:
    """A real store; each call is a journal point before and after it."""

    def __init__(self, store: Any, mortal: Mortal) -> None:
        self._store, self._mortal = store, mortal

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self._mortal.tick()
            result = method(*arguments, **options)
            self._mortal.tick()
            return result

        return call


class MortalLedger(Ledger):
    """A real ledger; each write is a journal point before and after its commit."""

    mortal: Mortal

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        self.mortal.tick()
        with super().transaction() as tx:
            yield tx
        self.mortal.tick()


def let_fall(workspace: Any, lease_name: str | None = None) -> None:
    """What a dead process holds runs out; only here the process lives on. All claims, and one lease or all."""
    held = schema.leases.update().values(expires_at=0.0)
    with workspace.ledger.transaction() as tx:
        tx.execute(held if lease_name is None else held.where(schema.leases.c.name == lease_name))
        tx.execute(schema.claims.update().values(expires_at=0.0))


def mortal_parts(workspace: Any, mortal: Mortal) -> Any:
    """The workspace's parts, whose every write is counted."""
    ledger = MortalLedger(workspace.ledger.engine)
    ledger.mortal = mortal
    return dataclasses.replace(workspace.parts, store=MortalStore(workspace.store, mortal), ledger=ledger)
