"""Extract one batch: fetch, parse, clean, chunk, check. The same work is never done twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Any

from wellread.artifacts.codec import get_json
from wellread.chunking.chunker import chunk
from wellread.cleaning.cleaner import clean
from wellread.documents import Chunk, ParsedDocument
from wellread.errors import DocumentError, TransientError, UnsupportedTypeError, WellreadError
from wellread.identities import sha256_bytes
from wellread.indexing.content import ChunkSet
from wellread.indexing.extraction_saving import UnsavedExtractions
from wellread.indexing.parts import Parts
from wellread.indexing.plans import READING, RunHandle
from wellread.indexing.signatures import chunk_memo_key, parse_memo_key
from wellread.ledger import revisions, run_records
from wellread.ledger.run_records import StagedRow
from wellread.quality.document_checks import check_document
from wellread.quality.document_statistics import UnextractedOutcome, document_statistics, unextracted_statistics
from wellread.runs import DocumentStatistics, Outcome
from wellread.sources.protocol import Source

_SLOW_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Extraction:
    """What became of one document."""

    row: StagedRow
    content_sha: str | None
    chunks_ref: str | None
    parsed: bool
    statistics: DocumentStatistics | None
    error: WellreadError | None = None
    outcome: Outcome | None = None
    """Set where the document ends here."""


@dataclass(slots=True)
class _Fetched:
    """A document on its way: its bytes were read, or need not be."""

    row: StagedRow
    content_sha: str | None = None
    size_bytes: int = 0
    elements_ref: str | None = None
    parsing: Future[ParsedDocument] | None = None
    error: WellreadError | None = None
    is_gone: bool = False


def extract_batch(parts: Parts, source: Source, run: RunHandle, batch: int | None) -> int:
    """Extract the documents of a batch (``None``: of all) that are still planned; returns how many.

    Outcomes are recorded in the ledger as they come, so that a retried task goes on where it stopped.
    """
    assert run.revision is not None
    with parts.ledger.reading() as reading:
        revision = revisions.find_revision(reading, run.collection, run.revision)
        rows = run_records.staged_documents(reading, run.collection, run.revision, batch=batch, state="planned")
    if revision.state != "open":
        return 0
    rows = [row for row in rows if row.action in READING]
    parts.progress.start("extract", total_count=len(rows))
    with (
        ThreadPoolExecutor(max_workers=parts.settings.fetch_threads) as pool,
        UnsavedExtractions(parts, run, pool) as unsaved,
    ):
        for fetched in _ahead(pool, parts, source, rows):
            if _is_slow(fetched):
                unsaved.save()
            _record(unsaved, _extract(parts, unsaved, fetched))
            parts.progress.advance("extract")
    parts.progress.finish("extract")
    return len(rows)


def _ahead(pool: ThreadPoolExecutor, parts: Parts, source: Source, rows: Sequence[StagedRow]) -> Iterator[_Fetched]:
    """Fetch and submit a few documents ahead, so that parsers never wait and memory stays bounded."""
    waiting = iter(rows)
    ahead = parts.settings.fetch_threads * 2
    running = [pool.submit(_fetch, parts, source, row) for row in islice(waiting, ahead)]
    while running:
        yield running.pop(0).result()
        running.extend(pool.submit(_fetch, parts, source, row) for row in islice(waiting, 1))


def _is_slow(fetched: _Fetched) -> bool:
    """Whether the document is still being parsed: what is done should not wait for it to be saved."""
    return fetched.parsing is not None and bool(wait([fetched.parsing], timeout=_SLOW_SECONDS).not_done)


def _fetch(parts: Parts, source: Source, row: StagedRow) -> _Fetched:
    known_sha = row.facts.get("content_sha")
    if known_sha is not None and (reference := _find_elements(parts, row, known_sha)) is not None:
        return _Fetched(row, known_sha, int(row.facts["size_bytes"]), reference)
    try:
        content = source.fetch(row.facts["natural_key"], version_token=row.facts.get("version_token"))
    except (DocumentError, TransientError) as error:
        return _Fetched(row, known_sha, error=error)
    if content is None:
        return _Fetched(row, is_gone=True)
    content_sha = sha256_bytes(content)
    reference = _find_elements(parts, row, content_sha)
    parsing = None if reference is not None else parts.parser.submit(content, row.facts["natural_key"])
    return _Fetched(row, content_sha, len(content), reference, parsing)


def _find_elements(parts: Parts, row: StagedRow, content_sha: str) -> str | None:
    memo_key = parse_memo_key(parts, content_sha, row.facts["natural_key"])
    with parts.ledger.reading() as reading:
        reference = run_records.find_extractions(reading, [memo_key]).get(memo_key)
    return reference if reference is not None and parts.artifacts.exists(reference) else None


def _extract(parts: Parts, unsaved: UnsavedExtractions, fetched: _Fetched) -> Extraction:
    row = fetched.row
    if fetched.is_gone:
        return Extraction(row, None, None, parsed=False, statistics=None, outcome="gone")
    if fetched.error is not None:
        return _failed(fetched, fetched.error)
    try:
        elements_ref, parsed = _elements(parts, unsaved, fetched)
        chunks_ref, content = _chunks(parts, unsaved, row, elements_ref, parsed)
        statistics = _statistics(fetched, content)
        check_document(statistics, parts.quality.document, text=content.text)
    except (DocumentError, TransientError) as error:
        return _failed(fetched, error)
    return Extraction(row, fetched.content_sha, chunks_ref, parsed=parsed is not None, statistics=statistics)


def _failed(fetched: _Fetched, error: WellreadError) -> Extraction:
    outcome: UnextractedOutcome = "quarantined"
    if isinstance(error, UnsupportedTypeError):
        outcome = "unsupported"
    elif isinstance(error, TransientError):
        outcome = "failed_transient"
    statistics = unextracted_statistics(
        natural_key=fetched.row.facts["natural_key"],
        outcome=outcome,
        cause=getattr(error, "cause", "transient"),
        size_bytes=fetched.size_bytes or int(fetched.row.facts["size_bytes"]),
    )
    was_parsed = fetched.parsing is not None
    return Extraction(fetched.row, fetched.content_sha, None, was_parsed, statistics, error, outcome)


def _elements(parts: Parts, unsaved: UnsavedExtractions, fetched: _Fetched) -> tuple[str, ParsedDocument | None]:
    """The reference of the parsed elements, and the elements where they were parsed now."""
    doc_id = fetched.row.doc_id
    if fetched.elements_ref is not None:
        unsaved.link(doc_id, fetched.elements_ref)
        return fetched.elements_ref, None
    assert fetched.parsing is not None
    assert fetched.content_sha is not None
    parsed = fetched.parsing.result()
    memo_key = parse_memo_key(parts, fetched.content_sha, fetched.row.facts["natural_key"])
    return unsaved.keep(doc_id, "elements", parsed, memo_keys=[memo_key]), parsed


def _chunks(
    parts: Parts, unsaved: UnsavedExtractions, row: StagedRow, elements_ref: str, parsed: ParsedDocument | None
) -> tuple[str, ChunkSet]:
    """The chunk set of some elements, cut where the document's version before was cut (docs/decisions/0004)."""
    previous_ref = row.facts.get("previous_chunks_ref")
    memo_key = chunk_memo_key(parts, elements_ref, previous_ref)
    if (found := unsaved.find_chunks(memo_key)) is not None:
        unsaved.link(row.doc_id, found[0])
        return found
    previous = () if previous_ref is None else get_json(parts.artifacts, ChunkSet, previous_ref).chunks
    if parsed is None:
        parsed = get_json(parts.artifacts, ParsedDocument, elements_ref)
    content = chunk_set(parts, parsed, previous)
    # The same text under another name is cut in the same places: a move or a copy embeds nothing.
    memo_keys = [memo_key, chunk_memo_key(parts, elements_ref, None)]
    return unsaved.keep(row.doc_id, "chunks", content, memo_keys=memo_keys), content


def chunk_set(parts: Parts, parsed: ParsedDocument, previous: Sequence[Chunk]) -> ChunkSet:
    """Clean and chunk one parsed document."""
    cleaned = clean(parsed, parts.cleaning)
    chunks = chunk(
        cleaned,
        parts.chunking,
        count_tokens=parts.embedder.count_tokens,
        max_tokens=parts.embedder.limits.tokens_per_text,
        previous=previous,
    )
    return ChunkSet(
        text=cleaned.text,
        title=cleaned.title,
        language=cleaned.language,
        media_type=parsed.media_type,
        page_count=parsed.page_count,
        chunks=chunks,
        element_count=len(parsed.elements),
        encoding=parsed.encoding,
        warnings=parsed.warnings,
    )


def _statistics(fetched: _Fetched, content: ChunkSet) -> DocumentStatistics:
    return document_statistics(
        natural_key=fetched.row.facts["natural_key"],
        media_type=content.media_type,
        size_bytes=fetched.size_bytes,
        text=content.text,
        element_count=content.element_count,
        chunk_word_counts=[len(item.text.split()) for item in content.chunks],
        page_count=content.page_count,
    )


def _record(unsaved: UnsavedExtractions, result: Extraction) -> None:
    facts = dict(result.row.facts)
    facts.update(content_sha=result.content_sha, chunks_ref=result.chunks_ref)
    if result.statistics is not None:
        facts["text_sha"] = result.statistics.text_sha256
    values: dict[str, Any] = {"facts": facts, "detail": _detail(result)}
    if result.outcome is None:
        values["state"] = "extracted"
    else:
        cause = getattr(result.error, "cause", None if result.error is None else "transient")
        values.update(
            state="failed", outcome=result.outcome, stage=getattr(result.error, "stage", "fetch"), cause=cause
        )
    unsaved.record(result.row.doc_id, values)


def _detail(result: Extraction) -> dict[str, object]:
    detail: dict[str, object] = {"parsed": result.parsed}
    if result.statistics is not None:
        detail["statistics"] = {
            name: getattr(result.statistics, name) for name in result.statistics.__dataclass_fields__
        }
    if result.error is not None:
        detail["error"] = result.error.as_dict()
    return detail
