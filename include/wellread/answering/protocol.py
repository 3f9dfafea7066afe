"""What answering needs of others: a ledger for the rows of question jobs, and something that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from wellread.questions import JobRow


class JobLedger(Protocol):
    """Durable states of question jobs, row by row. Every method is one transaction.

    A job is named by ``job_id``, the hash of its frozen plan: the same plan is the same job, so a second
    run of it resumes or, when all rows are final, repeats nothing. Rows go
    ``planned -> reserved -> sent -> received -> final``; a row whose answer needs no call (nothing relevant,
    invalid, a response known from another job) goes straight from ``planned`` to ``final``.

    One worker writes a job at a time. ``claim_job`` hands out a fencing token (a number that grows with each
    claim); every later write names it, and raises ``LeaseHeldError`` without changing anything where a newer
    claim exists. Every write renews the lease.
    """

    def open_job(self, job_id: str, *, tenant: str, plan_reference: str, rows: Sequence[tuple[str, str]]) -> None:
        """Record the job and its rows ``(question_id, request_key)`` as ``planned``, in this order.

        Repeating it with the same plan changes nothing. Raises ``SystemicError`` where the job exists with
        another plan or other rows.
        """

    def claim_job(self, job_id: str, *, owner: str, lease_seconds: float) -> int:
        """Take the job and return a fencing token larger than every earlier one.

        Raises ``LeaseHeldError`` (with ``retry_after_seconds``) while another owner's lease runs, by the
        database's clock; the same owner may claim again at once. In the same transaction rows left
        ``reserved`` go back to ``planned``, and rows left ``sent`` go back to ``planned`` with
        ``maybe_billed`` set. ``received`` and ``final`` rows stay. Raises ``SystemicError`` for an unknown job.
        """

    def read_rows(self, job_id: str) -> Sequence[JobRow]:
        """All rows in the order of their positions; empty for an unknown job."""

    def advance_rows(
        self, job_id: str, *, token: int, question_ids: Sequence[str], state: Literal["reserved", "sent"]
    ) -> None:
        """Move rows ``planned -> reserved`` or ``reserved -> sent``.

        A row in any other state is an error (``SystemicError``) and no row moves.
        """

    def record_responses(self, job_id: str, *, token: int, references: Mapping[str, str]) -> None:
        """Move ``sent`` rows to ``received``: question id -> artifact reference of the raw response."""

    def finish_rows(self, job_id: str, *, token: int, finals: Mapping[str, tuple[str, str]]) -> None:
        """Move rows to ``final``: question id -> (status, the row as JSON). Any state but ``final`` may finish.

        A row that is final already keeps what it has.
        """

    def find_responses(self, *, tenant: str, request_keys: Sequence[str]) -> Mapping[str, str]:
        """Stored responses of any job of this tenant: request key -> artifact reference; unknown ones left out."""

    def release_job(self, job_id: str, *, token: int) -> None:
        """Give the lease back, so that another owner may claim at once. A newer claim makes it a no-op."""
