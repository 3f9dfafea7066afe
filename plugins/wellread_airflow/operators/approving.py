"""Deletions that wait for a person: listed, approved, and applied by a run of their source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from wellread_airflow.failures import airflow_failures
from wellread_airflow.form_values import is_set, text_or_none
from wellread_airflow.operators.consenting import keep_list
from wellread_airflow.operators.upkeep_operator import UpkeepOperator
from wellread_airflow.run_starts import run_start

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.workspace import Workspace

_KIND = "held"

_DONE = {"deletion": "delete", "settings": "embed again", "hiding": "hide"}


class ListHoldsOperator(UpkeepOperator):
    """List the held deletions of a source; skipped where there are none, and the tasks after it too.

    Args:
        source: The source.
        rest: As for ``UpkeepOperator``.

    Returns counts and the list for ``ConfirmListOperator`` and ``ApproveHoldsOperator``.
    """

    template_fields: Sequence[str] = (*UpkeepOperator.template_fields, "source")

    def __init__(self, *, source: str, **rest: Any) -> None:
        super().__init__(**rest)
        self.source = source

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Read the ledger."""
        del context
        from wellread.artifacts.codec import put_json
        from wellread.upkeep.holding import find_held

        source, collection = self.source.strip(), workspace.settings.collection
        held = find_held(workspace.ledger, collection, source)
        if not held:
            raise AirflowSkipException(f"No deletion of {source} in {collection} waits for approval.")
        return {
            "source": source,
            "collection": collection,
            "held": len(held),
            "reason": held[0].reason[:300],
            "seen": put_json(workspace.artifacts, _KIND, held),
            **keep_list(workspace, [(_DONE[item.kind], item.natural_key) for item in held]),
        }


class ApproveHoldsOperator(UpkeepOperator):
    """Approve the held deletions that were shown, as far as they are held still. Approving again changes nothing.

    Args:
        listed: The whole output of ``ListHoldsOperator``.
        by: Who approved; logged and returned.
        rest: As for ``UpkeepOperator``.
    """

    template_fields: Sequence[str] = (*UpkeepOperator.template_fields, "listed", "by")

    def __init__(self, *, listed: Any, by: Any = None, **rest: Any) -> None:
        super().__init__(**rest)
        self.listed: Any = listed
        self.by: Any = by

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Approve; the source's next run looks again and deletes what is still gone."""
        del context
        from wellread.artifacts.codec import get_json
        from wellread.upkeep.holding import HeldChange, approve_held

        listed: Mapping[str, Any] = self.listed
        seen = get_json(workspace.artifacts, tuple[HeldChange, ...], listed["seen"])
        count = approve_held(workspace.ledger, workspace.settings.collection, listed["source"], seen)
        by = text_or_none(self.by)
        self.log.info("%d of %d deletions approved by %s.", count, len(seen), by or "nobody by name")
        return {"source": listed["source"], "approved": count, "by": by}


class StartIngestionOperator(BaseOperator):
    """Start the DAG ``ingest__<source>`` once, and do not wait for it.

    Args:
        source: The source.
        enabled: Whether it is started, else the task is skipped; a form's box.
        rest: As for ``BaseOperator``.
    """

    template_fields: Sequence[str] = ("source", "enabled")
    ui_color = "#e8f0e4"

    def __init__(self, *, source: str, enabled: bool | str = True, **rest: Any) -> None:
        super().__init__(**rest)
        self.source = source
        self.enabled = enabled

    def execute(self, context: Context) -> Any:
        """Start it; a retry finds the run that the first attempt started."""
        with airflow_failures():
            wanted = is_set(self.enabled, "enabled")
        if not wanted:
            raise AirflowSkipException("It was not asked for: the source's next run applies what was approved.")
        run = context["dag_run"]
        note = "Applies deletions that were approved."
        raise run_start(f"ingest__{self.source.strip()}", f"{run.dag_id}__{run.run_id}", note)
