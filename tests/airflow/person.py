"""A person in front of Airflow's page, as far as its public API goes: sees what is required, and responds.

`dag.test()` says in its log each time that it waits for a person, and at that moment it writes nothing. The person
answers there and then, in its thread: nobody waits for a lock, no response can be overwritten, and what goes wrong
here ends the run with an error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Respond = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""A required action -> ``{"chosen_options": [...], "params_input": {...}}``."""

_LOOP = logging.getLogger("airflow.sdk.definitions.dag")
_WAITS, _IDLES = "Waiting for Human-in-the-loop input", "No tasks to run"
_MOST_IDLE_SECONDS = 240
"""`dag.test()` says so once a second; a retry that a task waits for takes less."""


@dataclass
class Person:
    """Responds to every required action by one rule, and remembers what was asked."""

    respond: Respond
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    _answered: set[str] = field(default_factory=set)
    _since: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    _idle_seconds: int = 0

    def hear(self, record: logging.LogRecord) -> None:
        """What `dag.test()` says. Raises ``AssertionError`` where it would wait for ever."""
        text = record.getMessage()
        if text.startswith(_WAITS):
            self._look()
        elif text.startswith(_IDLES):
            self._idle_seconds += 1
            assert self._idle_seconds < _MOST_IDLE_SECONDS, f"The run stands still: {text}"

    def _look(self) -> None:
        client = _page()
        # Not what an earlier test has left to be answered.
        wanted = {"state": "awaiting_input", "created_at_gte": self._since}
        listed = client.get("/api/v2/dags/~/dagRuns/~/hitlDetails", params=wanted)
        listed.raise_for_status()
        actions = listed.json()["hitl_details"]
        assert actions, "The run waits for a person, and Airflow's page shows nothing to do."
        for action in actions:
            self._answer(client, action)

    def _answer(self, client: Any, action: Mapping[str, Any]) -> None:
        task = action["task_instance"]
        assert task["id"] not in self._answered, f"{task['task_id']} asks again: what was said before is lost."
        run = f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}"
        path = f"{run}/taskInstances/{task['task_id']}/{task['map_index']}/hitlDetails"
        done = client.patch(path, json=dict(self.respond(action)))
        if done.status_code != 200:
            self.refusals.append(done.text)
            raise AssertionError(f"Airflow refused the response to {task['task_id']}: {done.text}")
        self._answered.add(task["id"])
        self.asked.append(action)


def _page() -> Any:
    """A client of Airflow's API, as the user ada."""
    from airflow.api_fastapi.app import cached_app
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    app = cached_app(apps="core")
    token = app.state.auth_manager.generate_jwt(SimpleAuthManagerUser(username="ada", role="admin"))
    return TestClient(app, headers={"Authorization": f"Bearer {token}"})


class _Ear(logging.Handler):
    """Hands on what the loop says; what the person raises ends the loop."""

    def __init__(self, someone: Person) -> None:
        super().__init__(logging.INFO)
        self._someone = someone

    def emit(self, record: logging.LogRecord) -> None:
        self._someone.hear(record)


def _configure_logging() -> None:
    """What Airflow does once, when it is imported and makes its database; it takes away the handlers before it."""
    import airflow.sdk.definitions.dag
    from airflow.utils.db import initdb

    assert airflow.sdk.definitions.dag.log is _LOOP
    initdb()


@contextmanager
def person(respond: Respond) -> Iterator[Person]:
    """Somebody who sits there as long as the block lasts."""
    _configure_logging()
    someone = Person(respond)
    ear, level, disabled = _Ear(someone), _LOOP.level, _LOOP.disabled
    _LOOP.addHandler(ear)
    _LOOP.setLevel(logging.INFO)
    _LOOP.disabled = False
    try:
        yield someone
    finally:
        _LOOP.removeHandler(ear)
        _LOOP.setLevel(level)
        _LOOP.disabled = disabled


def choosing(option: str) -> Respond:
    """Always the same option, no fields."""
    return lambda _action: {"chosen_options": [option]}
