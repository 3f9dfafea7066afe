"""Under which names the text of a document has stood: followed through the moves that its source's runs listed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from wellread.artifacts.codec import get_json
from wellread.errors import WellreadError
from wellread.identities import document_id
from wellread.indexing.parts import Parts
from wellread.ledger.schema import documents, runs
from wellread.snapshots import OPEN


@dataclass(frozen=True, slots=True)
class Move:
    """One revision showed a text under another name."""

    revision: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class FormerName:
    """A name, and the revisions in which it showed the text: another document may bear it before and after."""

    natural_key: str
    first: int
    last: int

    def covers(self, rev_from: int, rev_to: int) -> bool:
        """Whether an object with this span showed the text. Open ones are never a former name's."""
        return rev_to != OPEN and rev_from >= self.first and rev_to <= self.last

    def touches(self, revision: int | None) -> bool:
        """Whether a run of this revision found, or left, the text under the name."""
        return revision is not None and self.first < revision <= self.last


@dataclass(frozen=True, slots=True)
class PurgeTarget:
    """A document of one source."""

    collection: str
    source_id: str
    natural_key: str
    doc_ids: tuple[uuid.UUID, ...]
    """Its own id, then those it had before it was renamed."""
    former: Mapping[uuid.UUID, FormerName] = field(default_factory=dict)
    """Ids that it shared, at other times, with other documents."""
    notes: tuple[str, ...] = ()
    """For the receipt: where its text went besides, and what could not be followed."""
    former_keys: tuple[str, ...] = ()
    """The names of all those ids."""

    @property
    def names(self) -> frozenset[str]:
        """Every name that its text has stood under."""
        return frozenset((self.natural_key, *self.former_keys))


@dataclass(frozen=True, slots=True)
class History:
    """What is known of the names of one document."""

    whole: tuple[uuid.UUID, ...]
    """Former ids that nothing else has used."""
    former: Mapping[uuid.UUID, FormerName]
    """Former ids that other documents have used too."""
    notes: tuple[str, ...]
    """What a person must know: where its text went besides, and what could not be followed."""
    names: tuple[str, ...]
    """Of all these ids."""


def earlier_names(moves: Sequence[Move], name: str, until: int) -> Iterator[FormerName]:
    """The names that the text had before it stood under ``name`` at revision ``until``, newest first."""
    since = max((item.revision for item in moves if item.before == name and item.revision < until), default=0)
    for item in sorted(moves, key=lambda move: -move.revision):
        if item.after == name and since <= item.revision < until:
            taken = (one.revision for one in moves if one.before == item.before and one.revision < item.revision)
            yield FormerName(item.before, max(taken, default=0), item.revision)
            yield from earlier_names(moves, item.before, item.revision)


def later_names(moves: Sequence[Move], name: str, since: int = 0) -> Iterator[FormerName]:
    """The names to which text went from ``name`` at revision ``since`` or later."""
    for item in moves:
        if item.before == name and item.revision >= since:
            left = (one.revision for one in moves if one.before == item.after and one.revision > item.revision)
            last = min(left, default=None)
            yield FormerName(item.after, item.revision, _LAST if last is None else last)
            if last is not None:
                yield from later_names(moves, item.after, last)


_LAST = 2**62
"""No revision comes after it."""

_SHOWN = frozenset({"live", "hidden"})


def history_of(parts: Parts, collection: str, source_id: str, tenant: str, natural_key: str) -> History:
    """Every other name under which text of the document may stand in the ledger or the store."""
    moves, lost = _moves(parts, collection, source_id)
    earlier, later = list(earlier_names(moves, natural_key, _LAST)), list(later_names(moves, natural_key))
    known = _states(parts, collection, source_id, {item.natural_key for item in (*earlier, *later)})
    whole: list[uuid.UUID] = []
    former: dict[uuid.UUID, FormerName] = {}
    notes = [f"names before a move: the change lists of {lost} runs of {source_id} are gone"] if lost else []
    names = [item.natural_key for item in earlier]
    for name in earlier:
        doc_id = document_id(tenant, source_id, name.natural_key)
        if name.first == 0 and known.get(name.natural_key) == ("moved", name.last):
            whole.append(doc_id)
        elif name.natural_key != natural_key:
            former[doc_id] = name
    for name in later:
        state, _ = known.get(name.natural_key, ("", 0))
        if state in _SHOWN and name.last == _LAST:
            notes.append(f"{name.natural_key}: text of {natural_key} moved there in revision {name.first}")
        elif state not in _SHOWN and name.natural_key != natural_key:  # the move was undone, or its target deleted
            doc_id = document_id(tenant, source_id, name.natural_key)
            names.append(name.natural_key)
            if name.last == _LAST:
                whole.append(doc_id)
            else:
                former.setdefault(doc_id, name)
    return History(tuple(dict.fromkeys(whole)), former, tuple(dict.fromkeys(notes)), tuple(dict.fromkeys(names)))


def _moves(parts: Parts, collection: str, source_id: str) -> tuple[list[Move], int]:
    """All moves of a source, oldest first, and how many change lists are gone."""
    query = sa.select(runs.c.revision, runs.c.report).where(
        runs.c.collection == collection, runs.c.source_id == source_id, runs.c.revision.is_not(None)
    )
    with parts.ledger.reading() as reading:
        rows = list(reading.execute(query.order_by(runs.c.revision)))
    moves: list[Move] = []
    lost = 0
    for row in rows:
        reference = (row.report or {}).get("changes")
        if reference is None:
            continue
        try:
            changes = get_json(parts.artifacts, list[dict[str, Any]], reference)
        except WellreadError:
            lost += 1
            continue
        moves += [
            Move(row.revision, item["from"], item["document"])
            for item in changes
            if item["change"] == "moved" and item.get("from") is not None
        ]
    return moves, lost


def _states(parts: Parts, collection: str, source_id: str, names: AbstractSet[str]) -> dict[str, tuple[str, int]]:
    """State and newest revision of those of the names that are, or were, in the index."""
    found: dict[str, tuple[str, int]] = {}
    with parts.ledger.reading() as reading:
        for name in sorted(names):
            query = sa.select(documents.c.state, documents.c.revision).where(
                documents.c.collection == collection,
                documents.c.source_id == source_id,
                documents.c.natural_key == name,
            )
            row = reading.execute(query).one_or_none()
            if row is not None:
                found[name] = (row.state, row.revision)
    return found
