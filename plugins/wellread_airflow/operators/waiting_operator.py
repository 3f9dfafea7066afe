"""A task that needs the lease of a source: it waits for whoever holds it, without a worker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from wellread.errors import LeaseHeldError
from wellread_airflow.form_values import text_or_none
from wellread_airflow.operators.workspace_operator import WorkspaceOperator
from wellread_airflow.triggers.sources_free import SourcesFreeTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context


class WaitingOperator(WorkspaceOperator):
    """Subclasses raise ``LeaseHeldError`` freely in ``work``, and must bear to be begun again.

    Where a run holds a lease that the task needs, the task says whom it waits for, gives its worker back, and
    begins again when the lease is free.

    Args:
        wait: For how long runs are waited for, in all; then the task fails.
        poll_seconds: How often the trigger looks.
        rest: As for ``WorkspaceOperator``.
    """

    source_ids: Sequence[str] | None = None
    """The sources whose leases are needed; ``None``: all of the collection. May be set while it works."""

    def __init__(self, *, wait: timedelta = timedelta(hours=12), poll_seconds: float = 30.0, **rest: Any) -> None:
        super().__init__(**rest)
        self.wait = wait
        self.poll_seconds = poll_seconds

    def execute(self, context: Context) -> Any:
        """Do it, or wait."""
        return self._try(context, datetime.now(UTC) + self.wait)

    def resume(self, context: Context, event: dict[str, Any]) -> Any:
        """After the wait: begin again, within the time that is left."""
        if event["problem"] is not None:
            raise AirflowFailException(event["problem"])
        return self._try(context, datetime.fromisoformat(event["give_up_at"]))

    def _try(self, context: Context, give_up_at: datetime) -> Any:
        try:
            return super().execute(context)
        except LeaseHeldError as error:
            moment = give_up_at.isoformat(" ", "seconds")
            self.log.info("%s. Waiting without a worker, until %s at most.", error.found, moment)
        return self.defer(
            trigger=SourcesFreeTrigger(
                collection=text_or_none(self.collection),
                connections=self.connection_ids().as_dict(),
                poll_seconds=self.poll_seconds,
                source_ids=None if self.source_ids is None else list(self.source_ids),
                give_up_at=give_up_at.isoformat(),
            ),
            method_name="resume",
        )
