"""A source whose declaration is gone: its documents listed, confirmed by a person, closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from wellread.errors import PolicyError
from wellread_airflow.operators.consenting import keep_list, require_shown
from wellread_airflow.operators.upkeep_operator import UpkeepOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.upkeep.reverting import Revert
    from wellread.workspace import Workspace


class DeclaredSourcesOperator(UpkeepOperator):
    """An operation that looks at the declarations of sources.

    Args:
        sources_folder: Where their YAML files are; the deployment's setting of this name without it. A worker's
            own folder is nobody's choice, so DAG files name the folder beside them.
        rest: As for ``UpkeepOperator``.
    """

    def __init__(self, *, sources_folder: Path | str | None = None, **rest: Any) -> None:
        super().__init__(**rest)
        self.sources_folder = sources_folder

    def changes(self) -> dict[str, Any]:
        """The folder."""
        return {} if self.sources_folder is None else {"sources_folder": Path(self.sources_folder)}


class PlanRetirementOperator(DeclaredSourcesOperator):
    """List the documents of a source that is no longer declared. Nothing is changed.

    Refused while the source is declared, its folder is there, or a faulty YAML file may declare it. Skipped, and
    the tasks after it, where it is retired already.

    Args:
        source: The source.
        rest: As for ``DeclaredSourcesOperator``.

    Returns counts, the list, and a fingerprint of it for ``RetireSourceOperator``.
    """

    template_fields: Sequence[str] = (*UpkeepOperator.template_fields, "source")

    def __init__(self, *, source: str, **rest: Any) -> None:
        super().__init__(**rest)
        self.source = source

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Ask the guard, then read the ledger. Raises ``PolicyError``, ``SettingsError``."""
        del context
        from wellread.upkeep.confirmations import retirement_fingerprint
        from wellread.upkeep.retiring import plan_retirement
        from wellread.workspace.upkeeping import require_undeclared

        source = self.source.strip()
        plan = plan_retirement(workspace.parts, workspace.settings.collection, source)
        require_undeclared(workspace, source)
        if _is_done(workspace, plan):
            raise AirflowSkipException(f"{source} is retired already.")
        return {
            "source": source,
            "collection": plan.collection,
            "documents": len(plan.removed),
            "fingerprint": retirement_fingerprint(workspace.parts, plan),
            **keep_list(workspace, [("close", key) for key in sorted(plan.removed.values())]),
        }


class RetireSourceOperator(DeclaredSourcesOperator):
    """Close the documents that were listed, and shown to a person, by one revision that an undo takes back.

    Args:
        listed: The whole output of ``PlanRetirementOperator``. Where the source has run since, or is declared
            again, nothing is done.
        shown: What the person has seen: ``XComArg(confirm, key="shown")`` of ``ConfirmListOperator``.
        rest: As for ``DeclaredSourcesOperator``.

    Returns counts. A task that is cleared after it has succeeded does nothing and says so.
    """

    template_fields: Sequence[str] = (*UpkeepOperator.template_fields, "listed", "shown")

    def __init__(self, *, listed: Any, shown: Any, **rest: Any) -> None:
        super().__init__(**rest)
        self.listed: Any = listed
        self.shown: Any = shown

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Ask the guard again, then retire."""
        del context
        from wellread.upkeep.confirmations import retirement_fingerprint
        from wellread.upkeep.retiring import plan_retirement, retire
        from wellread.workspace.upkeeping import require_undeclared

        require_shown(self.listed, self.shown, what="retire a source")
        listed: Mapping[str, Any] = self.listed
        source = listed["source"]
        self.source_ids = [source]
        plan = plan_retirement(workspace.parts, listed["collection"], source)
        if _is_done(workspace, plan):
            self.log.info("%s is retired: nothing was done again.", source)
            return {"source": source, "closed": 0, "revision": None}
        require_undeclared(workspace, source)
        # Without documents there is nothing to close: a killed try has done it, and the mark alone is missing.
        if plan.removed and retirement_fingerprint(workspace.parts, plan) != listed["fingerprint"]:
            raise PolicyError(
                f"retire the source {source!r}",
                found="it has run since the list was confirmed",
                remedy="Start this again, and confirm the new list.",
            )
        sheet = retire(workspace.parts, plan)
        self.log.info("%s is retired. Declare and ingest it again to take it back.", source)
        return {
            "source": source,
            "closed": len(plan.removed),
            "revision": None if sheet is None else sheet.revision,
        }


def _is_done(workspace: Workspace, plan: Revert) -> bool:
    from wellread.ledger import explanations

    with workspace.ledger.reading() as reading:
        rows = explanations.find_source_rows(reading, plan.collection, plan.source_id)
    return not plan.removed and bool(rows) and rows[0]["retired_at"] is not None
