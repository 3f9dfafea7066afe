"""Provider batches of question jobs, written down before they are submitted; plans and results by name."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from wellread.ledger.columns import epoch_now
from wellread.ledger.database import Ledger, Transaction
from wellread.ledger.question_budgets import reserve
from wellread.ledger.question_schema import (
    question_batches,
    question_inputs,
    question_jobs,
    question_results,
    question_rows,
)
from wellread.ledger.upserts import replace
from wellread.questions import BatchRecord, BatchRecordState, Reservation

_LONGEST_BATCH_SECONDS = 25 * 3600
"""Providers promise 24 hours."""


class QuestionBatches:
    """The part of the job ledger that knows batches, inputs and results. Every method is one transaction."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @abstractmethod
    def _fence(self, tx: Transaction, job_id: str, token: int) -> None:
        """Refuse a worker whose claim is not the newest."""

    def intend_batch(
        self,
        job_id: str,
        *,
        token: int,
        batch: BatchRecord,
        rows: Sequence[Reservation],
        budget: Mapping[str, int],
    ) -> Mapping[str, str]:
        """Write a batch down with its rows, which become reserved, before it is submitted.

        Rows whose reservation does not fit are left out: they come back with the budget that is short.
        """
        with self._ledger.transaction() as tx:
            self._fence(tx, job_id, token)
            short = reserve(tx, rows, budget)
            granted = [row for row in rows if row.question_id not in short]
            if granted:
                _write_down(tx, job_id, batch)
            for row in granted:
                tx.execute(
                    sa.update(question_rows)
                    .where(_is_row(job_id, row.question_id), question_rows.c.state.in_(("planned", "received")))
                    .values(
                        state="reserved",
                        batch_key=batch.batch_key,
                        reserved_micro_usd=row.amount_micro_usd if budget else 0,
                        reserved_scopes=sorted(budget),
                        attempts=question_rows.c.attempts + 1,
                    )
                )
            return short

    def note_submission(self, job_id: str, *, token: int, batch_key: str, provider_id: str) -> None:
        """The provider has taken the batch: its rows are sent."""
        with self._ledger.transaction() as tx:
            self._fence(tx, job_id, token)
            _set_batch(tx, batch_key, state="submitted", provider_id=provider_id)
            tx.execute(
                sa.update(question_rows)
                .where(
                    question_rows.c.job_id == job_id,
                    question_rows.c.batch_key == batch_key,
                    question_rows.c.state == "reserved",
                )
                .values(state="sent")
            )

    def close_batch(self, job_id: str, *, token: int, batch_key: str, state: BatchRecordState) -> None:
        """Nothing more will come of the batch."""
        with self._ledger.transaction() as tx:
            self._fence(tx, job_id, token)
            _set_batch(tx, batch_key, state=state)

    def read_batches(self, job_id: str) -> Sequence[BatchRecord]:
        """The batches of a job in the order of their creation."""
        query = (
            sa.select(question_batches)
            .where(question_batches.c.job_id == job_id)
            .order_by(question_batches.c.created_at, question_batches.c.batch_key)
        )
        with self._ledger.reading() as reading:
            return [_record(row) for row in reading.execute(query)]

    def enqueued_tokens(self, model: str) -> int:
        """A bound of the input tokens of all jobs' batches of a model that have not ended.

        Batches end within a day: an older one is of a job that nobody goes on with.
        """
        query = sa.select(sa.func.coalesce(sa.func.sum(question_batches.c.input_tokens), 0)).where(
            question_batches.c.model == model,
            question_batches.c.state.in_(("intended", "submitted")),
            question_batches.c.created_at > epoch_now() - _LONGEST_BATCH_SECONDS,
        )
        with self._ledger.reading() as reading:
            return int(reading.execute(query).scalar_one())

    def reopen_rows(self, job_id: str, *, statuses: Sequence[str]) -> None:
        """Final rows with one of these statuses are planned again, unless a worker has the job."""
        is_free = sa.exists().where(question_jobs.c.job_id == job_id, question_jobs.c.expires_at <= epoch_now())
        with self._ledger.transaction() as tx:
            tx.execute(
                sa.update(question_rows)
                .where(question_rows.c.job_id == job_id, question_rows.c.state == "final", is_free)
                .where(question_rows.c.status.in_(statuses))
                .values(state="planned", status=None, row=None)
            )

    # -- which plan a repeated call goes on with, and what it is compared with --------------------------------
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

    def last_results(self, job_name: str) -> str | None:
        """The artifact with the rows that a job of this name published last."""
        with self._ledger.reading() as reading:
            query = sa.select(question_results.c.results_ref).where(question_results.c.job_name == job_name)
            return reading.execute(query).scalar_one_or_none()

    def remember_results(self, job_name: str, results_reference: str) -> None:
        """Note what a job of this name published."""
        row = {"job_name": job_name, "results_ref": results_reference, "published_at": epoch_now()}
        with self._ledger.transaction() as tx:
            replace(tx, question_results, [row])


def _is_row(job_id: str, question_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(question_rows.c.job_id == job_id, question_rows.c.question_id == question_id)


def _write_down(tx: Transaction, job_id: str, batch: BatchRecord) -> None:
    record = {
        "batch_key": batch.batch_key,
        "job_id": job_id,
        "state": batch.state,
        "provider_id": batch.provider_id,
        "model": batch.model,
        "input_tokens": batch.input_tokens,
        "created_at": epoch_now(),
    }
    replace(tx, question_batches, [record])


def _set_batch(tx: Transaction, batch_key: str, **values: Any) -> None:
    tx.execute(sa.update(question_batches).where(question_batches.c.batch_key == batch_key).values(**values))


def _record(row: sa.Row[Any]) -> BatchRecord:
    return BatchRecord(row.batch_key, row.state, row.provider_id, row.input_tokens, row.model)
