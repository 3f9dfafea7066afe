"""One writer per source: leases with fencing tokens, judged by the database's clock."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

import psutil
import sqlalchemy as sa

from wellread.errors import LeaseHeldError, TransientError
from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Ledger, Transaction
from wellread.ledger.schema import leases


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one source, until it expires or changes hands."""

    name: str
    holder: str
    token: int
    """Grows with every change of hands; recorded with each revision."""


def acquire(ledger: Ledger, name: str, holder: str, *, seconds: float, one_process: bool) -> Lease:
    """Take the lease, or take it again for the same holder.

    A lease whose holder lives in one process of this machine and is dead falls at once; any other one only
    when it expires. Raises ``LeaseHeldError`` with the seconds that are left.
    """
    process = this_process() if one_process else None
    with ledger.transaction() as tx:
        row = tx.execute(sa.select(leases).where(leases.c.name == name).with_for_update()).one_or_none()
        now = tx.execute(sa.select(epoch_now())).scalar_one()
        if row is None:
            return _insert(tx, name, holder, process, now + seconds)
        free = row.expires_at <= now or row.holder == holder or is_dead(row.process)
        if not free:
            raise LeaseHeldError(
                f"work on {name}",
                found=f"{row.holder} is working on it",
                remedy="Wait until that run ends; if it is dead, its lease runs out by itself.",
                retry_after_seconds=row.expires_at - now,
            )
        token = row.token if row.holder == holder else row.token + 1
        tx.execute(
            sa.update(leases)
            .where(leases.c.name == name)
            .values(holder=holder, process=process, token=token, expires_at=now + seconds)
        )
        return Lease(name, holder, token)


def _insert(
    tx: Transaction, name: str, holder: str, process: Mapping[str, object] | None, expires_at: float
) -> Lease:
    try:
        tx.execute(
            sa.insert(leases).values(name=name, holder=holder, process=process, token=1, expires_at=expires_at)
        )
    except sa.exc.IntegrityError as error:
        raise LeaseHeldError(
            f"work on {name}", found="another run took the lease in the same moment", remedy="Try again."
        ) from error
    return Lease(name, holder, 1)


def renew(ledger: Ledger, lease: Lease, *, seconds: float) -> None:
    """A sign of life. Raises ``LeaseHeldError`` if the lease has changed hands."""
    with ledger.transaction() as tx:
        changed = tx.execute(
            sa.update(leases)
            .where(leases.c.name == lease.name, leases.c.token == lease.token, leases.c.holder == lease.holder)
            .values(expires_at=epoch_now() + seconds)
        ).rowcount
    if changed != 1:
        raise LeaseHeldError(
            f"go on with {lease.name}",
            found="the lease ran out and another run took it",
            remedy="Stop this run; the other one ends the work.",
        )


def is_held(tx: Transaction, lease: Lease) -> bool:
    """Whether the lease has not changed hands, seen from inside a transaction that depends on it."""
    row = tx.execute(sa.select(leases).where(leases.c.name == lease.name)).one_or_none()
    return row is not None and row.token == lease.token and row.holder == lease.holder


def find_holder(tx: Transaction, name: str) -> str | None:
    """Who holds the lease now; ``None`` where it can be taken."""
    row = tx.execute(sa.select(leases).where(leases.c.name == name)).one_or_none()
    now = tx.execute(sa.select(epoch_now())).scalar_one()
    if row is None or row.expires_at <= now or is_dead(row.process):
        return None
    return str(row.holder)


def release(ledger: Ledger, lease: Lease) -> None:
    """Give the lease back; one that changed hands is left alone."""
    with ledger.transaction() as tx:
        tx.execute(
            sa.update(leases)
            .where(leases.c.name == lease.name, leases.c.token == lease.token, leases.c.holder == lease.holder)
            .values(expires_at=0.0)
        )


@contextmanager
def kept_alive(ledger: Ledger, lease: Lease, *, seconds: float) -> Iterator[None]:
    """Renew in the background while the body runs."""
    renew(ledger, lease, seconds=seconds)
    with beating(lambda: renew(ledger, lease, seconds=seconds), seconds=seconds):
        yield


@contextmanager
def beating(prolong: Callable[[], None], *, seconds: float) -> Iterator[None]:
    """Call ``prolong`` three times in ``seconds`` from a thread of its own while the body runs."""
    stop = Event()

    def beat() -> None:
        while not stop.wait(seconds / 3):
            try:
                prolong()
            except LeaseHeldError:
                return  # the fence in the ledger stops the work itself
            except TransientError:
                continue

    thread = Thread(target=beat, name="lease-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def this_process() -> dict[str, object]:
    """What others on this machine need to know to see whether this process lives."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
        "boot": psutil.boot_time(),
    }


def is_dead(process: Mapping[str, object] | None) -> bool:
    """Whether a process of this machine has ended; of another machine nobody here can say."""
    if process is None or process.get("host") != socket.gethostname():
        return False
    pid = process.get("pid")
    if not isinstance(pid, int):
        return False
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return True
    recorded = process.get("started")
    return isinstance(recorded, float) and abs(started - recorded) > 1.0
