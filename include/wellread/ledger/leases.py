"""One writer per source: leases with fencing tokens, judged by the database's clock."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
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
            return _insert(tx, name, holder, process, now=now, seconds=seconds)
        is_ours = row.holder == holder
        free = row.expires_at <= now or is_ours or is_dead(row.process)
        if not free:
            raise LeaseHeldError(
                f"work on {name}",
                found=f"{_described(row)} is working on it",
                remedy="Run the same command again when it has ended. If it is dead, its lease runs out by itself, "
                f"in {max(1, math.ceil(row.expires_at - now))} seconds at the latest.",
                retry_after_seconds=row.expires_at - now,
            )
        token = row.token if is_ours else row.token + 1
        tx.execute(
            sa.update(leases)
            .where(leases.c.name == name)
            .values(
                holder=holder,
                process=process,
                token=token,
                expires_at=now + seconds,
                taken_at=row.taken_at if is_ours else now,
                **_here(),
            )
        )
        return Lease(name, holder, token)


def _insert(
    tx: Transaction, name: str, holder: str, process: Mapping[str, object] | None, *, now: float, seconds: float
) -> Lease:
    try:
        tx.execute(
            sa.insert(leases).values(
                name=name,
                holder=holder,
                process=process,
                token=1,
                expires_at=now + seconds,
                taken_at=now,
                **_here(),
            )
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
            .values(expires_at=epoch_now() + seconds, **_here())
        ).rowcount
    if changed != 1:
        raise _overtaken(lease)


def require(tx: Transaction, lease: Lease) -> None:
    """Hold the lease until the end of ``tx``. Raises ``LeaseHeldError`` if it has changed hands."""
    query = sa.select(leases.c.holder, leases.c.token).where(leases.c.name == lease.name)
    row = tx.execute(query.with_for_update(read=True)).one_or_none()
    if row is None or (row.holder, row.token) != (lease.holder, lease.token):
        raise _overtaken(lease)


def outlast(ledger: Ledger, held: Sequence[Lease], *, call_seconds: float, seconds: float) -> None:
    """Make sure that leases last longer than a call that begins now, by the database's clock.

    One that ran out and was not taken is taken up again. Raises ``LeaseHeldError`` if one has changed hands.
    """
    query = sa.select(leases.c.name, leases.c.holder, leases.c.token, leases.c.expires_at - epoch_now())
    with ledger.reading() as reading:
        rows = reading.execute(query.where(leases.c.name.in_([lease.name for lease in held]))).all()
    left = {(name, holder, token): left_seconds for name, holder, token, left_seconds in rows}
    for lease in held:
        left_seconds = left.get((lease.name, lease.holder, lease.token))
        if left_seconds is None:
            raise _overtaken(lease)
        if left_seconds <= call_seconds:
            renew(ledger, lease, seconds=seconds)


def _overtaken(lease: Lease) -> LeaseHeldError:
    return LeaseHeldError(
        f"go on with {lease.name}",
        found="this process gave no sign of life for so long that its lease ran out and another run took it",
        remedy="Nothing is to be repaired: the other run ends the work. Run the same command again after it.",
    )


def find_holder(tx: Transaction, name: str) -> str | None:
    """Who holds the lease now, where and since when, in words; ``None`` where it can be taken."""
    row = tx.execute(sa.select(leases).where(leases.c.name == name)).one_or_none()
    now = tx.execute(sa.select(epoch_now())).scalar_one()
    if row is None or row.expires_at <= now or is_dead(row.process):
        return None
    return _described(row)


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


def _described(row: sa.Row[tuple[object, ...]]) -> str:
    """The holder, the process of its last sign of life, and since when; rows of older versions say less."""
    where = "" if row.pid is None else f" in process {row.pid} on {row.host}"
    if row.taken_at is None:
        return f"{row.holder}{where}"
    return f"{row.holder}{where}, since {datetime.fromtimestamp(row.taken_at, UTC):%Y-%m-%d %H:%M:%S} UTC,"


def _here() -> dict[str, object]:
    return {"host": socket.gethostname(), "pid": os.getpid()}


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
