"""The frozen plan of a question job: everything its execution needs, so that it never has to look again.

Ingestion runs beside a job and shifts keyword statistics: a job that retrieved again after a crash would ask other
prompts and pay for them again. So retrieval happens once, in the plan, and execution is a function of the plan.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wellread.answering.files.answer_rows import passage_as_dict, passage_from_dict
from wellread.answering.prompting.evidence import LeftOut, PackedEvidence, PackedPassage
from wellread.answering.protocol import AnswererIdentity, AnswerRequest
from wellread.errors import SystemicError
from wellread.identities import canonical_json, sha256_json
from wellread.questions import Question
from wellread.retrieval.results import RetrievalResult

_PLAN_FORMAT = 2


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One question, ready to be answered, or the reason why it cannot be."""

    question: Question
    request: AnswerRequest | None
    """``None`` for a question that is empty or whose retrieval failed."""
    request_key: str
    confidence: float = 0.0
    """The calibrated probability that the passages answer the question."""
    problem: Mapping[str, object] | None = None
    """Why there is no request: an error as ``WellreadError.as_dict`` writes it."""


@dataclass(frozen=True, slots=True)
class JobPlan:
    """Everything a job will do. The same questions, snapshot and settings give the same bytes."""

    collection: str
    tenant: str
    snapshot: str
    """As ``Snapshot.as_text``."""
    answerer: AnswererIdentity
    rows: tuple[PlannedRow, ...]
    prompt: tuple[str, str] | None = None
    """Name with version, and SHA-256, of the prompt that rendered the messages."""

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_json(
            {
                "format": _PLAN_FORMAT,
                "collection": self.collection,
                "tenant": self.tenant,
                "snapshot": self.snapshot,
                "answerer": identity_as_dict(self.answerer),
                "prompt": list(self.prompt) if self.prompt is not None else None,
                "rows": [_row_as_dict(row) for row in self.rows],
            }
        ).encode("utf-8", "surrogatepass")

    @classmethod
    def from_bytes(cls, content: bytes) -> JobPlan:
        """The inverse of :meth:`to_bytes`. Raises ``SystemicError`` for anything else."""
        try:
            data = json.loads(content.decode("utf-8", "surrogatepass"))
            if data["format"] != _PLAN_FORMAT:
                raise _not_a_plan(f"its format is {data['format']!r}, this version reads {_PLAN_FORMAT}")
            return cls(
                collection=data["collection"],
                tenant=data["tenant"],
                snapshot=data["snapshot"],
                answerer=AnswererIdentity(**data["answerer"]),
                rows=tuple(_row_from_dict(row) for row in data["rows"]),
                prompt=(data["prompt"][0], data["prompt"][1]) if data["prompt"] is not None else None,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise _not_a_plan(repr(error)) from error


def identity_as_dict(identity: AnswererIdentity) -> dict[str, object]:
    """The identity as canonical JSON takes it."""
    return {
        "protocol": identity.protocol,
        "model": identity.model,
        "parameters": dict(identity.parameters),
        "schema": identity.schema,
    }


def request_key(identity: AnswererIdentity, material: object, *, tenant: str) -> str:
    """SHA-256 over everything an answer depends on: equal keys have equal answers, whenever they are asked."""
    parts = [identity.protocol, identity.model, material, dict(identity.parameters), identity.schema, tenant]
    return sha256_json(["request", *parts])


def _not_a_plan(found: str) -> SystemicError:
    return SystemicError(
        "read the plan of a question job", found=found, remedy="Plan the job again with this version of Wellread."
    )


def _row_as_dict(row: PlannedRow) -> dict[str, object]:
    return {
        "id": row.question.id,
        "text": row.question.text,
        "columns": dict(row.question.columns),
        "request": _request_as_dict(row.request) if row.request is not None else None,
        "request_key": row.request_key,
        "confidence": row.confidence,
        "problem": dict(row.problem) if row.problem is not None else None,
    }


def _row_from_dict(data: Mapping[str, Any]) -> PlannedRow:
    request = data["request"]
    return PlannedRow(
        question=Question(id=data["id"], text=data["text"], columns=data["columns"]),
        request=_request_from_dict(request) if request is not None else None,
        request_key=data["request_key"],
        confidence=data["confidence"],
        problem=data["problem"],
    )


def _request_as_dict(request: AnswerRequest) -> dict[str, object]:
    return {
        "question": request.question,
        "passages": [passage_as_dict(passage) for passage in request.passages],
        "term_weights": dict(request.term_weights),
        "features": dict(request.features),
        "language": request.language,
        "messages": [dict(message) for message in request.messages],
        "packed": _packed_as_dict(request.packed) if request.packed is not None else None,
    }


def _request_from_dict(data: Mapping[str, Any]) -> AnswerRequest:
    return AnswerRequest(
        question=data["question"],
        passages=tuple(passage_from_dict(passage) for passage in data["passages"]),
        term_weights=data["term_weights"],
        features=data["features"],
        language=data["language"],
        messages=tuple(data["messages"]),
        packed=_packed_from_dict(data["packed"]) if data["packed"] is not None else None,
    )


def _packed_as_dict(packed: PackedEvidence) -> dict[str, object]:
    return {
        "items": [[item.position, item.start, item.end] for item in packed.items],
        "left_out": [[one.position, one.reason] for one in packed.left_out],
        "tokens": packed.tokens,
    }


def _packed_from_dict(data: Mapping[str, Any]) -> PackedEvidence:
    return PackedEvidence(
        items=tuple(PackedPassage(*item) for item in data["items"]),
        left_out=tuple(LeftOut(*one) for one in data["left_out"]),
        tokens=data["tokens"],
    )


def request_of(result: RetrievalResult) -> AnswerRequest:
    """What answering needs of a retrieval result."""
    features = {name: float(value) for name, value in dataclasses.asdict(result.features).items()}
    return AnswerRequest(
        question=result.question,
        passages=result.passages,
        term_weights=dict(result.term_weights),
        features=features,
    )


def without_passages(request: AnswerRequest, withdrawn: frozenset[int]) -> AnswerRequest:
    """The request without the passages at these positions, and without messages: they must be rendered again."""
    kept = tuple(passage for index, passage in enumerate(request.passages) if index not in withdrawn)
    return dataclasses.replace(request, passages=kept, messages=(), packed=None)
