"""Quarantined documents tried again: marked, their sources run, and what came of each told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from wellread_airflow.assets import changed_assets, redriven_alias
from wellread_airflow.form_values import is_set, text_or_none
from wellread_airflow.operators.retiring import DeclaredSourcesOperator
from wellread_airflow.operators.upkeep_operator import UpkeepOperator, kept_report
from wellread_airflow.sheets import sheet_counts, sheet_lines

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.runs import BalanceSheet
    from wellread.workspace import Workspace

MARKED_KEY = "marked"
_KIND = "redriven"
_SHOWN_DOCUMENTS = 200
_MOST_SOURCES = 100


class MarkQuarantinedOperator(UpkeepOperator):
    """Mark quarantined documents, so that the next run tries them though neither they nor the settings changed.

    Args:
        source, stage, cause: Only of these, where given.
        documents: Only these, one a line, as their source lists them; all where empty.
        rest: As for ``UpkeepOperator``.

    Returns the sources to map over; the XCom ``marked`` says how many documents, and where their list is kept.
    Skipped where nothing fits, and the tasks after it too.
    """

    template_fields: Sequence[str] = (*UpkeepOperator.template_fields, "source", "documents", "stage", "cause")

    def __init__(
        self,
        *,
        source: str | None = None,
        documents: str | None = None,
        stage: str | None = None,
        cause: str | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(**rest)
        self.source = source
        self.documents = documents
        self.stage = stage
        self.cause = cause

    def execute(self, context: Context) -> Any:
        """Mark; the tasks after a failed attempt find an empty XCom instead of none."""
        context["ti"].xcom_push(key=MARKED_KEY, value={})
        return super().execute(context)

    def work(self, workspace: Workspace, context: Context) -> list[str]:
        """Mark them in one transaction."""
        from wellread.artifacts.codec import put_json

        collection = workspace.settings.collection
        marked = self._mark(workspace, collection)
        told = {"collection": collection, "count": len(marked)}
        if not marked:
            context["ti"].xcom_push(key=MARKED_KEY, value=told)
            raise AirflowSkipException(f"Nothing in the quarantine of {collection} fits what was asked for.")
        for source_id, key in marked[:_SHOWN_DOCUMENTS]:
            self.log.info("to be tried again: %s/%s", source_id, key)
        sources = sorted({source_id for source_id, _ in marked})
        if len(sources) > _MOST_SOURCES:
            raise AirflowFailException(f"{len(sources)} sources are more than one run takes: name one.")
        kept = put_json(workspace.artifacts, _KIND, marked)
        context["ti"].xcom_push(key=MARKED_KEY, value={**told, "documents": kept})
        return sources

    def _mark(self, workspace: Workspace, collection: str) -> list[tuple[str, str]]:
        from wellread.indexing.same_history import require_belonging
        from wellread.ledger.redriving import mark_for_redrive

        require_belonging(workspace.parts, collection, asked=f"redrive what is in quarantine of {collection!r}")
        lines = (text_or_none(self.documents) or "").splitlines()
        wanted = [line.strip() for line in lines if line.strip()]
        names: list[str | None] = [*wanted] or [None]
        limits = {name: text_or_none(getattr(self, name)) for name in ("cause", "stage")}
        with workspace.ledger.transaction() as tx:
            found = {
                name: mark_for_redrive(
                    tx, collection, natural_key=name, source_id=text_or_none(self.source), **limits
                )
                for name in names
            }
        for name in wanted:
            if not found[name]:
                self.log.warning("not in quarantine, or not of what was asked for: %s", name)
        return sorted({item for of_name in found.values() for item in of_name})


class RunSourceOperator(DeclaredSourcesOperator):
    """Run a source whole in this one task, as ``wellread ingest`` does, and announce what changed.

    Args:
        source: The source: declared, or once ingested by the path of its folder.
        rest: As for ``DeclaredSourcesOperator``.

    Returns the counts of its balance sheet. A retry goes on with what the last attempt has not published.
    """

    template_fields: Sequence[str] = (*UpkeepOperator.template_fields, "source")

    def __init__(self, *, source: str, **rest: Any) -> None:
        rest["outlets"] = [*rest.get("outlets", ()), redriven_alias()]
        super().__init__(**rest)
        self.source = source

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """All waves, then vacuum."""
        from wellread.workspace.redriving import run_again

        self.source_ids = [self.source]
        sheet = run_again(workspace, self.source)
        for line in sheet_lines(sheet):
            self.log.info(line)
        self._announce(sheet, context)
        return sheet_counts(sheet)

    def _announce(self, sheet: BalanceSheet, context: Context) -> None:
        if not sheet.published:
            return
        facts: dict[str, Any] = {
            "source": sheet.source,
            "collection": sheet.collection,
            "revision": sheet.revision,
            **{name: sheet.outcomes.get(name, 0) for name in ("committed", "moved", "deleted")},
        }
        for asset in changed_assets(sheet.source, sheet.collection):
            context["outlet_events"][redriven_alias()].add(asset, extra=facts)


class ReportRedriveOperator(UpkeepOperator):
    """Tell of each document that was marked what came of it; fail where one was not tried.

    Give it the trigger rule ``all_done``: a source that could not be run must not hide the others.

    Args:
        marked: The XCom ``marked`` of ``MarkQuarantinedOperator``.
        was_run: Whether the sources were run; otherwise nothing is told, their next runs try the documents.
        rest: As for ``UpkeepOperator``.

    Returns how many were ``read``, ``failed`` again, are ``gone`` from their source, or were ``untried``.
    """

    template_fields: Sequence[str] = (*UpkeepOperator.template_fields, "marked", "was_run")

    def __init__(self, *, marked: Any, was_run: bool | str = True, **rest: Any) -> None:
        super().__init__(**rest)
        self.marked: Any = marked
        self.was_run = was_run

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Read the ledger."""
        from wellread.artifacts.codec import get_json
        from wellread.ledger.redriving import redriven

        if not self.marked:
            raise AirflowFailException("No document was marked: see the log of the task before.")
        if not self.marked["count"]:
            raise AirflowSkipException("Nothing fits what was asked for.")
        if not is_set(self.was_run, "was_run"):
            raise AirflowSkipException("The documents are marked: the next run of their source tries them.")
        marked = get_json(workspace.artifacts, tuple[tuple[str, str], ...], self.marked["documents"])
        with workspace.ledger.reading() as reading:
            tried = redriven(reading, self.marked["collection"], marked)
        for item in tried[:_SHOWN_DOCUMENTS]:
            why = f": {item.stage}, {item.cause}, {item.attempts} attempts" if item.cause else ""
            self.log.info("%s: %s/%s%s", item.outcome, item.source_id, item.natural_key, why)
        counts = Counter(item.outcome for item in tried)
        told = {"documents": dict(counts), "report": kept_report(workspace, _KIND, tried)}
        if counts["untried"]:
            context["ti"].xcom_push(key="return_value", value=told)  # the exception takes the return's place
            raise AirflowFailException(
                f"{counts['untried']} documents were not tried to the end: see the log of their source's run. "
                "They stay marked, and its next run tries them."
            )
        return told
