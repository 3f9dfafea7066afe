"""Are the quotes of old answers still true? Each is looked up in what its document says now; no model is asked.

Everything here is a function of values and of two reads: the visible versions of documents, and visible chunks by
key. ``retrieval.view.View`` has both.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal, Protocol, get_args

from wellread.answering.checking.quotes import DEFAULT_QUOTES, QuoteSettings, locate_quote
from wellread.documents import Placement
from wellread.questions import AnswerRow, Citation, QuoteMatch

Verdict = Literal["still_true", "source_changed", "source_gone", "quote_missing", "unverifiable"]
"""``still_true``: the quote stands in its document, which is the version that was cited (or the answer does not say
which it was). ``source_changed``: the document has another version now; ``is_found`` says whether the quote is in
it. ``source_gone``: nobody may see the document any more. ``quote_missing``: the document is as it was, and the
quote is not in it. ``unverifiable``: the answer does not say what was quoted, or from where."""

_BATCH_COUNT = 100


@dataclass(frozen=True, slots=True)
class CitedAnswer:
    """An answer as far as it can be checked again. Ids are empty where a file does not hold them."""

    id: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class AuditedCitation:
    """One quote with what has become of it."""

    answer_id: str
    citation: Citation
    """As it was given."""
    verdict: Verdict
    is_found: bool | None = None
    """Whether the quote stands in the present version; ``None`` where there is none to look at."""
    match: QuoteMatch = "failed"
    """How it was found there."""
    page: int | None = None
    """Where it stands now, as are ``start_char`` (inclusive) and ``end_char`` in the cleaned document."""
    start_char: int | None = None
    end_char: int | None = None
    version_hash: str | None = None
    """The present version."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit of answers found."""

    citations: tuple[AuditedCitation, ...]
    """In the order of the answers."""
    answers_count: int

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """Quotes by verdict; every verdict is there."""
        counted = Counter(audited.verdict for audited in self.citations)
        return {verdict: counted[verdict] for verdict in get_args(Verdict)}

    @property
    def doubtful_answers(self) -> tuple[str, ...]:
        """Ids of answers with a quote that is not where it was said to be, in order."""
        return tuple(dict.fromkeys(audited.answer_id for audited in self.citations if not audited.is_found))

    def as_dict(self) -> dict[str, Any]:
        """The report for ``--json``."""
        return {
            "answers": self.answers_count,
            "quotes": len(self.citations),
            "counts": dict(self.counts),
            "doubtful_answers": list(self.doubtful_answers),
            "citations": [asdict(audited) for audited in self.citations],
        }


class StoredChunk(Protocol):
    """What is read of a chunk."""

    @property
    def text(self) -> str:
        """What is stored and quoted."""

    @property
    def repeated_chars(self) -> int:
        """Leading characters that are repeated from elsewhere."""


class StoredVersion(Protocol):
    """What is read of a document's visible version."""

    @property
    def version_hash(self) -> str:
        """Equal hashes are equal documents."""

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Its chunks in order."""


FetchChunks = Callable[[Sequence[uuid.UUID]], Mapping[uuid.UUID, StoredChunk]]
FetchVersions = Callable[[Sequence[uuid.UUID]], Mapping[uuid.UUID, StoredVersion]]
FindDocuments = Callable[[Sequence[str]], Mapping[str, uuid.UUID]]
"""Document ids by natural keys; names that are unknown or belong to several documents are left out."""


def cited_answer(row: AnswerRow) -> CitedAnswer:
    """The checkable part of an answer row."""
    return CitedAnswer(row.id, tuple(citation for claim in row.claims for citation in claim.citations))


def audit_answers(
    answers: Sequence[CitedAnswer],
    *,
    chunks: FetchChunks,
    versions: FetchVersions,
    find_documents: FindDocuments = lambda _names: {},
    settings: QuoteSettings = DEFAULT_QUOTES,
) -> AuditReport:
    """Look every quote up again. Errors of the reads pass through.

    A quote is looked for in its own chunk, then in the others of its document, then across two neighbouring
    ones. ``find_documents`` is asked for documents of which an answer holds the name alone.
    """
    pairs = [(answer.id, citation) for answer in answers for citation in answer.citations]
    ids = _document_ids([citation for _, citation in pairs], find_documents)
    audited: dict[int, AuditedCitation] = {}
    of_document: dict[uuid.UUID, list[int]] = {}
    for place, ((answer_id, citation), doc_id) in enumerate(zip(pairs, ids, strict=True)):
        if doc_id is None or not citation.quote.strip():
            audited[place] = AuditedCitation(answer_id, citation, "unverifiable")
        else:
            of_document.setdefault(doc_id, []).append(place)
    for batch in _batches(list(of_document)):
        present = versions(batch)
        for doc_id in batch:
            version = present.get(doc_id)
            document = _Document(version, chunks, settings) if version is not None else None
            for place in of_document[doc_id]:
                audited[place] = _audited(*pairs[place], document)
    return AuditReport(tuple(audited[place] for place in range(len(pairs))), len(answers))


def _document_ids(citations: Sequence[Citation], find_documents: FindDocuments) -> list[uuid.UUID | None]:
    names = {citation.document for citation in citations if not citation.doc_id and citation.document}
    known = find_documents(sorted(names)) if names else {}
    return [_as_uuid(citation.doc_id) or known.get(citation.document) for citation in citations]


def _as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _audited(answer_id: str, citation: Citation, document: _Document | None) -> AuditedCitation:
    if document is None:
        return AuditedCitation(answer_id, citation, "source_gone")
    place = document.find(citation)
    version_hash = document.version.version_hash
    verdict: Verdict = "still_true" if place is not None else "quote_missing"
    if citation.version_hash not in {"", version_hash}:
        verdict = "source_changed"
    match, page, start, end = place if place is not None else _NOWHERE
    return AuditedCitation(
        answer_id,
        citation,
        verdict,
        is_found=place is not None,
        match=match,
        page=page,
        start_char=start,
        end_char=end,
        version_hash=version_hash,
    )


_Found = tuple[QuoteMatch, int | None, int | None, int | None]
"""Match, page, start and end in the cleaned document."""
_NOWHERE: _Found = ("failed", None, None, None)


class _Document:
    """The present version of one document; chunks are fetched when somebody looks at them, and once."""

    def __init__(self, version: StoredVersion, fetch: FetchChunks, settings: QuoteSettings) -> None:
        self.version = version
        self._fetch = fetch
        self._settings = settings
        self._chunks: dict[uuid.UUID, StoredChunk] = {}

    def find(self, citation: Citation) -> _Found | None:
        """Where the quote stands now, ``None``: nowhere."""
        cited = [place for place in self.version.placements if str(place.chunk_key) == citation.chunk_key]
        return (
            self._within(citation.quote, cited)
            or self._within(citation.quote, self.version.placements)
            or self._across(citation.quote)
        )

    def _within(self, quote: str, placements: Sequence[Placement]) -> _Found | None:
        held = list(self._held(placements))
        held.sort(key=lambda pair: quote not in pair[1].text)  # an exact place before a similar one
        for place, chunk in held:
            location = locate_quote(quote, chunk.text, settings=self._settings)
            if location.start is None or location.end is None:
                continue
            if location.start < chunk.repeated_chars:
                return location.match, place.page, None, None
            shift = place.start_char - chunk.repeated_chars
            return location.match, place.page, location.start + shift, location.end + shift
        return None

    def _across(self, quote: str) -> _Found | None:
        """In two chunks that follow one another: their border may have moved into the quote."""
        for (place, chunk), (_, following) in pairwise(self._held(self.version.placements)):
            joined = f"{chunk.text}\n\n{following.text[following.repeated_chars :]}"
            location = locate_quote(quote, joined, settings=self._settings)
            if location.match != "failed":
                return location.match, place.page, None, None
        return None

    def _held(self, placements: Sequence[Placement]) -> Iterator[tuple[Placement, StoredChunk]]:
        """Placements with their chunks; those that nobody may see are left out."""
        missing = dict.fromkeys(place.chunk_key for place in placements if place.chunk_key not in self._chunks)
        for batch in _batches(list(missing)):
            self._chunks.update(self._fetch(batch))
        for place in placements:
            chunk = self._chunks.get(place.chunk_key)
            if chunk is not None:
                yield place, chunk


def _batches(ids: Sequence[uuid.UUID]) -> Iterable[Sequence[uuid.UUID]]:
    return (ids[start : start + _BATCH_COUNT] for start in range(0, len(ids), _BATCH_COUNT))
