"""The index made true to the ledger, made again, and swept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from wellread.errors import LeaseHeldError
from wellread_airflow.form_values import is_set
from wellread_airflow.operators.upkeep_operator import UpkeepOperator, kept_report

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.upkeep.reconciling import Reconciled
    from wellread.workspace import Workspace


class ReconcileIndexOperator(UpkeepOperator):
    """Compare the whole index with the ledger and repair what differs, with 0 embeddings.

    Args:
        repair: Without it nothing is written, and the task fails where something differs.
        rest: As for ``UpkeepOperator``.

    Returns counts, and the address of the whole report.
    """

    template_fields: Sequence[str] = (*UpkeepOperator.template_fields, "repair")

    def __init__(self, *, repair: bool | str = True, **rest: Any) -> None:
        super().__init__(**rest)
        self.repair = repair

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Compare once; again after a wait, where a run was at work on what seemed to differ."""
        from wellread.upkeep.reconciling import reconcile

        done = reconcile(workspace.parts, workspace.settings.collection, repair=is_set(self.repair, "repair"))
        told = done.as_dict()
        examples = told.pop("examples")
        told["report"] = kept_report(workspace, "reconciled", {**told, "examples": examples})
        told["deferred"] = sum(done.deferred.values())
        self._log(done)
        if done.deferred:
            self._wait_for(done)
        if not done.is_true:
            context["ti"].xcom_push(key="return_value", value=told)  # the exception takes the return's place
            raise AirflowFailException(
                f"{done.faults.total() - done.repaired} objects differ from the ledger and were not repaired: "
                f"see {told['report']}, and run again with repair."
            )
        return told

    def _log(self, done: Reconciled) -> None:
        self.log.info(
            "%d objects and %d vectors compared in %.1f s: %d differences, %d repaired",
            *(done.objects, done.counts.vectors, done.seconds, done.faults.total(), done.repaired),
        )
        for item in done.examples:
            self.log.warning(
                "%s: %s %s of %s %s", item.fault, item.kind, item.object_id, item.source_id, item.found
            )

    def _wait_for(self, done: Reconciled) -> None:
        self.source_ids = sorted(done.deferred)
        raise LeaseHeldError(
            f"compare {done.projection.collection!r} with the ledger",
            found=f"{sum(done.deferred.values())} objects were left out, because runs work on "
            f"{', '.join(self.source_ids[:5])}",
            remedy="Wait until they end.",
        )


class RebuildIndexOperator(UpkeepOperator):
    """Make a lost or damaged index again from ledger, artifacts and cached vectors: 0 source reads, 0 embeddings.

    Returns counts. A retry goes on where the last attempt stopped.
    """

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Fill a new copy, switch to it, drop the old one."""
        del context
        from wellread.upkeep.rebuilding import rebuild

        done = rebuild(workspace.parts, workspace.settings.collection).as_dict()
        self.log.info("%s", done)
        return done


class VacuumIndexOperator(UpkeepOperator):
    """Delete what no reader can see any more. Returns counts."""

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Sweep once."""
        del context
        from wellread.upkeep.vacuum import vacuum

        done = vacuum(workspace.parts, workspace.settings.collection)
        self.log.info("%d objects that no reader can see were deleted.", done.deleted)
        return {"deleted": done.deleted, "oldest_readable": done.oldest_readable, "claims": done.claims}
