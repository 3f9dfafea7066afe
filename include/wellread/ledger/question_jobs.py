"""Question jobs, row by row: what answering asks of a ledger (``wellread.answering.protocol.JobLedger``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from wellread.errors import LeaseHeldError, SystemicError
from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Ledger, Transaction
from wellread.ledger.schema import question_inputs, question_jobs, question_rows
from wellread.ledger.upserts import insert_missing, replace
from wellread.questions import JobRow

_BEFORE = {"reserved": "planned", "sent": "reserved"}


class QuestionJobs:
    """The rows of question jobs in SQL. Every method is one transaction."""

    def __init__(self, ledger: Ledger, *, lease_seconds: float = 300.0) -> None:
        self._ledger = ledger
        self._lease_seconds = lease_seconds

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
            self._require_same(tx, job_id, plan_reference, rows)

    def _require_same(
        self, tx: Transaction, job_id: str, plan_reference: str, rows: Sequence[tuple[str, str]]
    ) -> None:
        plan_ref = tx.execute(
            sa.select(question_jobs.c.plan_ref).where(question_jobs.c.job_id == job_id)
        ).scalar_one()
        stored = [(row.question_id, row.request_key) for row in _read(tx, job_id)]
        if plan_ref != plan_reference or stored != list(rows):
            raise SystemicError(
                f"open the question job {job_id}",
                found="the ledger holds it with another plan or other rows",
                remedy="A job's id is the hash of its plan: plan the questions again.",
            )

    def claim_job(self, job_id: str, *, owner: str, lease_seconds: float) -> int:
        """Take the job; rows that were in flight go back to planned, those sent marked as maybe billed."""
        with self._ledger.transaction() as tx:
            row = tx.execute(
                sa.select(question_jobs).where(question_jobs.c.job_id == job_id).with_for_update()
            ).one_or_none()
            if row is None:
                raise _unknown(job_id)
            now = tx.execute(sa.select(epoch_now())).scalar_one()
            if row.expires_at > now and row.owner not in {owner, None}:
                raise LeaseHeldError(
                    f"work on the question job {job_id}",
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
            self._take_back(tx, job_id)
            return token

    def _take_back(self, tx: Transaction, job_id: str) -> None:
        in_flight = sa.and_(question_rows.c.job_id == job_id, question_rows.c.state == "sent")
        tx.execute(sa.update(question_rows).where(in_flight).values(state="planned", maybe_billed=True))
        reserved = sa.and_(question_rows.c.job_id == job_id, question_rows.c.state == "reserved")
        tx.execute(sa.update(question_rows).where(reserved).values(state="planned"))

    def read_rows(self, job_id: str) -> Sequence[JobRow]:
        """All rows in the order of their positions; empty for an unknown job."""
        with self._ledger.reading() as reading:
            return _read(reading, job_id)

    def advance_rows(
        self, job_id: str, *, token: int, question_ids: Sequence[str], state: Literal["reserved", "sent"]
    ) -> None:
        """Move rows one state forward; a row in any other state is an error and no row moves."""
        with self._ledger.transaction() as tx:
            self._fence(tx, job_id, token)
            for question_id in question_ids:
                changed = tx.execute(
                    sa.update(question_rows)
                    .where(_row_of(job_id, question_id), question_rows.c.state == _BEFORE[state])
                    .values(state=state)
                ).rowcount
                if changed != 1:
                    raise SystemicError(
                        f"move the question {question_id!r} of job {job_id} to {state}",
                        found=f"it is not {_BEFORE[state]}",
                        remedy="Claim the job again: another worker or attempt has moved it.",
                    )

    def record_responses(self, job_id: str, *, token: int, references: Mapping[str, str]) -> None:
        """Sent rows have their raw response stored."""
        with self._ledger.transaction() as tx:
            self._fence(tx, job_id, token)
            for question_id, reference in references.items():
                tx.execute(
                    sa.update(question_rows)
                    .where(_row_of(job_id, question_id), question_rows.c.state == "sent")
                    .values(state="received", response_ref=reference)
                )

    def finish_rows(self, job_id: str, *, token: int, finals: Mapping[str, tuple[str, str]]) -> None:
        """Rows end with (status, row as JSON); one that is final keeps what it has."""
        with self._ledger.transaction() as tx:
            self._fence(tx, job_id, token)
            for question_id, (status, row_json) in finals.items():
                tx.execute(
                    sa.update(question_rows)
                    .where(_row_of(job_id, question_id), question_rows.c.state != "final")
                    .values(state="final", status=status, row=row_json)
                )

    def find_responses(self, *, tenant: str, request_keys: Sequence[str]) -> Mapping[str, str]:
        """Stored responses of any job of this tenant by request key."""
        found: dict[str, str] = {}
        with self._ledger.reading() as reading:
            for start in range(0, len(request_keys), 500):
                query = (
                    sa.select(question_rows.c.request_key, question_rows.c.response_ref)
                    .join(question_jobs, question_jobs.c.job_id == question_rows.c.job_id)
                    .where(
                        question_jobs.c.tenant == tenant,
                        question_rows.c.response_ref.is_not(None),
                        question_rows.c.request_key.in_(request_keys[start : start + 500]),
                    )
                )
                found.update({row.request_key: row.response_ref for row in reading.execute(query)})
        return found

    def release_job(self, job_id: str, *, token: int) -> None:
        """Give the lease back; a newer claim makes it a no-op."""
        with self._ledger.transaction() as tx:
            tx.execute(
                sa.update(question_jobs)
                .where(question_jobs.c.job_id == job_id, question_jobs.c.token == token)
                .values(expires_at=0.0, owner=None)
            )

    # -- which plan a repeated call goes on with ------------------------------------------------------------
    def unfinished_plan(self, input_key: str) -> str | None:
        """The frozen plan of an earlier call with the same input that did not come to its end."""
        with self._ledger.reading() as reading:
            query = sa.select(question_inputs.c.plan_ref).where(
                question_inputs.c.input_key == input_key, question_inputs.c.finished.is_(False)
            )
            return reading.execute(query).scalar_one_or_none()

    def remember_plan(self, input_key: str, plan_reference: str, *, finished: bool) -> None:
        """Note the plan of an input, or that it came to its end."""
        row = {
            "input_key": input_key,
            "plan_ref": plan_reference,
            "finished": finished,
            "planned_at": epoch_now(),
        }
        with self._ledger.transaction() as tx:
            replace(tx, question_inputs, [row])

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


def _row_of(job_id: str, question_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(question_rows.c.job_id == job_id, question_rows.c.question_id == question_id)


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
    )


def _unknown(job_id: str) -> SystemicError:
    return SystemicError(
        f"claim the question job {job_id}",
        found="the ledger does not know it",
        remedy="Open the job first; check that plan and execution use the same ledger.",
    )
