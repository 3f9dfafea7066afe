"""Made documents for measurements of speed: words as frequent as in prose, vectors with topics, some revisions.

The same numbers give the same documents. Nothing here says anything about quality.
"""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from wellread.documents import ChunkObject, Placement, VersionObject
from wellread.identities import chunk_key, document_id, object_id, version_key
from wellread.snapshots import OPEN, ModelIdentity

DIMENSIONS = 384
MODEL = ModelIdentity(provider="benchmark", model="made", revision="1", dimensions=DIMENSIONS)
SOURCE_ID, TENANT = "made", "default"
CHUNK_WORDS = 100
VOCABULARY_WORDS = 30_000
TOPICS = 200

_FREQUENT = """the of and to in a is that it was for on are as with his they at be this from have or by one had not
but what all were when we there can an your which their said if do will each about how up out them then she many
some so these would other into has more her two like him see time could no make than first been its who now"""
_SYLLABLES = ["ba", "cor", "den", "fi", "gra", "hol", "im", "jur", "ka", "lem", "mo", "nar", "op", "per", "qui"]
_SYLLABLES += ["ra", "sto", "tel", "un", "ver", "wex", "yor", "zin", "cla", "dri", "fen", "gul", "hes", "ist", "lu"]


def vocabulary() -> list[str]:
    """English function words, then made words of two to four syllables, most frequent first."""
    made = ("".join(parts) for length in (2, 3, 4) for parts in itertools.product(_SYLLABLES, repeat=length))
    return list(itertools.islice(itertools.chain(_FREQUENT.split(), made), VOCABULARY_WORDS))


class Words:
    """Draws words by Zipf's law: the r-th most frequent one with a weight of 1 / (r + 2.7)."""

    def __init__(self, seed: int) -> None:
        self._draw = np.random.default_rng(seed)
        self._words = np.asarray(vocabulary(), dtype=object)
        weights = 1.0 / (np.arange(len(self._words)) + 2.7)
        self._edges = np.cumsum(weights / weights.sum())

    def text(self, count: int) -> str:
        """That many words in sentences of about twelve."""
        places = np.searchsorted(self._edges, self._draw.random(count))
        drawn = self._words[np.minimum(places, len(self._words) - 1)].tolist()
        sentences = (" ".join(drawn[start : start + 12]) for start in range(0, count, 12))
        return " ".join(f"{sentence.capitalize()}." for sentence in sentences)

    def question(self, text: str) -> str:
        """A question of ten words or so, with six rarer words of a text."""
        rare = list(dict.fromkeys(word for word in text.lower().replace(".", "").split() if len(word) > 5))
        chosen = self._draw.permutation(len(rare))[:6]
        return f"What is the {' '.join(rare[index] for index in sorted(chosen))} of it?"


class Directions:
    """Unit vectors that lie near the direction of their topic."""

    def __init__(self, seed: int) -> None:
        self._draw = np.random.default_rng(seed)
        self._topics = np.random.default_rng(0).normal(size=(TOPICS, DIMENSIONS))

    def vector(self, topic: int) -> tuple[float, ...]:
        """One vector; its cosine to the topic's direction is about 0.6."""
        mixed = 0.75 * self._topics[topic % TOPICS] + self._draw.normal(size=DIMENSIONS)
        found: list[float] = (mixed / np.linalg.norm(mixed)).astype(np.float32).tolist()
        return tuple(found)


@dataclass(frozen=True)
class MadeDocument:
    """One version of a document with its chunks."""

    version: VersionObject
    chunks: tuple[ChunkObject, ...]


def made_documents(
    count: int, *, chunks_per_document: int, documents_per_revision: int, seed: int = 1
) -> Iterator[MadeDocument]:
    """Documents in several revisions. Of each fiftieth there is an older version too, closed by a later revision.

    Revisions are numbered from 1; the edits come as the revision after all others.
    """
    words, directions = Words(seed), Directions(seed)
    edits = -(-count // documents_per_revision) + 1
    for number in range(count):
        revision = 1 + number // documents_per_revision
        is_edited = number % 50 == 0
        closed = edits if is_edited else OPEN
        yield _document(number, chunks_per_document, revision, closed, words, directions)
        if is_edited:
            yield _document(number, chunks_per_document, edits, OPEN, words, directions)


def _document(
    number: int, chunk_count: int, rev_from: int, rev_to: int, words: Words, directions: Directions
) -> MadeDocument:
    natural_key = f"folder-{number % 50:02}/report-{number:05}.txt"
    doc_id = document_id(TENANT, SOURCE_ID, natural_key)
    title = words.text(6)
    texts = [words.text(CHUNK_WORDS) for _ in range(chunk_count)]
    chunks = tuple(
        _chunk(doc_id, title, text, directions.vector(number), rev_from=rev_from, rev_to=rev_to) for text in texts
    )
    ends = list(itertools.accumulate(len(text) + 2 for text in texts))
    placements = tuple(
        Placement(chunk.chunk_key, end - len(chunk.text) - 2, end - 2, None)
        for chunk, end in zip(chunks, ends, strict=True)
    )
    version_hash = hashlib.sha256("".join(texts).encode()).hexdigest()
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    version = VersionObject(
        object_id=object_id(version_key(doc_id, version_hash), rev_from, 1),
        doc_id=doc_id,
        source_id=SOURCE_ID,
        tenant=TENANT,
        acl=("*",),
        rev_from=rev_from,
        rev_to=rev_to,
        copy=1,
        natural_key=natural_key,
        title=title,
        opening=" ".join(" ".join(texts[:2]).split()[:200]),
        metadata={},
        version_hash=version_hash,
        modified_at=moment,
        ingested_at=moment,
        placements=placements,
        payload_hash=version_hash,
    )
    return MadeDocument(version, chunks)


def _chunk(
    doc_id: uuid.UUID, title: str, text: str, vector: tuple[float, ...], *, rev_from: int, rev_to: int
) -> ChunkObject:
    payload_hash = hashlib.sha256(text.encode()).hexdigest()
    key = chunk_key(doc_id, payload_hash, 1)
    return ChunkObject(
        object_id=object_id(key, rev_from, 1),
        chunk_key=key,
        doc_id=doc_id,
        source_id=SOURCE_ID,
        tenant=TENANT,
        acl=("*",),
        rev_from=rev_from,
        rev_to=rev_to,
        copy=1,
        text=text,
        repeated_chars=0,
        title=title,
        headings=(),
        language="en",
        kind="text",
        payload_hash=payload_hash,
        vector=vector,
    )
