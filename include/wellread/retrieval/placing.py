"""From ranked chunks to passages: which version shows them, where they stand in it, and what stands beside them.

A chunk object does not know its position. It belongs to the version of its document that is visible under the same
snapshot and lists its key; a chunk that the visible version does not list is not shown.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wellread.documents import Passage, VersionObject
from wellread.retrieval.rescoring import Candidate
from wellread.retrieval.view import View
from wellread.stores.protocol import SearchHit

_ONE_DOCUMENT_HITS = 5
_ONE_DOCUMENT_LEAST = 4


@dataclass(frozen=True, slots=True)
class Place:
    """A chunk in the version that shows it."""

    version: VersionObject
    index: int
    """Of its placement in the version, from 0."""


def place_hits(
    view: View, candidates: Sequence[Candidate], count: int, known: Iterable[VersionObject] = ()
) -> tuple[list[Passage], dict[uuid.UUID, Place]]:
    """The first ``count`` candidates that a visible version lists, as passages, and where they stand.

    ``known`` are versions already read under the same view.
    """
    versions = {version.doc_id: version for version in known}
    passages: list[Passage] = []
    places: dict[uuid.UUID, Place] = {}
    indexes: dict[uuid.UUID, dict[uuid.UUID, int]] = {}
    for start in range(0, len(candidates), max(count, 1)):
        part = candidates[start : start + count]
        doc_ids = dict.fromkeys(candidate.hit.doc_id for candidate in part)
        versions |= view.versions([doc_id for doc_id in doc_ids if doc_id not in versions])
        for candidate in part:
            place = _place(candidate.hit, versions, indexes)
            if place is not None and len(passages) < count:
                places[candidate.hit.chunk_key] = place
                passages.append(_hit_passage(candidate, place, rank=len(passages) + 1))
        if len(passages) >= count:
            break
    return passages, places


def _place(
    hit: SearchHit,
    versions: Mapping[uuid.UUID, VersionObject],
    indexes: dict[uuid.UUID, dict[uuid.UUID, int]],
) -> Place | None:
    version = versions.get(hit.doc_id)
    if version is None:
        return None
    if hit.doc_id not in indexes:
        indexes[hit.doc_id] = {item.chunk_key: index for index, item in enumerate(version.placements)}
    index = indexes[hit.doc_id].get(hit.chunk_key)
    return None if index is None else Place(version, index)


def lie_together(passages: Sequence[Passage]) -> bool:
    """Whether the best hits lie in one document: at least four of the first five."""
    first = Counter(passage.doc_id for passage in passages[:_ONE_DOCUMENT_HITS])
    return bool(first) and first.most_common(1)[0][1] >= min(_ONE_DOCUMENT_LEAST, first.total())


def neighbours(
    view: View, passages: Sequence[Passage], places: Mapping[uuid.UUID, Place], window_count: int
) -> list[Passage]:
    """The chunks within ``window_count`` places of each hit that are no hits themselves, each once.

    A neighbour belongs to the best hit that it stands beside, and is ranked after all hits.
    """
    beside: dict[uuid.UUID, tuple[Passage, Place]] = {}
    for passage in passages:
        place = places[passage.chunk_key]
        for index in _around(place, window_count):
            key = place.version.placements[index].chunk_key
            if key not in places and key not in beside:
                beside[key] = (passage, Place(place.version, index))
    found = view.chunks(list(beside))
    present = [(found[key], hit, place) for key, (hit, place) in beside.items() if key in found]
    return [
        _passage(chunk, place, rank=len(passages) + number, score=hit.score, neighbour_of=hit.rank)
        for number, (chunk, hit, place) in enumerate(present, start=1)
    ]


def _around(place: Place, window_count: int) -> list[int]:
    """Indexes beside a place, nearest first, the following before the preceding one."""
    steps = (sign * step for step in range(1, window_count + 1) for sign in (1, -1))
    return [place.index + step for step in steps if 0 <= place.index + step < len(place.version.placements)]


def _hit_passage(candidate: Candidate, place: Place, *, rank: int) -> Passage:
    return _passage(candidate.hit, place, rank=rank, score=candidate.score, signals=candidate.signals())


def _passage(
    hit: SearchHit,
    place: Place,
    *,
    rank: int,
    score: float,
    neighbour_of: int | None = None,
    signals: Mapping[str, float] | None = None,
) -> Passage:
    version, placement = place.version, place.version.placements[place.index]
    return Passage(
        rank=rank,
        score=score,
        text=hit.text,
        chunk_key=hit.chunk_key,
        doc_id=hit.doc_id,
        document=version.natural_key,
        title=version.title,
        headings=hit.headings,
        page=placement.page,
        start_char=placement.start_char,
        end_char=placement.end_char,
        repeated_chars=hit.repeated_chars,
        version_hash=version.version_hash,
        source_id=hit.source_id,
        neighbour_of=neighbour_of,
        signals=signals or {},
    )
