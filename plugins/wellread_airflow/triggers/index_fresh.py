"""Waiting for an index that moves on."""

from __future__ import annotations

from typing import Any

from wellread_airflow.connections import ConnectionIds, opened_workspace
from wellread_airflow.form_values import moment_or_none
from wellread_airflow.triggers.polling import PollingTrigger


class IndexFreshTrigger(PollingTrigger):
    """Fires when a collection has reached a revision or a moment.

    Args:
        least_revision: As ``IndexFloor.least_revision``.
        published_since: As there, in ISO form.
        fresh_since: As there, in ISO form.
        rest: As for ``PollingTrigger``.
    """

    def __init__(
        self, *, least_revision: int | None, published_since: str | None, fresh_since: str | None, **rest: Any
    ) -> None:
        super().__init__(**rest)
        self.least_revision = least_revision
        self.published_since = published_since
        self.fresh_since = fresh_since

    def own_arguments(self) -> dict[str, Any]:
        """The floor."""
        return {
            "least_revision": self.least_revision,
            "published_since": self.published_since,
            "fresh_since": self.fresh_since,
        }

    def look(self, connections: ConnectionIds) -> dict[str, Any] | None:
        """Ask the ledger."""
        from wellread.workspace.waiting import IndexFloor, missing_from

        floor = IndexFloor(
            least_revision=self.least_revision,
            published_since=moment_or_none(self.published_since, "published_since"),
            fresh_since=moment_or_none(self.fresh_since, "fresh_since"),
        )
        with opened_workspace(collection=self.collection, connections=connections) as workspace:
            missing = missing_from(workspace, floor)
        if missing is not None:
            self.log.info("Not yet: %s", missing)
        return self.end() if missing is None else None
