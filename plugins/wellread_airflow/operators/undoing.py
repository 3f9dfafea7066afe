"""A run put back: listed, confirmed by a person, undone, and its source released."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wellread.errors import PolicyError, SettingsError
from wellread_airflow.form_values import text_or_none
from wellread_airflow.operators.consenting import keep_list
from wellread_airflow.operators.upkeep_operator import UpkeepOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.upkeep.reverting import Revert
    from wellread.workspace import Workspace


class PlanUndoOperator(UpkeepOperator):
    """List what an undo of a run would put back and remove. Nothing is written to the index.

    Args:
        run_id: The run, as ``wellread status`` and the log of an ingestion name it, or its revision's number.
        rest: As for ``UpkeepOperator``.

    Returns counts, the list, and a fingerprint of it for ``UndoRunOperator``.
    """

    template_fields: Sequence[str] = (*UpkeepOperator.template_fields, "run_id")

    def __init__(self, *, run_id: str, **rest: Any) -> None:
        super().__init__(**rest)
        self.run_id = run_id

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Read the histories of the run and of the later ones."""
        del context
        from wellread.upkeep.reverting import plan_revert

        name = text_or_none(self.run_id)
        if name is None:
            raise SettingsError("undo a run", found="none was named", remedy="Name a run, or its revision.")
        revert = plan_revert(workspace.parts, workspace.settings.collection, name)
        rows = [("put back", item.natural_key) for item in revert.restored.values()]
        rows += [("remove", key) for key in revert.removed.values()]
        self.log.info("%s: undoes %s", revert.source_id, ", ".join(revert.runs))
        return {
            "source": revert.source_id,
            "collection": revert.collection,
            "run": revert.runs[0],
            "runs": len(revert.runs),
            "put_back": len(revert.restored),
            "removed": len(revert.removed),
            "fingerprint": _fingerprint(revert),
            **keep_list(workspace, sorted(rows)),
        }


class UndoRunOperator(UpkeepOperator):
    """Undo what was listed, by one new revision, and hold the source: 0 parses, 0 embeddings.

    Args:
        listed: The whole output of ``PlanUndoOperator``. Where the source has run since, nothing is done.
        rest: As for ``UpkeepOperator``.

    Returns counts. A task that is cleared after it has succeeded does nothing and says so.
    """

    template_fields: Sequence[str] = (*UpkeepOperator.template_fields, "listed")

    def __init__(self, *, listed: Any, **rest: Any) -> None:
        rest.setdefault("multiple_outputs", True)
        super().__init__(**rest)
        self.listed: Any = listed

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Revert."""
        del context
        from wellread.upkeep.reverting import plan_revert
        from wellread.upkeep.undoing import undo

        listed: Mapping[str, Any] = self.listed
        self.source_ids = [listed["source"]]
        told = {name: listed[name] for name in ("source", "run", "put_back", "removed")}
        if _is_undone(workspace, listed["run"]):
            self.log.info("%s is undone: nothing was done again.", listed["run"])
            return {**told, "undo_run": None, "revision": None}
        revert = plan_revert(workspace.parts, workspace.settings.collection, listed["run"])
        if _fingerprint(revert) != listed["fingerprint"]:
            raise PolicyError(
                f"undo the run {listed['run']!r}",
                found="its source has run since the list was confirmed",
                remedy="Start this again, and confirm the new list.",
            )
        done = undo(workspace.parts, revert)
        self.log.info("%s is held. Mend the source, then release it.", revert.source_id)
        return {**told, "undo_run": done.run_id, "revision": None if done.sheet is None else done.sheet.revision}


class ReleaseSourceOperator(UpkeepOperator):
    """Let the runs of a held source go on.

    Args:
        source: The source.
        rest: As for ``UpkeepOperator``.
    """

    template_fields: Sequence[str] = (*UpkeepOperator.template_fields, "source")

    def __init__(self, *, source: Any, **rest: Any) -> None:
        super().__init__(**rest)
        self.source: Any = source

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Release it. Raises ``SettingsError`` for a source that has never run."""
        del context
        from wellread.upkeep.undoing import release_source

        name = str(self.source).strip()
        release_source(workspace.parts, workspace.settings.collection, name)
        self.log.info("%s is released: its next run brings the index in step with it again.", name)
        return {"source": name, "held": False}


def _fingerprint(revert: Revert) -> str:
    """The same for two lists that would do the same."""
    from wellread.artifacts.codec import encode

    return hashlib.sha256(encode(revert)).hexdigest()


def _is_undone(workspace: Workspace, run_id: str) -> bool:
    from wellread.ledger import run_records

    with workspace.ledger.reading() as reading:
        return (run_records.find_run(reading, run_id) or {}).get("state") == "undone"
