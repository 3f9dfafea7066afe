"""Claims on embedding keys: a text that several workers meet at the same moment is paid by one of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Ledger, Transaction
from wellread.ledger.leases import beating, is_dead, this_process
from wellread.ledger.schema import claims
from wellread.ledger.upserts import insert_missing
from wellread.ledger.vectors import Vector, find_vectors

_KEYS_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class Taken:
    """How the keys that a worker lacks are shared out."""

    known: dict[str, Vector]
    """Somebody has paid for these meanwhile."""
    mine: list[str]
    """The worker's to pay, in the order asked. All others are being paid by another worker that is alive."""


@dataclass(frozen=True, slots=True)
class Claimant:
    """One worker that embeds. Its claims fall when it dies: at once on its own machine, else when they expire.

    It must never wait for others while it holds claims, so that no two workers can wait for each other.
    """

    ledger: Ledger
    seconds: float
    holder: str = field(default_factory=lambda: f"embed-{uuid.uuid4().hex}")

    def take(self, keys: Sequence[str]) -> Taken:
        """Claim what nobody has paid and no living worker claims."""
        with self.ledger.transaction() as tx:
            self._drop_dead(tx, keys)
            process, expires_at = this_process(), self._expiry(tx)
            # In one order for all workers: inserts wait for each other on Postgres, and never in a circle.
            rows = [
                {"embedding_key": key, "holder": self.holder, "process": process, "expires_at": expires_at}
                for key in sorted(keys)
            ]
            insert_missing(tx, claims, rows)
            held = set(
                tx.execute(sa.select(claims.c.embedding_key).where(claims.c.holder == self.holder)).scalars()
            )
            # Read after claiming: who had a key before stored its vector and let go in one transaction.
            known = find_vectors(tx, keys)
            self.release(tx, [key for key in known if key in held])
        return Taken(known, [key for key in keys if key in held and key not in known])

    def release(self, tx: Transaction, keys: Sequence[str]) -> None:
        """Let go of some, best in the transaction that stores their vectors."""
        for part in _parts(keys):
            mine = sa.and_(claims.c.embedding_key.in_(part), claims.c.holder == self.holder)
            _lock(tx, mine)
            tx.execute(sa.delete(claims).where(mine))

    def release_all(self) -> None:
        """Let go of what is left: refused texts, or all after an error."""
        mine = claims.c.holder == self.holder
        with self.ledger.transaction() as tx:
            _lock(tx, mine)
            tx.execute(sa.delete(claims).where(mine))

    def kept_alive(self) -> AbstractContextManager[None]:
        """Prolong in the background while the body pays."""
        return beating(self._prolong, seconds=self.seconds)

    @contextmanager
    def paying(self) -> Iterator[None]:
        """Around the requests for what was taken: alive meanwhile, and nothing is held afterwards."""
        try:
            with self.kept_alive():
                yield
        finally:
            self.release_all()

    def _prolong(self) -> None:
        mine = claims.c.holder == self.holder
        with self.ledger.transaction() as tx:
            _lock(tx, mine)
            tx.execute(sa.update(claims).where(mine).values(expires_at=epoch_now() + self.seconds))

    def _expiry(self, tx: Transaction) -> float:
        return float(tx.execute(sa.select(epoch_now())).scalar_one()) + self.seconds

    def _drop_dead(self, tx: Transaction, keys: Sequence[str]) -> None:
        now = tx.execute(sa.select(epoch_now())).scalar_one()
        for part in _parts(sorted(keys)):
            found = _lock(tx, claims.c.embedding_key.in_(part))
            dead = [row.embedding_key for row in found if row.expires_at <= now or is_dead(row.process)]
            if dead:
                tx.execute(sa.delete(claims).where(claims.c.embedding_key.in_(dead)))


def drop_expired(ledger: Ledger) -> int:
    """Remove the claims of workers that stopped prolonging them; returns how many. A living one claims again."""
    with ledger.transaction() as tx:
        gone = claims.c.expires_at <= epoch_now()
        keys = [row.embedding_key for row in _lock(tx, gone)]
        for part in _parts(keys):
            tx.execute(sa.delete(claims).where(claims.c.embedding_key.in_(part)))
    return len(keys)


def _lock(tx: Transaction, where: sa.ColumnElement[bool]) -> Sequence[sa.Row[tuple[object, ...]]]:
    """The rows, locked in the order of their keys, as all workers lock them."""
    return tx.execute(sa.select(claims).where(where).order_by(claims.c.embedding_key).with_for_update()).all()


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        yield keys[start : start + _KEYS_PER_QUERY]
