"""A trigger that looks now and then: small arguments, blocking work in a thread, nothing kept between looks."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from wellread.errors import WellreadError
from wellread_airflow.connections import ConnectionIds


class PollingTrigger(BaseTrigger):
    """Fires when a look says so, or fails for good: then the task resumes, and meets the error itself.

    A triggerer that restarts builds it again from its arguments, which hold connection ids and no keys.

    Args:
        collection: The logical collection; ``None``: the deployment's own.
        connections: ``ConnectionIds.as_dict``.
        poll_seconds: The pause before each look.
    """

    def __init__(self, *, collection: str | None, connections: dict[str, Any], poll_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.collection = collection
        self.connections = connections
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class and arguments, as the metadata database keeps them."""
        kind = type(self)
        arguments = {
            "collection": self.collection,
            "connections": self.connections,
            "poll_seconds": self.poll_seconds,
        }
        return f"{kind.__module__}.{kind.__qualname__}", {**arguments, **self.own_arguments()}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event, when there is something to do."""
        while True:
            await asyncio.sleep(self.poll_seconds)
            try:
                event = await asyncio.to_thread(self.look, ConnectionIds.from_dict(self.connections))
            except WellreadError as error:
                if error.retryable:
                    self.log.warning("Looking again in %s s: %s", self.poll_seconds, error)
                    continue
                event = self.end(problem=str(error))
            if event is not None:
                yield TriggerEvent(event)  # type: ignore[no-untyped-call]
                return

    @abstractmethod
    def own_arguments(self) -> dict[str, Any]:
        """The arguments beside the common ones; JSON values."""

    def end(self, problem: str | None = None) -> dict[str, Any]:
        """The event that ends the wait; with ``problem`` nothing can come of waiting."""
        return {"problem": problem}

    @abstractmethod
    def look(self, connections: ConnectionIds) -> dict[str, Any] | None:
        """One look, in a thread of its own: what to tell the task, or ``None`` to look again."""
