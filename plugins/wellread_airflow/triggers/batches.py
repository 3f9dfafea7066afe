"""Waiting for a provider's batches, or for the budget of another day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from wellread_airflow.connections import ConnectionIds, opened_workspace
from wellread_airflow.triggers.polling import PollingTrigger


class BatchesEndedTrigger(PollingTrigger):
    """Fires when another go at a question job finds work.

    Args:
        job_id: The job, as the ledger names it.
        job: Handed back to the task with the event: the planned job, a few hundred bytes.
        rest: As for ``PollingTrigger``.
    """

    def __init__(self, *, job_id: str, job: dict[str, Any], **rest: Any) -> None:
        super().__init__(**rest)
        self.job_id = job_id
        self.job = job

    def own_arguments(self) -> dict[str, Any]:
        """The job."""
        return {"job_id": self.job_id, "job": self.job}

    def look(self, connections: ConnectionIds) -> dict[str, Any] | None:
        """Ask the ledger which batches are open, and the provider how far they are."""
        from wellread.workspace.waiting import has_batch_news

        with opened_workspace(collection=self.collection, connections=connections) as workspace:
            return self.end() if has_batch_news(workspace, self.job_id) else None

    def end(self, problem: str | None = None) -> dict[str, Any]:
        """The task goes on in both cases: it meets a problem again, with its class."""
        del problem
        return {"job": self.job}


class WakeTrigger(BaseTrigger):
    """Fires at a moment.

    Args:
        at: The moment in ISO form, with its zone.
        job: As for ``BatchesEndedTrigger``.
    """

    def __init__(self, *, at: str, job: dict[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.at = at
        self.job = job

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class and arguments, as the metadata database keeps them."""
        return f"{__name__}.{type(self).__qualname__}", {"at": self.at, "job": self.job}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event; at once where the moment has passed."""
        left_seconds = (datetime.fromisoformat(self.at) - datetime.now(UTC)).total_seconds()
        await asyncio.sleep(max(0.0, left_seconds))
        yield TriggerEvent({"job": self.job})  # type: ignore[no-untyped-call]
