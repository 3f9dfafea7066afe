"""A person in front of Airflow's page, as far as its public API goes: sees what is required, and responds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Respond = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""A required action -> ``{"chosen_options": [...], "params_input": {...}}``."""

_READING_SECONDS = 2.0
"""`dag.test()` writes a task's state once more after it was parked; a response before that would be lost."""


@dataclass
class Person:
    """Responds to every required action by one rule, and remembers what was asked."""

    respond: Respond
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    _seen: dict[str, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def sit(self) -> None:
        """Look and respond until told to stop."""
        from airflow.api_fastapi.app import create_app
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
        from fastapi.testclient import TestClient

        app = create_app(apps="core")
        user = SimpleAuthManagerUser(username="ada", role="admin")
        token = app.state.auth_manager.generate_jwt(user)
        # SQLite may be locked by the run itself: that is an answer of 500, and looked at again.
        client = TestClient(app, headers={"Authorization": f"Bearer {token}"}, raise_server_exceptions=False)
        while not self._stop.is_set():
            self._look(client)
            time.sleep(0.5)

    def _look(self, client: Any) -> None:
        listed = client.get("/api/v2/dags/~/dagRuns/~/hitlDetails", params={"response_received": False})
        for action in listed.json()["hitl_details"] if listed.status_code == 200 else ():
            task = action["task_instance"]
            seen_at = self._seen.setdefault(f"{task['dag_run_id']} {task['task_id']}", time.monotonic())
            if task["state"] != "awaiting_input" or time.monotonic() - seen_at < _READING_SECONDS:
                continue
            run = f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}"
            path = f"{run}/taskInstances/{task['task_id']}/{task['map_index']}/hitlDetails"
            done = client.patch(path, json=dict(self.respond(action)))
            if done.status_code == 200:
                self.asked.append(action)
            elif done.status_code < 500:
                self.refusals.append(done.text)

    def leave(self) -> None:
        """Stop looking."""
        self._stop.set()


@contextmanager
def person(respond: Respond) -> Iterator[Person]:
    """Somebody who sits there as long as the block lasts."""
    someone = Person(respond)
    thread = threading.Thread(target=someone.sit, daemon=True)
    thread.start()
    try:
        yield someone
    finally:
        someone.leave()
        thread.join()


def choosing(option: str) -> Respond:
    """Always the same option, no fields."""
    return lambda _action: {"chosen_options": [option]}
