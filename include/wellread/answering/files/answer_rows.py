"""Answer rows as JSON, and back."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any

from wellread.documents import Passage
from wellread.questions import AnswerRow, Citation, Claim, Usage


def answer_row_as_dict(row: AnswerRow) -> dict[str, Any]:
    """The JSON of one answer row, as ``wellread ask --json`` prints it."""
    return {
        "id": row.id,
        "question": row.question,
        "status": row.status,
        "abstain_reason": row.abstain_reason,
        "answer": row.answer,
        "claims": [
            {"text": claim.text, "citations": [dataclasses.asdict(citation) for citation in claim.citations]}
            for claim in row.claims
        ],
        "passages": [passage_as_dict(passage) for passage in row.passages],
        "model": row.model,
        "usage": dataclasses.asdict(row.usage),
        "cost_usd": row.cost_usd,
        "confidence": row.confidence,
        "snapshot": row.snapshot,
        "request_key": row.request_key,
        "error": dict(row.error) if row.error is not None else None,
        "columns": dict(row.columns),
        "flags": list(row.flags),
        "origin": row.origin,
        "prompt": row.prompt,
        "prompt_sha256": row.prompt_sha256,
        "left_out": [{"chunk_key": key, "reason": reason} for key, reason in row.left_out],
    }


def answer_row_from_dict(data: Mapping[str, Any]) -> AnswerRow:
    """The inverse of :func:`answer_row_as_dict`. Raises ``KeyError``, ``TypeError`` for something else."""
    claims = tuple(
        Claim(claim["text"], tuple(Citation(**citation) for citation in claim["citations"]))
        for claim in data["claims"]
    )
    return AnswerRow(
        id=data["id"],
        question=data["question"],
        status=data["status"],
        abstain_reason=data["abstain_reason"],
        answer=data["answer"],
        claims=claims,
        passages=tuple(passage_from_dict(passage) for passage in data.get("passages", ())),
        model=data["model"],
        usage=Usage(**data["usage"]),
        cost_usd=data["cost_usd"],
        snapshot=data["snapshot"],
        request_key=data["request_key"],
        confidence=data["confidence"],
        error=data["error"],
        columns=data["columns"],
        flags=tuple(data.get("flags", ())),
        origin=data.get("origin", "none"),
        prompt=data.get("prompt"),
        prompt_sha256=data.get("prompt_sha256"),
        left_out=tuple((one["chunk_key"], one["reason"]) for one in data.get("left_out", ())),
    )


def passage_as_dict(passage: Passage) -> dict[str, Any]:
    """The JSON of one passage."""
    return {
        "rank": passage.rank,
        "score": passage.score,
        "text": passage.text,
        "document": passage.document,
        "title": passage.title,
        "headings": list(passage.headings),
        "page": passage.page,
        "start_char": passage.start_char,
        "end_char": passage.end_char,
        "repeated_chars": passage.repeated_chars,
        "chunk_key": str(passage.chunk_key),
        "doc_id": str(passage.doc_id),
        "source_id": passage.source_id,
        "version_hash": passage.version_hash,
        "neighbour_of": passage.neighbour_of,
        "signals": dict(passage.signals),
    }


def passage_from_dict(data: Mapping[str, Any]) -> Passage:
    """The inverse of :func:`passage_as_dict`. Raises ``KeyError`` or ``ValueError`` for something else."""
    return Passage(
        rank=data["rank"],
        score=data["score"],
        text=data["text"],
        chunk_key=uuid.UUID(data["chunk_key"]),
        doc_id=uuid.UUID(data["doc_id"]),
        document=data["document"],
        title=data["title"],
        headings=tuple(data["headings"]),
        page=data["page"],
        start_char=data["start_char"],
        end_char=data["end_char"],
        repeated_chars=data["repeated_chars"],
        version_hash=data["version_hash"],
        source_id=data["source_id"],
        neighbour_of=data["neighbour_of"],
        signals=data["signals"],
    )
