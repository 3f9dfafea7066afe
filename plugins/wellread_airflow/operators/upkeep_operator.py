"""What all operations of upkeep share: a form may leave them out, and they wait for runs in their way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from wellread_airflow.form_values import is_set
from wellread_airflow.operators.waiting_operator import WaitingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.workspace import Workspace


class UpkeepOperator(WaitingOperator):
    """An operation on an index or a source; subclasses say which in ``work``.

    Args:
        enabled: Whether it is done at all, else the task is skipped; a form's box.
        rest: As for ``WaitingOperator``.
    """

    template_fields: Sequence[str] = ("collection", "enabled")

    def __init__(self, *, enabled: bool | str = True, **rest: Any) -> None:
        super().__init__(**rest)
        self.enabled = enabled

    def execute(self, context: Context) -> Any:
        """Do it, or wait."""
        if not is_set(self.enabled, "enabled"):
            raise AirflowSkipException("It was not asked for.")
        return super().execute(context)


def kept_report(workspace: Workspace, kind: str, value: object) -> str:
    """The address of a whole report, which may be too long for an XCom."""
    from wellread.artifacts.codec import put_json

    return workspace.artifacts.uri(put_json(workspace.artifacts, kind, value))
