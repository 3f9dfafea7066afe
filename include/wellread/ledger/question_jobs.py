"""Question jobs, row by row: what answering asks of a ledger (``wellread.answering.protocol.JobLedger``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from wellread.errors import LeaseHeldError, SystemicError
from wellread.ledger import paid_responses as stored_responses
from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Ledger, Transaction
from wellread.ledger.question_batches import QuestionBatches
from wellread.ledger.question_budgets import book_as_spent, free, reserve, settle
from wellread.ledger.question_schema import question_jobs, question_rows
from wellread.ledger.upserts import insert_missing
from wellread.questions import JobRow, Reservation, StoredResponse

_SENDABLE = ("planned", "received")
"""A received row is sent again where its response is repaired, or another model is asked."""


class QuestionJobs(QuestionBatches):
    """The rows of question jobs in SQL. Every method is one transaction."""

    def __init__(self, ledger: Ledger, *, lease_seconds: float = 300.0) -> None:
        super().__init__(ledger)
        self._lease_seconds = lease_seconds
        self._tenants: dict[str, str] = {}

    def open_job(self, job_id: str, *, tenant: str, plan_reference: str, rows: Sequence[tuple[str, str]]) -> None:
        """Record the job and its rows as planned; repeating it with the same plan changes nothing."""
        with self._ledger.transaction() as tx:
            job = {
                "job_id": job_id,
                "tenant": tenant,
                "plan_ref": plan_reference,
                "token": 0,
                "expires_at": 0.0,
                "created_at": epoch_now(),
            }
            insert_missing(tx, question_jobs, [job])
            planned = [
                {
                    "job_id": job_id,
                    "position": position,
                    "question_id": question_id,
                    "request_key": request_key,
                    "state": "planned",
                    "maybe_billed": False,
                }
                for position, (question_id, request_key) in enumerate(rows)
            ]
            insert_missing(tx, question_rows, planned)
            _require_same(tx, job_id, plan_reference, rows)

    def claim_job(self, job_id: str, *, owner: str, lease_seconds: float) -> int:
        """Take the job; rows that were in flight go back to planned, those sent marked as maybe billed."""
        with self._ledger.transaction() as tx:
            row = tx.execute(
                sa.select(question_jobs).where(question_jobs.c.job_id == job_id).with_for_update()
            ).one_or_none()
            if row is None:
                raise _unknown(job_id)
            now = tx.execute(sa.select(epoch_now())).scalar_one()
            if row.expires_at > now and row.owner != owner:
                raise LeaseHeldError(
                    f"claim the question job {job_id}",
                    found=f"{row.owner} is working on it",
                    remedy="Wait until it ends; if it is dead, its lease runs out by itself.",
                    retry_after_seconds=row.expires_at - now,
                )
            token = int(row.token) + 1
            tx.execute(
                sa.update(question_jobs)
                .where(question_jobs.c.job_id == job_id)
                .values(owner=owner, token=token, expires_at=now + lease_seconds)
            )
            _take_back(tx, job_id)
            return token

    def renew_job(self, job_id: str, *, token: int) -> None:
        """A sign of life while nothing else is written."""
        with self._ledger.transaction() as tx:
            self._fence(tx, job_id, token)

    def read_rows(self, job_id: str) -> Sequence[JobRow]:
        """All rows in the order of their positions; empty for an unknown job."""
        with self._ledger.reading() as reading:
            return _read(reading, job_id)

    def send_rows(
        self, job_id: str, *, token: int, rows: Sequence[Reservation], budget: Mapping[str, int]
    ) -> Mapping[str, str]:
        """Reserve what each row may cost and move it to sent, in one transaction.

        Rows whose reservation does not fit stay as they are: they come back with the budget that is short.
        """
        with self._ledger.transaction() as tx:
            self._fence(tx, job_id, token)
            short = reserve(tx, rows, budget)
            granted = [row for row in rows if row.question_id not in short]
            _move_to_sent(tx, job_id, granted, budget)
            return short

    def record_responses(
        self, job_id: str, *, token: int, model: str, found: Mapping[str, tuple[str, StoredResponse]]
    ) -> None:
        """Sent rows have their raw response stored: by question id the request key and the response.

        Reservations are settled by what the responses cost; an unknown cost counts as reserved.
        """
        by_key = {key: response for key, response in found.values() if key}
        try:
            self._record(job_id, token, model, found, by_key)
        except LeaseHeldError:  # too late for this job, and paid for all the same
            with self._ledger.transaction() as tx:
                stored_responses.keep_responses(tx, self._tenant(tx, job_id), model, by_key)
            raise

    def _record(
        self,
        job_id: str,
        token: int,
        model: str,
        found: Mapping[str, tuple[str, StoredResponse]],
        by_key: Mapping[str, StoredResponse],
    ) -> None:
        with self._ledger.transaction() as tx:
            self._fence(tx, job_id, token)
            stored_responses.keep_responses(tx, self._tenant(tx, job_id), model, by_key)
            settle(tx, job_id, {name: response.cost_micro_usd for name, (_, response) in found.items()})
            _update_rows(
                tx,
                job_id,
                [{"row_id": name, "new_ref": response.reference} for name, (_, response) in found.items()],
                before=("sent",),
                values={"state": "received", "response_ref": sa.bindparam("new_ref"), "batch_key": None},
            )

    def return_rows(self, job_id: str, *, token: int, rows: Mapping[str, bool], was_sent: bool = True) -> None:
        """Rows without a response go back to planned; ``True``: the request may have been billed all the same."""
        with self._ledger.transaction() as tx:
            self._fence(tx, job_id, token)
            unknown = [name for name, maybe_billed in rows.items() if maybe_billed]
            book_as_spent(tx, job_id, unknown)
            free(tx, job_id, [name for name in rows if name not in unknown])
            _update_rows(
                tx,
                job_id,
                [{"row_id": name} for name in rows],
                before=("reserved", "sent"),
                values={
                    "state": "planned",
                    "batch_key": None,
                    "attempts": question_rows.c.attempts - (0 if was_sent else 1),
                },
            )
            _update_rows(tx, job_id, [{"row_id": name} for name in unknown], values={"maybe_billed": True})

    def finish_rows(self, job_id: str, *, token: int, finals: Mapping[str, tuple[str, str]]) -> None:
        """Rows end with (status, row as JSON); one that is final keeps what it has."""
        with self._ledger.transaction() as tx:
            self._fence(tx, job_id, token)
            _update_rows(
                tx,
                job_id,
                [
                    {"row_id": question_id, "new_status": status, "new_row": row_json}
                    for question_id, (status, row_json) in finals.items()
                ],
                before=("planned", "reserved", "sent", "received"),
                values={
                    "state": "final",
                    "status": sa.bindparam("new_status"),
                    "row": sa.bindparam("new_row"),
                },
            )

    def find_responses(self, *, tenant: str, request_keys: Sequence[str]) -> Mapping[str, StoredResponse]:
        """Stored responses of any job of this tenant by request key."""
        return stored_responses.find_responses(self._ledger, tenant=tenant, request_keys=request_keys)

    def mean_output_tokens(self, model: str) -> float | None:
        """What responses of a model have had on average; ``None`` before the first one."""
        return stored_responses.mean_output_tokens(self._ledger, model=model)

    def release_job(self, job_id: str, *, token: int) -> None:
        """Give the lease back; a newer claim makes it a no-op."""
        with self._ledger.transaction() as tx:
            tx.execute(
                sa.update(question_jobs)
                .where(question_jobs.c.job_id == job_id, question_jobs.c.token == token)
                .values(expires_at=0.0, owner=None)
            )

    def _tenant(self, tx: Transaction, job_id: str) -> str:
        """Never changes, so it is read once."""
        if job_id not in self._tenants:
            query = sa.select(question_jobs.c.tenant).where(question_jobs.c.job_id == job_id)
            self._tenants[job_id] = tx.execute(query).scalar_one()
        return self._tenants[job_id]

    def _fence(self, tx: Transaction, job_id: str, token: int) -> None:
        changed = tx.execute(
            sa.update(question_jobs)
            .where(question_jobs.c.job_id == job_id, question_jobs.c.token == token)
            .values(expires_at=epoch_now() + self._lease_seconds)
        ).rowcount
        if changed != 1:
            raise LeaseHeldError(
                f"write to the question job {job_id}",
                found="another worker has claimed it since",
                remedy="Stop this worker; the other one ends the job.",
            )


def _take_back(tx: Transaction, job_id: str) -> None:
    """Nobody is sending any more. Rows in a provider batch stay: the batch goes on without us."""
    in_flight = sa.select(question_rows.c.question_id, question_rows.c.state).where(
        question_rows.c.job_id == job_id,
        question_rows.c.state.in_(("reserved", "sent")),
        question_rows.c.batch_key.is_(None),
    )
    states = {row.question_id: row.state for row in tx.execute(in_flight)}
    sent = [name for name, state in states.items() if state == "sent"]
    book_as_spent(tx, job_id, sent)
    free(tx, job_id, [name for name in states if name not in sent])
    _update_rows(tx, job_id, [{"row_id": name} for name in states], values={"state": "planned"})
    _update_rows(tx, job_id, [{"row_id": name} for name in sent], values={"maybe_billed": True})


def _move_to_sent(tx: Transaction, job_id: str, rows: Sequence[Reservation], budget: Mapping[str, int]) -> None:
    """All of them or none: a row in any other state is a fault of the caller."""
    scopes = sorted(budget)
    changed = _update_rows(
        tx,
        job_id,
        [{"row_id": row.question_id, "amount": row.amount_micro_usd if scopes else 0} for row in rows],
        before=_SENDABLE,
        values={
            "state": "sent",
            "reserved_micro_usd": sa.bindparam("amount"),
            "reserved_scopes": scopes or sa.null(),
            "attempts": question_rows.c.attempts + 1,
        },
    )
    if changed != len(rows):
        raise SystemicError(
            f"send {len(rows)} rows of the question job {job_id}",
            found=f"only {changed} of them are {' or '.join(_SENDABLE)}",
            remedy="Claim the job again: another worker or attempt has moved them.",
        )


def _update_rows(
    tx: Transaction,
    job_id: str,
    rows: Sequence[Mapping[str, object]],
    *,
    values: Mapping[str, object],
    before: Sequence[str] = (),
) -> int:
    """Update rows by ``row_id``, where given only those in one of the states ``before``; how many changed."""
    if not rows:
        return 0
    statement = sa.update(question_rows).where(
        question_rows.c.job_id == job_id, question_rows.c.question_id == sa.bindparam("row_id")
    )
    if before:
        statement = statement.where(sa.or_(*(question_rows.c.state == one for one in before)))
    return int(tx.execute(statement.values(dict(values)), [dict(row) for row in rows]).rowcount)


def _require_same(tx: Transaction, job_id: str, plan_reference: str, rows: Sequence[tuple[str, str]]) -> None:
    plan_ref = tx.execute(sa.select(question_jobs.c.plan_ref).where(question_jobs.c.job_id == job_id)).scalar_one()
    stored = [(row.question_id, row.request_key) for row in _read(tx, job_id)]
    if plan_ref != plan_reference or stored != list(rows):
        raise SystemicError(
            f"open the question job {job_id}",
            found="the ledger holds it with another plan or other rows",
            remedy="A job's id is the hash of its plan: plan the questions again.",
        )


def _read(tx: Transaction, job_id: str) -> list[JobRow]:
    query = sa.select(question_rows).where(question_rows.c.job_id == job_id).order_by(question_rows.c.position)
    return [_job_row(row) for row in tx.execute(query)]


def _job_row(row: sa.Row[Any]) -> JobRow:
    return JobRow(
        row.question_id,
        row.position,
        row.request_key,
        state=row.state,
        response_reference=row.response_ref,
        final_json=row.row,
        maybe_billed=row.maybe_billed,
        batch_key=row.batch_key,
        attempts_count=row.attempts,
    )


def _unknown(job_id: str) -> SystemicError:
    return SystemicError(
        f"claim the question job {job_id}",
        found="the ledger does not know it",
        remedy="Open the job first; check that plan and execution use the same ledger.",
    )
