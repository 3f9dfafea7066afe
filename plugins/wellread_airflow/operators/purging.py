"""A document removed for ever: counted, confirmed by a person, purged, with a receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wellread.errors import PolicyError, SettingsError
from wellread_airflow.form_values import is_set, text_or_none
from wellread_airflow.operators.consenting import keep_list, require_shown
from wellread_airflow.operators.upkeep_operator import UpkeepOperator
from wellread_airflow.operators.workspace_operator import small_counts

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.upkeep.purging import Receipt
    from wellread.workspace import Workspace


class PlanPurgeOperator(UpkeepOperator):
    """Count what a purge of a document would remove. Nothing is changed.

    Args:
        document: As its source lists it, or its id.
        reason: Why it must go; the receipt keeps it.
        source: The source, where several have a document of this name.
        deep: Every artifact is to be read, for texts that no row links to the document, as ``purge --deep`` does.
        rest: As for ``UpkeepOperator``.

    Returns what was found, and a fingerprint of how the document stands, for ``PurgeDocumentOperator``.
    """

    template_fields: Sequence[str] = (*UpkeepOperator.template_fields, "document", "reason", "source", "deep")

    def __init__(
        self, *, document: str, reason: str, source: str | None = None, deep: bool | str = False, **rest: Any
    ) -> None:
        super().__init__(**rest)
        self.document = document
        self.reason = reason
        self.source = source
        self.deep = deep

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Take the inventory. Raises ``SettingsError`` where no source knows the document, or several do."""
        del context
        from wellread.upkeep.confirmations import purge_standing
        from wellread.upkeep.purging import find_target, survey

        reason = text_or_none(self.reason)
        if reason is None:
            raise SettingsError(
                "purge a document", found="no reason is given", remedy="Say why; the receipt keeps it."
            )
        name, collection = self.document.strip(), workspace.settings.collection
        target = find_target(workspace.parts, collection, name, source_id=text_or_none(self.source))
        standing = purge_standing(workspace.parts, target)
        counts = survey(workspace.parts, target)
        told = {"source": target.source_id, "document": target.natural_key, "collection": collection}
        self.log.info("%s: %s", told, dict(counts))
        return {
            **told,
            "reason": reason,
            "deep": is_set(self.deep, "deep"),
            "earlier purge": standing.state or "none",
            "fingerprint": standing.fingerprint,
            **keep_list(
                workspace, [(f"remove {count}", found) for found, count in sorted(counts.items()) if count]
            ),
        }


class PurgeDocumentOperator(UpkeepOperator):
    """Remove the text of the document that was listed, and shown to a person, for ever.

    It is done for this approval alone: where the list is not the one that was shown, or the document has changed
    or come again since, the task fails and nothing is removed. Retried after a crash it goes on; cleared after it
    has succeeded it hands out the receipt again.

    Args:
        listed: The whole output of ``PlanPurgeOperator``.
        shown: What the person has seen: ``XComArg(confirm, key="shown")`` of ``ConfirmListOperator``.
        by: Who approved; stands in the receipt, behind the reason.
        rest: As for ``UpkeepOperator``.

    Returns counts and the address of the receipt.
    """

    template_fields: Sequence[str] = (*UpkeepOperator.template_fields, "listed", "shown", "by")

    def __init__(self, *, listed: Any, shown: Any, by: Any = None, **rest: Any) -> None:
        super().__init__(**rest)
        self.listed: Any = listed
        self.shown: Any = shown
        self.by: Any = by

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Purge; the document is withdrawn from readers even where a run must be waited for."""
        del context
        from wellread.upkeep.confirmations import purge_standing
        from wellread.upkeep.purging import find_target
        from wellread.workspace.upkeeping import purge_document

        require_shown(self.listed, self.shown, what="purge a document")
        listed: Mapping[str, Any] = self.listed
        source, name, by = listed["source"], listed["document"], text_or_none(self.by)
        self.source_ids = [source]
        told = {"source": source, "document": name, "collection": listed["collection"], "by": by}
        target = find_target(workspace.parts, listed["collection"], name, source_id=source)
        standing = purge_standing(workspace.parts, target)
        if standing.fingerprint != listed["fingerprint"] and standing.state != "purging":
            if standing.state != "purged" or standing.receipt is None:
                raise _changed(name)
            self.log.info("%s is purged: nothing was done again.", name)
            return {**told, "removed": {}, "receipt": workspace.artifacts.uri(standing.receipt)}
        reason = listed["reason"] if by is None else f"{listed['reason']} (approved by {by})"
        receipt = purge_document(workspace, target, reason=reason, deep=bool(listed.get("deep")))
        self._log(receipt)
        return {
            **told,
            "removed": small_counts(receipt.removed),
            "kept_artifacts": len(receipt.kept_artifacts),
            "unreached": len(receipt.unreached),
            "receipt": None if receipt.reference is None else workspace.artifacts.uri(receipt.reference),
        }

    def _log(self, receipt: Receipt) -> None:
        for name, count in sorted(receipt.removed.items()):
            self.log.info("removed: %d %s", count, name)
        for reference in receipt.kept_artifacts:
            self.log.info("kept, another document needs it: %s", reference)
        for place in receipt.unreached:
            self.log.warning("not reached: %s", place)


def _changed(name: str) -> PolicyError:
    return PolicyError(
        f"purge {name!r}",
        found="it has changed, or was let in again, since a person confirmed",
        remedy="Start this again, and confirm what it shows then.",
    )
