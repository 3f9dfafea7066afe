"""Wait until the index is as fresh as a job needs it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, RetryPolicy
from airflow.sdk.exceptions import AirflowFailException

from wellread.errors import SettingsError
from wellread_airflow.connections import ConnectionIds, opened_workspace
from wellread_airflow.failures import FailurePolicy, airflow_failures
from wellread_airflow.form_values import count_or_none, moment_or_none, text_or_none
from wellread_airflow.triggers.index_fresh import IndexFreshTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.workspace.waiting import IndexFloor


class IndexFreshSensor(BaseSensorOperator):
    """Wait until a collection has a revision, or was published or ingested since a moment.

    Args:
        collection: The logical collection; the deployment's own without it.
        least_revision: The newest snapshot must hold this revision.
        published_since: Something must have been published at this moment (ISO, or a datetime) or later.
        fresh_since: Each source must have had a complete run that began at this moment or later, whether or not
            it found a change: what to wait for where nothing may have changed.
        deferrable: Wait in the triggerer (default). Otherwise in a worker, by ``mode``.
        retry_policy: As for the operators.
    """

    template_fields: Sequence[str] = ("collection", "least_revision", "published_since", "fresh_since")
    ui_color = "#e8f0e4"

    def __init__(
        self,
        *,
        collection: str | None = None,
        least_revision: int | str | None = None,
        published_since: datetime | str | None = None,
        fresh_since: datetime | str | None = None,
        deferrable: bool = True,
        retry_policy: RetryPolicy | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(retry_policy=retry_policy or FailurePolicy(), **kwargs)
        self.collection = collection
        self.least_revision = least_revision
        self.published_since = published_since
        self.fresh_since = fresh_since
        self.deferrable = deferrable

    def execute(self, context: Context) -> Any:
        """Look; then wait in the triggerer, or go on looking from here."""
        if not self.deferrable:
            return super().execute(context)
        if self.poke(context):
            return None
        floor = self._floor()
        return self.defer(
            trigger=IndexFreshTrigger(
                collection=text_or_none(self.collection),
                connections=ConnectionIds().as_dict(),
                poll_seconds=self.poke_interval,
                least_revision=floor.least_revision,
                published_since=_iso(floor.published_since),
                fresh_since=_iso(floor.fresh_since),
            ),
            method_name="resume",
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> bool:
        """Whether the index is there."""
        del context
        from wellread.workspace.waiting import missing_from

        with airflow_failures(), opened_workspace(collection=text_or_none(self.collection)) as workspace:
            missing = missing_from(workspace, self._floor())
        if missing is not None:
            self.log.info("Not yet: %s", missing)
        return missing is None

    def resume(self, context: Context, event: dict[str, Any]) -> None:
        """After the trigger: done, or its error."""
        del context
        if event["problem"] is not None:
            raise AirflowFailException(event["problem"])

    def _floor(self) -> IndexFloor:
        from wellread.workspace.waiting import IndexFloor

        floor = IndexFloor(
            least_revision=count_or_none(self.least_revision, "least_revision"),
            published_since=moment_or_none(self.published_since, "published_since"),
            fresh_since=moment_or_none(self.fresh_since, "fresh_since"),
        )
        if floor == IndexFloor():
            raise SettingsError(
                "wait for a fresh index",
                found="nothing says what it must have reached",
                remedy="Give least_revision, published_since or fresh_since.",
            )
        return floor


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
