"""One run of a source, step by step. Airflow calls the steps as tasks; the shell calls them in a row."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from wellread.artifacts.bundles import put_folder
from wellread.artifacts.codec import get_json, put_json
from wellread.errors import (
    BudgetExhaustedError,
    ModelMismatchError,
    QualityError,
    RevisionClosedError,
    WellreadError,
)
from wellread.indexing import extraction, loading
from wellread.indexing.access import apply_changes
from wellread.indexing.affording import budget_stop, set_unaffordable_aside
from wellread.indexing.estimating import Estimate, estimate_plan
from wellread.indexing.fences import Fence, lease_fence
from wellread.indexing.heads import flush_heads, parts_of_live, prepare_collection
from wellread.indexing.parts import Parts
from wellread.indexing.payloads import drop_payloads, keep_payloads
from wellread.indexing.planning import plan_wave
from wellread.indexing.plans import READING, Plan, PlannedDocument, RunHandle, lease_name
from wellread.indexing.publishing import Published, abandon_run, publish_revision
from wellread.indexing.recovering import abandon_open, audit_newest, clean_abandoned
from wellread.indexing.reporting import merge_waves
from wellread.indexing.same_history import look_at_both, require_same_history
from wellread.indexing.spending import require_price
from wellread.ledger import documents as ledger_documents
from wellread.ledger import leases, projections, revisions, run_records
from wellread.ledger.database import Transaction
from wellread.ledger.documents import KnownDocument
from wellread.ledger.leases import Lease
from wellread.ledger.run_records import StagedRow
from wellread.runs import BalanceSheet, DocumentStatistics, SourceDeclaration
from wellread.snapshots import Projection
from wellread.sources.protocol import Source

OpenSource = Callable[[SourceDeclaration], Source]


@dataclass(frozen=True, slots=True)
class Runner:
    """The steps of ingestion over one deployment's parts."""

    parts: Parts
    open_source: OpenSource

    # -- plan -----------------------------------------------------------------------------------------------
    def plan(
        self,
        declaration: SourceDeclaration,
        *,
        run_id: str,
        one_process: bool,
        source_may_move: bool = True,
        budget_id: str | None = None,
    ) -> RunHandle:
        """Take the lease, recover from dead runs, compare, freeze the plan, open a revision if there is work.

        ``budget_id``: of runs that share one ``run_usd``. Raises ``SettingsError`` for a budget without a price.
        """
        parts = self.parts
        require_price(parts)
        lease = leases.acquire(
            parts.ledger,
            lease_name(declaration.collection, declaration.id),
            run_id,
            seconds=parts.lease_seconds,
            one_process=one_process,
        )
        try:
            with leases.kept_alive(parts.ledger, lease, seconds=parts.lease_seconds):
                run = self._resumed(declaration, run_id, lease) or self._plan_anew(
                    declaration, run_id, lease, source_may_move=source_may_move
                )
                return replace(run, budget_id=budget_id)
        except WellreadError:
            leases.release(parts.ledger, lease)  # the next run need not wait for a plan that failed
            raise

    def _plan_anew(
        self, declaration: SourceDeclaration, run_id: str, lease: Lease, *, source_may_move: bool
    ) -> RunHandle:
        with self._source(declaration) as source:
            parts, projection = self._recover(declaration, lease, source_may_move=source_may_move)
            with parts.ledger.transaction() as tx:
                run_records.start_run(tx, run_id, declaration.collection, declaration.id)
            plan, draft = plan_wave(parts, declaration, source, run_id)
            apply_changes(parts, declaration, draft.access_changes, lease)
            plan_ref = put_json(parts.artifacts, "plans", plan)
            return self._freeze(plan, draft.effects, plan_ref, lease, projection)

    def dry_run(self, declaration: SourceDeclaration) -> Plan:
        """The plan of the next wave; nothing is written, nothing is leased.

        Raises ``EpochMismatchError`` if ledger or store were restored or lost.
        """
        collection = declaration.collection
        require_same_history(look_at_both(self.parts, collection), asked=f"plan a run into {collection!r}")
        with self._source(declaration) as source:
            parts = self._bound(declaration.collection)
            plan, _ = plan_wave(parts, declaration, source, f"dry-{uuid.uuid4().hex}")
        return plan

    def estimate(self, plan: Plan) -> Estimate:
        """What the plan will cost."""
        return estimate_plan(self._bound(plan.declaration.collection), plan)

    def _resumed(self, declaration: SourceDeclaration, run_id: str, lease: Lease) -> RunHandle | None:
        """A retried plan task of an open revision hands out the same frozen plan under the same number."""
        with self.parts.ledger.reading() as reading:
            left_open = revisions.revisions_in_state(
                reading, declaration.collection, ["open"], source_id=declaration.id
            )
        for revision in left_open:
            if revision.run_id == run_id:
                plan = self.read_plan(revision.plan_ref)
                return _handle(plan, revision.plan_ref, lease, revision.number)
        return None

    def _recover(
        self, declaration: SourceDeclaration, lease: Lease, *, source_may_move: bool
    ) -> tuple[Parts, Projection]:
        fence = lease_fence(self.parts, lease)
        parts, projection = self._prepare(declaration.collection, fence)
        flush_heads(parts, declaration.collection)
        with parts.ledger.transaction() as tx:
            ledger_documents.register_source(tx, declaration, may_move=source_may_move)
        abandon_open(parts, declaration.collection, declaration.id, fence=fence)
        clean_abandoned(parts, projection, declaration.id, fence=fence)
        with parts.ledger.reading() as reading:
            copies = projections.kept_copies(reading, declaration.collection)
        for copy in copies:
            audit_newest(parts, copy, declaration.id, fence=fence)
        return parts, projection

    def _prepare(self, collection: str, fence: Fence) -> tuple[Parts, Projection]:
        """The parts with the model of the live copy, and that copy. No switch can come between, but a rollback."""
        parts = self._bound(collection)
        try:
            return parts, prepare_collection(parts, collection, fence=fence)
        except ModelMismatchError:
            again = self._bound(collection)
            if again.embedder.identity == parts.embedder.identity:
                raise
            return again, prepare_collection(again, collection, fence=fence)

    def _freeze(
        self,
        plan: Plan,
        effects: Sequence[Callable[[Transaction], None]],
        plan_ref: str,
        lease: Lease,
        projection: Projection,
    ) -> RunHandle:
        parts, declaration = self.parts, plan.declaration
        highest = parts.store.highest_revision(projection) if plan.documents else 0
        with parts.ledger.transaction() as tx:
            leases.require(tx, lease)  # the plan is of the state that only this run could change since
            for effect in effects:
                effect(tx)
            run_records.update_run(tx, plan.run_id, plan_ref=plan_ref)
            if not plan.documents:
                return _handle(plan, plan_ref, lease, None)
            known = ledger_documents.live_documents(
                tx, declaration.collection, [item.doc_id for item in plan.documents], with_hidden=True
            )
            number = revisions.open_revision(
                tx,
                declaration.collection,
                source_id=declaration.id,
                run_id=plan.run_id,
                lease_token=lease.token,
                plan_ref=plan_ref,
                highest_in_store=highest,
            )
            run_records.update_run(tx, plan.run_id, revision=number)
            rows = [_staged(item, known.get(item.doc_id), plan.stage_signature) for item in plan.documents]
            run_records.stage_documents(tx, declaration.collection, number, rows)
        return _handle(plan, plan_ref, lease, number)

    # -- the tasks of a run -----------------------------------------------------------------------------------
    def extract(self, run: RunHandle, batch: int | None = None) -> int:
        """Extract one batch, or all; returns how many documents were looked at."""
        plan = self.read_plan(run.plan_ref)
        with self._working(run), self._source(plan.declaration) as source:
            return extraction.extract_batch(self._bound(run.collection), source, run, batch)

    def assess(self, run: RunHandle) -> str | None:
        """The quality gate over all documents of the run, before anything is paid; the address of its report.

        What cannot be paid as a whole is left pending here, where ``indexing.budget.when_short`` is ``stop``.
        The report is kept as an artifact and linked from the run. A blocked run is abandoned; raises
        ``QualityError``.
        """
        if run.revision is None:
            return None
        with self.parts.ledger.reading() as reading:
            rows = run_records.staged_documents(reading, run.collection, run.revision)
        statistics = [
            DocumentStatistics(**detail["statistics"])
            for row in rows
            if "statistics" in (detail := row.detail or {})
        ]
        if not statistics:
            return None
        folder = None if self.parts.reports is None else self.parts.reports / f"{run.source_id}-{run.revision}"
        try:
            self.parts.quality_gate(statistics, report_folder=folder)
        except QualityError as error:
            self._keep_report(run, folder)
            self.abandon(run, reason=str(error))
            raise
        tenant = self.read_plan(run.plan_ref).declaration.tenant
        set_unaffordable_aside(self._bound(run.collection), run, tenant=tenant)
        return self._keep_report(run, folder)

    def _is_judged(self, run: RunHandle) -> bool:
        """Whether the run has as many documents as the gate needs for a verdict."""
        documents = [item for item in self.read_plan(run.plan_ref).documents if item.action in READING]
        return len(documents) >= self.parts.quality.run.documents_count_min

    def _keep_report(self, run: RunHandle, folder: Path | None) -> str | None:
        """Where the pages of the quality report are kept for every machine; ``None`` where there are none."""
        if folder is None or not folder.is_dir():
            return None
        reference = put_folder(self.parts.artifacts, "reports", folder)
        uri = self.parts.artifacts.uri(reference)
        with self.parts.ledger.transaction() as tx:
            run_records.note_quality_report(tx, run.run_id, reference=reference, uri=uri)
        return uri

    def load(self, run: RunHandle, batch: int | None = None) -> int:
        """Load one batch, or all; returns how many documents were written.

        Raises ``BudgetExhaustedError`` once all that can be paid is loaded: publish it, the rest is pending.
        """
        plan = self.read_plan(run.plan_ref)
        with self._working(run):
            return loading.load_batch(self._bound(run.collection), plan.declaration, run, batch)

    def publish(self, run: RunHandle, *, seconds: float = 0.0) -> Published:
        """Publish what was loaded and give the lease back."""
        plan = self.read_plan(run.plan_ref)
        with self._working(run) if self._is_open(run) else nullcontext():
            keep_payloads(self.parts, run, lambda: self._source(plan.declaration))
            published = publish_revision(self._bound(run.collection), plan, run, seconds=seconds)
        leases.release(self.parts.ledger, run.lease)
        drop_payloads(self.parts)
        return published

    def _is_open(self, run: RunHandle) -> bool:
        if run.revision is None:
            return False
        with self.parts.ledger.reading() as reading:
            return revisions.find_revision(reading, run.collection, run.revision).state == "open"

    def abandon(self, run: RunHandle, *, reason: str) -> None:
        """Give the run up; what it wrote is cleaned now or by the next run."""
        try:
            abandon_run(self.parts, run, reason=reason)
        except RevisionClosedError:
            pass
        finally:
            leases.release(self.parts.ledger, run.lease)

    def read_plan(self, plan_ref: str) -> Plan:
        """The frozen plan of a run."""
        return get_json(self.parts.artifacts, Plan, plan_ref)

    # -- all of it, from the shell ------------------------------------------------------------------------------
    def run(self, declaration: SourceDeclaration, *, source_may_move: bool = True) -> BalanceSheet:
        """Wave after wave until nothing is pending; one balance sheet for all of them.

        Raises ``BudgetExhaustedError`` after what could be paid is published.
        """
        sheets: list[BalanceSheet] = []
        budget_id = f"shell-{uuid.uuid4().hex}"
        while True:
            sheet = self._run_wave(declaration, source_may_move=source_may_move, budget_id=budget_id)
            if (stop := budget_stop(sheet)) is not None:
                raise stop
            sheets.append(sheet)
            if not sheet.outcomes.get("pending") or not _settled_now(sheet):
                return merge_waves(sheets)

    def _run_wave(self, declaration: SourceDeclaration, *, source_may_move: bool, budget_id: str) -> BalanceSheet:
        started = time.monotonic()
        run = self.plan(
            declaration,
            run_id=f"shell-{uuid.uuid4().hex}",
            one_process=True,
            source_may_move=source_may_move,
            budget_id=budget_id,
        )
        try:
            if run.batch_count:
                if self._is_judged(run):
                    self.parts.warm_quality_gate()
                self.extract(run)
                self.assess(run)
                with suppress(BudgetExhaustedError):  # the sheet says it, once what costs nothing is loaded too
                    self.load(run)
            return self.publish(run, seconds=time.monotonic() - started).sheet
        except RevisionClosedError:
            with self.parts.ledger.reading() as reading:  # overtaken by a later run: that error says more
                leases.require(reading, run.lease)
            leases.release(self.parts.ledger, run.lease)  # given up by a rollback: the next run cleans
            raise
        except WellreadError as error:
            self._abandon_quietly(run, error)
            raise

    def _abandon_quietly(self, run: RunHandle, error: WellreadError) -> None:
        """The first error is the one to tell; if cleaning fails too, the next run cleans."""
        try:
            self.abandon(run, reason=str(error))
        except WellreadError:
            return

    def _bound(self, collection: str) -> Parts:
        """The parts with the model of the copy that readers use now: it changes when a migration switches."""
        return parts_of_live(self.parts, collection)

    # -- pieces -------------------------------------------------------------------------------------------------
    @contextmanager
    def _source(self, declaration: SourceDeclaration) -> Iterator[Source]:
        source = self.open_source(declaration)
        try:
            yield source
        finally:
            source.close()

    @contextmanager
    def _working(self, run: RunHandle) -> Iterator[None]:
        with leases.kept_alive(self.parts.ledger, run.lease, seconds=self.parts.lease_seconds):
            yield


def _settled_now(sheet: BalanceSheet) -> int:
    """Documents that this wave took off the list. What stands in quarantine since earlier is no progress."""
    done = ("committed", "moved", "quarantined", "unsupported", "gone")
    standing = sum(1 for problem in sheet.problems if problem.get("standing"))
    return sum(sheet.outcomes.get(name, 0) for name in done) - standing


def _handle(plan: Plan, plan_ref: str, lease: Lease, revision: int | None) -> RunHandle:
    return RunHandle(
        run_id=plan.run_id,
        collection=plan.declaration.collection,
        source_id=plan.declaration.id,
        plan_ref=plan_ref,
        lease_holder=lease.holder,
        lease_token=lease.token,
        revision=revision,
        batch_count=plan.batch_count if revision is not None else 0,
        pending=plan.outcomes.get("pending", 0),
    )


def _staged(item: PlannedDocument, known: KnownDocument | None, signature: str) -> StagedRow:
    # Cuts made under other settings say nothing about cuts under these.
    previous_chunks_ref = known.chunks_ref if known is not None and known.stage_signature == signature else None
    facts = {
        "natural_key": item.natural_key,
        "reason": item.reason,
        "version_token": item.version_token,
        "size_bytes": item.size_bytes,
        "modified_at": item.modified_at,
        "metadata": dict(item.metadata),
        "acl": list(item.acl),
        "known_acl": None if known is None else list(known.acl),
        "previous_chunks_ref": previous_chunks_ref,
        "facts_sha": item.facts_sha,
        "content_sha": item.content_sha,
        "previous_doc_id": None if item.previous_doc_id is None else str(item.previous_doc_id),
        "previous_key": item.previous_key,
    }
    if item.action != "show" or known is None:
        return StagedRow(item.doc_id, item.batch, item.action, "planned", None, None, None, None, facts)
    kept = ("chunks_ref", "stage_signature", "content_sha", "size_bytes", "version_token", "modified_at")
    facts.update({name: getattr(known, name) for name in kept})
    return StagedRow(item.doc_id, item.batch, item.action, "extracted", None, None, None, {"parsed": False}, facts)
