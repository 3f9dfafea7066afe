"""A person's consent to a list of documents: shown on Airflow's page, at most so many names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowFailException

from wellread.errors import PolicyError, SettingsError
from wellread_airflow.connections import opened_workspace
from wellread_airflow.failures import FailurePolicy, airflow_failures
from wellread_airflow.shown_text import plain_text

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.workspace import Workspace

_KIND = "lists"
SHOWN_KEY = "shown"
"""The XCom of a confirming task that says which list the person has seen."""


def keep_list(workspace: Workspace, rows: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A list that a person is to confirm, as small values: its reference, its address, how many rows.

    ``rows``: what would happen, and to which document.
    """
    from wellread.artifacts.codec import put_json

    reference = put_json(workspace.artifacts, _KIND, tuple(rows))
    return {"list": reference, "list_uri": workspace.artifacts.uri(reference), "rows": len(rows)}


def require_shown(listed: Any, shown: Any, *, what: str) -> None:
    """Make sure that a list is the one that a person has seen and approved.

    ``shown``: the XCom ``shown`` of ``ConfirmListOperator``. Raises ``PolicyError``, and ``SettingsError`` for
    what no listing task returns.
    """
    if shown != _word(_listed(listed)):
        raise PolicyError(
            what,
            found="the list is another one than the one that was approved",
            remedy="Start this again, and confirm the list that it shows.",
        )


class ConfirmListOperator(ApprovalOperator):
    """Show a list and wait for a person, without a worker. A rejection skips everything after this task.

    Args:
        listed: The whole output of a task that listed: :func:`keep_list` and counts.
        most_names: The page shows at most so many rows; the whole list is at the address that it names.
        response_timeout: Nobody answered for so long: the task fails, and nothing is changed.
        rest: As for ``ApprovalOperator``: ``subject``, ``notifiers``, ``assigned_users``, ...

    Returns what was chosen, and by whom. The XCom ``shown`` says which list it was: :func:`require_shown`.
    """

    template_fields: Collection[str] = (*ApprovalOperator.template_fields, "listed")
    ui_color = "#e8f0e4"

    def __init__(
        self,
        *,
        listed: Any,
        most_names: int = 100,
        response_timeout: timedelta = timedelta(hours=24),
        **rest: Any,
    ) -> None:
        rest.setdefault("retry_policy", FailurePolicy())
        rest.setdefault("multiple_outputs", True)
        super().__init__(response_timeout=response_timeout, ignore_downstream_trigger_rules=True, **rest)
        self.listed: Any = listed
        self.most_names = most_names

    def execute(self, context: Context) -> Any:
        """Ask."""
        from wellread.artifacts.codec import get_json

        with airflow_failures():
            listed = _listed(self.listed)
            with opened_workspace() as workspace:
                rows = get_json(workspace.artifacts, tuple[tuple[str, str], ...], listed["list"])
        self.body = _body(listed, rows, self.most_names)
        context["ti"].xcom_push(key=SHOWN_KEY, value=_word(listed))
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Go on, or skip the rest."""
        try:
            answer = super().execute_complete(context, event)
        except HITLTimeoutError as error:
            raise AirflowFailException("Nobody answered in time: nothing was changed.") from error
        by = answer["responded_by_user"]
        return {"chosen": answer["chosen_options"][0], "by": None if by is None else str(by["name"])[:200]}


def _word(listed: Mapping[str, Any]) -> str:
    """Two lists of the same word are the same list of the same things."""
    text = json.dumps(dict(listed), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _listed(given: Any) -> Mapping[str, Any]:
    if isinstance(given, Mapping) and "list" in given:
        return given
    raise SettingsError(
        "show a list to a person",
        found=f"{given!r:.200} is not what a listing operator returns",
        remedy="Give its whole output: listed=plan.output.",
    )


def _body(listed: Mapping[str, Any], rows: Sequence[tuple[str, str]], most: int) -> str:
    facts = [(name, value) for name, value in listed.items() if name not in {"list", "fingerprint"}]
    lines = ["| | |", "|---|---|", *(f"| {name} | {plain_text(str(value))} |" for name, value in facts), ""]
    lines += [f"* {what}: {plain_text(name)}" for what, name in rows[:most]]
    if len(rows) > most:
        lines.append(f"* and {len(rows) - most} more: see the list's address above")
    return "\n".join(lines)
