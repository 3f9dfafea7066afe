"""Move a collection to another embedding model, or make a fresh copy of it, while readers and runs go on.

A new copy is filled beside the live one from stored chunks: 0 source reads, 0 parses, one embedding for each
distinct input. From its first moment every run writes both copies (``wellread.indexing.mirroring``), so the fill
takes a source's lease only for a page of documents. A switch is one head row; until ``finish`` the other copy is
kept in step and a rollback is one head row too. Every step may be repeated: a killed command goes on where it was.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from wellread.errors import AuditError, LeaseHeldError, SettingsError
from wellread.indexing.fences import CopyFence
from wellread.indexing.heads import flush_heads, known_projection, parts_of
from wellread.indexing.mirroring import Filled, embed_for, mirror_documents, wanted_rows, with_other_model
from wellread.indexing.parts import Parts
from wellread.indexing.revision_states import revision_states
from wellread.indexing.same_history import require_belonging
from wellread.indexing.signatures import stage_signature
from wellread.ledger import objects as ledger_objects
from wellread.ledger import projections, revisions
from wellread.snapshots import Projection
from wellread.upkeep.rebuilding import GRACE_SECONDS, drop_replaced
from wellread.upkeep.reconciling import reconcile
from wellread.upkeep.source_leases import AllSources, patiently, source_lease

Gate = Callable[[Projection, Projection], None]
"""Asked before the switch with the live and the new copy. Raises where the new one must not be read."""

_DOCUMENTS = 100
_AUDITS = 5


@dataclass(slots=True)
class Migrated:
    """What a migration did."""

    collection: str
    state: str = "nothing to migrate"
    """``nothing to migrate``, ``filled``, ``switched``, ``rolled back`` or ``finished``."""
    live: int = 0
    other: int | None = None
    dropped: list[int] = field(default_factory=list)
    filled: Filled = field(default_factory=Filled)
    repaired: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """The JSON that ``wellread migrate --json`` prints."""
        return {
            "collection": self.collection,
            "state": self.state,
            "live": self.live,
            "other": self.other,
            "dropped": self.dropped,
            "written": self.filled.written,
            "kept": self.filled.kept,
            "embeddings": self.filled.embedded,
            "repaired": self.repaired,
            "parses": 0,
            "source_reads": 0,
            "seconds": round(self.seconds, 3),
        }


def migrate(
    parts: Parts,
    collection: str,
    *,
    anew: bool = False,
    switch: bool = True,
    gate: Gate | None = None,
    wait_seconds: float = 600.0,
) -> Migrated:
    """Bring the collection to the model of ``parts.embedder`` and switch readers to it.

    ``anew`` makes a fresh copy where the model is the same. ``switch=False`` stops before the switch; the new copy
    is kept in step. ``wait_seconds``: how long runs at work are waited for. Raises ``LeaseHeldError`` where one is
    longer at work, ``AuditError`` where the copies differ, and what ``gate`` raises.
    """
    started = time.monotonic()
    live, new = _copies(parts, collection, anew=anew)
    done = Migrated(collection, live=live.number)
    if new is not None:
        done.other = new.number
        run_id = f"migrate-{uuid.uuid4().hex}"
        _create(parts, new)
        _fill(parts, live, new, done, run_id=run_id, wait_seconds=wait_seconds)
        _audit(parts, new, done, wait_seconds=wait_seconds)
        done.state = "filled"
        if gate is not None:
            gate(live, new)
        if switch:
            _switch(parts, live, new, run_id=run_id, wait_seconds=wait_seconds)
            done.state, done.live, done.other = "switched", new.number, live.number
    flush_heads(parts, collection)
    done.seconds = time.monotonic() - started
    return done


def _copies(parts: Parts, collection: str, *, anew: bool) -> tuple[Projection, Projection | None]:
    """The live copy, and the one to fill: begun by an earlier try, or added now; ``None`` where none is needed."""
    known_projection(parts, collection)
    target = parts.embedder.identity
    with parts.ledger.transaction() as tx:
        revisions.locked_collection(tx, collection)
        live = revisions.live_projection(tx, collection)
        begun = [
            item
            for state in ("migrating", "creating")
            for item in projections.projections_in_state(tx, collection, state)
        ]
        others = [
            item
            for state in ("retained", "rebuilding", *projections.LEAVING)
            for item in projections.projections_in_state(tx, collection, state)
        ]
        if begun and begun[0].model == target:
            return live, begun[0]
        if not begun and live.model == target and (others or not anew):
            return live, None
        if begun or others:
            raise SettingsError(
                f"migrate {collection!r} to {target.provider} {target.model}",
                found=f"copy {(begun or others)[0].number} of another migration or rebuild still stands",
                remedy=f"End it first: `wellread migrate {collection} --finish` drops the copy that is not live; "
                "a rebuild goes on with `wellread rebuild`.",
            )
        return live, projections.add_projection(tx, collection, target, state="creating")


def _create(parts: Parts, new: Projection) -> None:
    """Make the copy in the store; only then do runs write it."""
    parts.store.create_projection(new, fence=CopyFence(parts, new, ("creating", "migrating")))
    with parts.ledger.transaction() as tx:
        revisions.locked_collection(tx, new.collection)
        if new in projections.projections_in_state(tx, new.collection, "creating"):
            projections.set_state(tx, new, "migrating")


# -- fill ---------------------------------------------------------------------------------------------------------
def _fill(
    parts: Parts, live: Projection, new: Projection, done: Migrated, *, run_id: str, wait_seconds: float
) -> None:
    """Every document once, each page under its source's lease; vectors are computed before, under none."""
    parts.progress.start("migrate")
    deferred: list[tuple[str, list[uuid.UUID]]] = []
    for page in _pages(parts, live, new):
        done.filled += Filled(embedded=_warm(parts, live, new, page, run_id=run_id))
        for source_id, documents in page.items():
            try:
                _fill_page(parts, live, new, source_id, documents, done, run_id=run_id, wait_seconds=0.0)
            except LeaseHeldError:
                deferred.append((source_id, documents))  # a run is at work: it is asked again at the end
    for source_id, documents in deferred:
        _fill_page(parts, live, new, source_id, documents, done, run_id=run_id, wait_seconds=wait_seconds)
    parts.progress.finish("migrate")


def _pages(parts: Parts, live: Projection, new: Projection) -> Iterator[dict[str, list[uuid.UUID]]]:
    """Documents of either copy by source, some at a time."""
    after: uuid.UUID | None = None
    while True:
        with parts.ledger.reading() as reading:
            documents = projections.documents_of(reading, [live, new], after=after, limit=_DOCUMENTS)
            rows = [
                row for copy in (live, new) for row in ledger_objects.rows_of_documents(reading, copy, documents)
            ]
        if not documents:
            return
        sources = {row.doc_id: str((row.facts or {})["source_id"]) for row in rows}
        page: dict[str, list[uuid.UUID]] = {}
        for doc_id, source_id in sources.items():
            page.setdefault(source_id, []).append(doc_id)
        yield page
        after = documents[-1]


def _warm(parts: Parts, live: Projection, new: Projection, page: dict[str, list[uuid.UUID]], *, run_id: str) -> int:
    """Compute the vectors that the page will need: the long part, and nobody has to wait for it."""
    if live.model == new.model:
        return 0
    documents = [doc_id for members in page.values() for doc_id in members]
    states = revision_states(parts, live.collection)
    with parts.ledger.reading() as reading:
        rows = wanted_rows(ledger_objects.rows_of_documents(reading, live, documents), states)
    _, inputs = with_other_model(parts, new, rows)
    return embed_for(parts, new, inputs, run_id=run_id)


def _fill_page(
    parts: Parts,
    live: Projection,
    new: Projection,
    source_id: str,
    documents: list[uuid.UUID],
    done: Migrated,
    *,
    run_id: str,
    wait_seconds: float,
) -> None:
    with patiently(
        lambda: source_lease(parts, live.collection, source_id, purpose="migrate"), seconds=wait_seconds
    ) as held:
        states = revision_states(parts, live.collection)
        done.filled += mirror_documents(parts, live, new, documents, states, run_id=run_id, fence=held.fence)
    parts.progress.advance("migrate", count=len(documents))


# -- audit and switch ---------------------------------------------------------------------------------------------
def _audit(parts: Parts, new: Projection, done: Migrated, *, wait_seconds: float) -> None:
    """Reconcile the new copy until nothing differs. Raises ``AuditError`` if it never does."""
    ends_at = time.monotonic() + wait_seconds
    audits = 0
    while audits < _AUDITS:
        compared = reconcile(parts, new.collection, repair=True, projection=new)
        done.repaired += compared.repaired
        if not compared.faults.total() and not compared.deferred:
            return
        if compared.deferred and time.monotonic() < ends_at:
            time.sleep(0.2)  # runs that are at work: they are not what may fail here
        else:
            audits += 1
    raise AuditError(
        f"migrate {new.collection!r}",
        found=f"the new copy still differs from the ledger after {_AUDITS} repairs",
        remedy="Check the Weaviate server's log and disk, then migrate again: it goes on where it was.",
    )


def _switch(parts: Parts, live: Projection, new: Projection, *, run_id: str, wait_seconds: float) -> None:
    """The last look under all leases, then one head row."""
    signatures = _signatures(parts, live, new)
    with ExitStack() as stack:
        held = AllSources(parts, live.collection, stack, purpose="migrate", wait_seconds=wait_seconds)
        while True:
            held.take_all()
            _catch_up(parts, live, new, held, run_id=run_id)
            with parts.ledger.transaction() as tx:
                revisions.locked_collection(tx, live.collection)
                held.fence.hold(tx)
                if held.misses_one(tx):
                    continue
                projections.switch_to(tx, new, becomes="retained")
                projections.replace_signature(tx, live.collection, signatures)
            flush_heads(parts, live.collection)
            return


def _catch_up(parts: Parts, live: Projection, new: Projection, held: AllSources, *, run_id: str) -> None:
    states = revision_states(parts, live.collection)
    with parts.ledger.reading() as reading:
        apart = projections.documents_apart(reading, live, new)
    for start in range(0, len(apart), _DOCUMENTS):
        part = apart[start : start + _DOCUMENTS]
        mirror_documents(parts, live, new, part, states, run_id=run_id, fence=held.fence)
    with parts.ledger.reading() as reading:
        counts = [
            ledger_objects.count_open_chunks(reading, copy, without=states.unpublished) for copy in (live, new)
        ]
    if counts[0] != counts[1]:
        raise AuditError(
            f"switch {live.collection!r} to copy {new.number}",
            found=f"it has {counts[1]} chunks, the live one {counts[0]}",
            remedy="Migrate again: it goes on where it was.",
        )


def _signatures(parts: Parts, before: Projection, after: Projection) -> tuple[str, str] | None:
    """The signature of documents as they were read, and as they count now: their chunks are the same."""
    bound = [parts.with_model(copy.model) for copy in (before, after)]
    if any(one.embedder.identity != copy.model for one, copy in zip(bound, (before, after), strict=True)):
        return None  # a model that is not at hand: documents are read and compared again, 0 embeddings
    return stage_signature(bound[0]), stage_signature(bound[1])


# -- back, and the end --------------------------------------------------------------------------------------------
def roll_back(parts: Parts, collection: str) -> Migrated:
    """Make the copy before the switch the live one again, by one head row: it holds everything that came since.

    Runs at work are given up, their documents come with their sources' next runs. The other copy is kept in step.
    Raises ``SettingsError`` where there is nothing to go back to.
    """
    started = time.monotonic()
    require_belonging(parts, collection, asked=f"roll back {collection!r}")
    live, old = _switched(parts, collection)
    parts_of(parts, old)
    signatures = _signatures(parts, live, old)
    with parts.ledger.transaction() as tx:
        revisions.locked_collection(tx, collection)
        if projections.projections_in_state(tx, collection, "retained") != [old]:
            raise LeaseHeldError(
                f"roll back {collection!r}", found="somebody did it in this moment", remedy="Ask for the status."
            )
        for revision in revisions.revisions_in_state(tx, collection, ["open"]):
            # It was written to the copy that is live now: published after the switch it would be lost.
            revisions.abandon_revision(tx, collection, revision.number)
        projections.switch_to(tx, old, becomes="migrating")
        projections.replace_signature(tx, collection, signatures)
    flush_heads(parts, collection)
    return Migrated(
        collection, "rolled back", live=old.number, other=live.number, seconds=time.monotonic() - started
    )


def _switched(parts: Parts, collection: str) -> tuple[Projection, Projection]:
    with parts.ledger.reading() as reading:
        kept = projections.projections_in_state(reading, collection, "retained")
        if not kept:
            raise SettingsError(
                f"roll back {collection!r}",
                found="no copy is kept of before a switch",
                remedy="A migration can be rolled back from its switch until `--finish`.",
            )
        return revisions.live_projection(reading, collection), kept[-1]


def finish(
    parts: Parts, collection: str, *, grace_seconds: float = GRACE_SECONDS, wait_seconds: float = 600.0
) -> Migrated:
    """Drop every copy that is not live: after the switch the old one, before it the new one.

    A store that was emptied or restored is no hindrance: ``rebuild``, which makes it good, needs this first.
    """
    started = time.monotonic()
    require_belonging(parts, collection, asked=f"finish the migration of {collection!r}", store_may_be_behind=True)
    with ExitStack() as stack:
        held = AllSources(parts, collection, stack, purpose="migrate", wait_seconds=wait_seconds)
        held.take_all()  # a run at work may be writing the copy
        with parts.ledger.transaction() as tx:
            revisions.locked_collection(tx, collection)
            unfinished = projections.projections_in_state(tx, collection, "creating")
            for copy in (*projections.mirrors(tx, collection), *unfinished):
                projections.set_state(tx, copy, "dropping")
            live = revisions.live_projection(tx, collection)
    dropped = drop_replaced(parts, collection, grace_seconds=grace_seconds)
    seconds = time.monotonic() - started
    return Migrated(collection, "finished", live=live.number, dropped=dropped, seconds=seconds)
