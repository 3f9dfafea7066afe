"""What stands in the index, read back object by object, against what should stand there.

Knows nothing of how a contestant works: rows are compared as a multiset of (document, chunk text) with what the
contestant's own splitter makes of the folder when it is run by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

_AUDITS_AT_ONCE = 4


@dataclass(frozen=True)
class Row:
    """One object that a reader can find."""

    object_id: str
    collection: str
    document: str
    text: str
    owner: str


@dataclass(frozen=True)
class Reading:
    """Everything in the index at one moment."""

    rows: tuple[Row, ...]
    """What a reader can find."""
    stamps: Mapping[str, str]
    """When each object was last updated, those that no reader sees included."""


@dataclass(frozen=True)
class Errors:
    """Differences; nothing but zeros is right."""

    lost: int
    """Chunks that should be there and are not."""
    stale: int
    """Objects with a text that its document does not hold (any more), or of a document that is gone."""
    double: int
    """Objects beyond the number that there should be of a right text."""
    wrong_metadata: int
    outside: int
    """Objects that are not in the vector index, of ``audited``."""
    audited: int
    lost_documents: tuple[str, ...]

    @property
    def count(self) -> int:
        """All of them."""
        return self.lost + self.stale + self.double + self.wrong_metadata + self.outside

    def as_dict(self) -> dict[str, int]:
        """The numbers, for a row of results."""
        names = ("lost", "stale", "double", "wrong_metadata", "outside")
        return {name: getattr(self, name) for name in names}


Chunks = Mapping[str, Sequence[str]]
"""Document to its chunks' texts, in order."""


def compare(rows: Sequence[Row], expected: Chunks, owners: Mapping[str, str]) -> Errors:
    """The differences between what is found and what should be; the vector index is not looked at."""
    wanted = Counter((document, text) for document, texts in expected.items() for text in texts)
    found = Counter((row.document, row.text) for row in rows)
    missing = wanted - found
    surplus = found - wanted
    stale = sum(times for key, times in surplus.items() if key not in wanted)
    wrong = sum(row.owner != owners.get(row.document, "") for row in rows if (row.document, row.text) in wanted)
    return Errors(
        lost=missing.total(),
        stale=stale,
        double=surplus.total() - stale,
        wrong_metadata=wrong,
        outside=0,
        audited=0,
        lost_documents=tuple(sorted({document for document, _ in missing})),
    )


def outside_vector_index(client: Any, rows: Sequence[Row], *, sample: int | None) -> tuple[int, int]:
    """How many objects their own vector does not find, and how many were asked for.

    The search is by the object's vector and filtered by its id: it finds nothing exactly where the object is not in
    the vector index. ``sample`` takes that many at even distances.
    """
    chosen = list(rows)
    if sample is not None and len(chosen) > sample:
        step = len(chosen) / sample
        chosen = [chosen[int(index * step)] for index in range(sample)]
    with ThreadPoolExecutor(_AUDITS_AT_ONCE) as pool:
        return sum(pool.map(lambda row: _is_outside(client, row), chosen)), len(chosen)


def _is_outside(client: Any, row: Row) -> bool:
    from weaviate.classes.query import Filter

    collection = client.collections.get(row.collection)
    found = collection.query.fetch_object_by_id(row.object_id, include_vector=True, return_properties=[])
    if found is None:
        return False
    reply = collection.query.near_vector(
        found.vector["default"], limit=1, filters=Filter.by_id().equal(row.object_id), return_properties=[]
    )
    return not reply.objects


def writes_between(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, int]:
    """Objects that appeared, vanished, and have another time of update. A lower bound of what was written."""
    return {
        "appeared": len(after.keys() - before.keys()),
        "vanished": len(before.keys() - after.keys()),
        "changed": sum(before[name] != after[name] for name in before.keys() & after.keys()),
    }


def new_texts(before: Chunks, after: Chunks) -> int:
    """The ideal: different texts that were nowhere before."""
    return len(_texts(after.values()) - _texts(before.values()))


def _texts(documents: Iterable[Sequence[str]]) -> set[str]:
    return {text for texts in documents for text in texts}
