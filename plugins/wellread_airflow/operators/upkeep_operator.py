"""What all operations of upkeep share: they wait, without a worker, for the runs that are in their way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from wellread.errors import LeaseHeldError
from wellread_airflow.form_values import is_set, text_or_none
from wellread_airflow.operators.workspace_operator import WorkspaceOperator
from wellread_airflow.triggers.sources_free import SourcesFreeTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.workspace import Workspace


class UpkeepOperator(WorkspaceOperator):
    """An operation on an index or a source; subclasses say which in ``work``, and raise ``LeaseHeldError`` freely.

    Where a run holds a lease that the operation needs, the task says whom it waits for, gives its worker back, and
    begins again when the lease is free. An operation must therefore bear to be begun again.

    Args:
        enabled: Whether it is done at all, else the task is skipped; a form's box.
        wait: For how long runs are waited for, in all; then the task fails.
        poll_seconds: How often the trigger looks.
        rest: As for ``WorkspaceOperator``.
    """

    template_fields: Sequence[str] = ("collection", "enabled")

    source_ids: Sequence[str] | None = None
    """The sources whose leases are needed; ``None``: all of the collection. Subclasses set it while they work."""

    def __init__(
        self,
        *,
        enabled: bool | str = True,
        wait: timedelta = timedelta(hours=12),
        poll_seconds: float = 30.0,
        **rest: Any,
    ) -> None:
        super().__init__(**rest)
        self.enabled = enabled
        self.wait = wait
        self.poll_seconds = poll_seconds

    def execute(self, context: Context) -> Any:
        """Do it, or wait."""
        if not is_set(self.enabled, "enabled"):
            raise AirflowSkipException("It was not asked for.")
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


def kept_report(workspace: Workspace, kind: str, value: object) -> str:
    """The address of a whole report, which may be too long for an XCom."""
    from wellread.artifacts.codec import put_json

    return workspace.artifacts.uri(put_json(workspace.artifacts, kind, value))
