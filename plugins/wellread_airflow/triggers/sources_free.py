"""Fires when no run holds the sources that an operation needs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from wellread_airflow.connections import ConnectionIds, opened_workspace
from wellread_airflow.triggers.polling import PollingTrigger


class SourcesFreeTrigger(PollingTrigger):
    """Waits for the leases of sources.

    Args:
        source_ids: Which sources; ``None``: all of the collection.
        give_up_at: The moment (ISO, aware) at which waiting ends.
        common: As for ``PollingTrigger``.
    """

    def __init__(self, *, source_ids: list[str] | None, give_up_at: str, **common: Any) -> None:
        super().__init__(**common)
        self.source_ids = source_ids
        self.give_up_at = give_up_at

    def own_arguments(self) -> dict[str, Any]:
        """Sources and limit."""
        return {"source_ids": self.source_ids, "give_up_at": self.give_up_at}

    def end(self, problem: str | None = None) -> dict[str, Any]:
        """The limit goes on with the task: what it meets next may not wait longer."""
        return {"problem": problem, "give_up_at": self.give_up_at}

    def look(self, connections: ConnectionIds) -> dict[str, Any] | None:
        """Ask the ledger."""
        from wellread.workspace.upkeeping import runs_at_work

        with opened_workspace(collection=self.collection, connections=connections) as workspace:
            held = runs_at_work(workspace, self.source_ids)
        if not held:
            return self.end()
        told = ", ".join(f"{holder} works on {name}" for name, holder in sorted(held.items())[:5])
        self.log.info("Waiting: %s", told)
        if datetime.now(UTC) >= datetime.fromisoformat(self.give_up_at):
            problem = f"Waited until {self.give_up_at}: {told} still. Start this again when that has ended."
            return self.end(problem)
        return None
