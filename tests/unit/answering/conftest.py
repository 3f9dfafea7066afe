"""Passages, an embedder that needs no weights, and an answerer whose calls are counted."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from wellread.answering.extractive.assessment import Assessor
from wellread.answering.extractive.calibration import Calibration
from wellread.answering.extractive.maker import ExtractiveAnswerer
from wellread.answering.protocol import AnswerDraft, AnswererIdentity, AnswerRequest, FreeMaker, Response
from wellread.answering.settings import ExtractionSettings
from wellread.artifacts.folder import FolderArtifacts
from wellread.documents import Passage
from wellread.ledger.database import Ledger
from wellread.ledger.question_jobs import QuestionJobs
from wellread.models.protocol import EmbedderLimits, EmbeddingKind, EmbeddingResult
from wellread.retrieval.results import RetrievalFeatures, RetrievalResult
from wellread.retrieval.term_statistics import count_terms, inverse_frequencies
from wellread.retrieval.words import content_terms
from wellread.snapshots import Head, ModelIdentity, Projection, Snapshot
from wellread.testing.embedding_vectors import lexical_vector

MODEL = ModelIdentity(provider="test", model="lexical", revision="1", dimensions=64)

LIBRARY = {
    "hours.md": "The reading room opens at nine o'clock. It closes at six o'clock on weekdays. "
    "On Saturdays the reading room opens at ten and closes at two.",
    "loans.md": "Members may borrow twelve books at once. A loan lasts 28 days. It can be renewed twice unless "
    "another member has reserved the book.",
    "fees.md": "A late book costs 20 cents a day. The fee never exceeds 8 euros for one book. Lost books are "
    "charged at their price.",
}


class LexicalEmbedder:
    """Bags of words as vectors: texts that share words are near."""

    identity = MODEL
    limits = EmbedderLimits(texts_per_request=16, tokens_per_request=10_000, tokens_per_text=200)

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def embed(self, texts: Sequence[str], *, kind: EmbeddingKind) -> EmbeddingResult:
        assert len(texts) <= self.limits.texts_per_request
        assert all(self.count_tokens(text) <= self.limits.tokens_per_text for text in texts)
        vectors = np.stack([lexical_vector(text, MODEL.dimensions) for text in texts]).astype(np.float32)
        return EmbeddingResult(vectors, input_tokens=0, requests=1)

    def close(self) -> None:
        pass


def make_passage(text: str, *, rank: int = 1, document: str = "a.md", **changes: object) -> Passage:
    values: dict[str, object] = {
        "rank": rank,
        "score": 1.0 / rank,
        "text": text,
        "chunk_key": uuid.uuid5(uuid.NAMESPACE_URL, f"{document} {text}"),
        "doc_id": uuid.uuid5(uuid.NAMESPACE_URL, document),
        "document": document,
        "title": document,
        "headings": (),
        "page": 1,
        "start_char": 100,
        "end_char": 100 + len(text),
        "repeated_chars": 0,
        "version_hash": "v1",
        "source_id": "library",
    }
    return Passage(**{**values, **changes})  # type: ignore[arg-type]  # the test names fields by keyword


def retrieve_from_library(questions: Sequence[str], *, revision: int = 3) -> list[RetrievalResult]:
    """Every document of the library as a passage, those with most of the question's words first."""
    statistics = count_terms((text, "en") for text in LIBRARY.values())
    head = Head(1, Projection("Documents", 1, MODEL, "epoch"), Snapshot(revision), 0)
    results = []
    for question in questions:
        weights = inverse_frequencies(content_terms(question), statistics)
        shares = {
            name: sum(weights[term] for term in content_terms(text) if term in weights) / sum(weights.values())
            for name, text in LIBRARY.items()
        }
        ordered = sorted(LIBRARY, key=lambda name: -shares[name])
        passages = tuple(
            make_passage(LIBRARY[name], rank=rank, document=name, score=shares[name])
            for rank, name in enumerate(ordered, start=1)
        )
        best = max(shares.values())
        features = RetrievalFeatures(top_cosine=best, best_coverage=best, best_proximity=best)
        results.append(RetrievalResult(question, passages, head, head.snapshot, features, weights))
    return results


@dataclass
class MeteredMaker(FreeMaker):
    """A paid model as jobs see one: counts its calls and does what a test plans for it."""

    on_respond: Callable[[AnswerRequest], bytes]
    read_with: ExtractiveAnswerer
    model: str = "metered-1"
    calls: list[str] = field(default_factory=list)

    @property
    def identity(self) -> AnswererIdentity:
        return AnswererIdentity("metered", self.model, {"temperature": 0})

    def key_material(self, request: AnswerRequest) -> object:
        return [request.question, [passage.text for passage in request.passages]]

    def confidence(self, request: AnswerRequest) -> float:
        return request.features["best_coverage"]

    def respond(self, request: AnswerRequest) -> Response:
        self.calls.append(request.question)
        return Response(self.on_respond(request))

    def read(self, request: AnswerRequest, response: bytes) -> AnswerDraft:
        return self.read_with.read(request, response)


def lenient_calibration() -> Calibration:
    return Calibration(
        sets=("none",),
        fitted_on="2026-01-01",
        embedder="lexical",
        answerable_count=1,
        unanswerable_count=1,
        bias=-2.0,
        weights={"best_coverage": 4.0},
        keep_ratio=0.95,
        threshold_ratio=0.3,
    )


@pytest.fixture
def embedder() -> LexicalEmbedder:
    return LexicalEmbedder()


@pytest.fixture
def assessor(embedder: LexicalEmbedder) -> Assessor:
    return Assessor(embedder, lenient_calibration(), ExtractionSettings())


@pytest.fixture
def extractive(assessor: Assessor) -> ExtractiveAnswerer:
    return ExtractiveAnswerer(assessor, ExtractionSettings(), model=MODEL)


@pytest.fixture
def metered(extractive: ExtractiveAnswerer) -> MeteredMaker:
    return MeteredMaker(lambda request: extractive.respond(request).body, extractive)


@pytest.fixture
def artifacts(tmp_path: Path) -> FolderArtifacts:
    return FolderArtifacts(tmp_path / "artifacts")


@pytest.fixture
def ledger(tmp_path: Path) -> QuestionJobs:
    return QuestionJobs(Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}"))


@pytest.fixture
def passage() -> Callable[..., Passage]:
    return make_passage


@pytest.fixture
def retrieve() -> Callable[[Sequence[str]], list[RetrievalResult]]:
    return retrieve_from_library
