"""The answerer that needs no key: verbatim sentences of the best passages, and nothing else.

It cannot say anything that no document says. It says ``extractive`` as its model in every row, and costs no token.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from wellread.answering.checking.leaks import LeakGuard, LeakSettings
from wellread.answering.extractive.assessment import Assessment, Assessor
from wellread.answering.extractive.extraction import choose_sentences, in_document_order
from wellread.answering.jobs.plans import request_of
from wellread.answering.protocol import (
    AnswerDraft,
    AnswererIdentity,
    AnswerRequest,
    DraftClaim,
    FreeMaker,
    Response,
)
from wellread.answering.settings import ExtractionSettings
from wellread.documents import Passage
from wellread.errors import DocumentError
from wellread.identities import canonical_json, sha256_text
from wellread.retrieval.results import RetrievalResult
from wellread.snapshots import ModelIdentity

EXTRACTIVE = "extractive"
_CODE_VERSION = "1"
"""Raised whenever the same request would give another answer than before."""


class ExtractiveAnswerer(FreeMaker):
    """Answers with up to three sentences, each its own quote."""

    def __init__(
        self,
        assessor: Assessor,
        settings: ExtractionSettings,
        *,
        model: ModelIdentity,
        leaks: LeakSettings | None = None,
    ) -> None:
        self._assessor = assessor
        self._guard = None if leaks is None else LeakGuard(leaks)
        self._settings = settings
        self._identity = AnswererIdentity(
            protocol=EXTRACTIVE,
            model=EXTRACTIVE,
            parameters={
                "code_version": _CODE_VERSION,
                "settings": settings.model_dump(mode="json"),
                "embedder": model.as_dict(),
            },
        )

    @property
    def identity(self) -> AnswererIdentity:
        """The settings, and the model that compares sentences."""
        return self._identity

    def key_material(self, request: AnswerRequest) -> object:
        """The question and its passages with their scores: sentences are chosen by them."""
        return {
            "question": request.question,
            "language": request.language,
            "passages": [
                [str(passage.chunk_key), sha256_text(passage.text), passage.neighbour_of, _signals(passage)]
                for passage in request.passages
            ],
            "features": _rounded(request.features),
            "term_weights": _rounded(request.term_weights),
        }

    def assess(self, request: AnswerRequest) -> Assessment:
        """The scores behind an answer."""
        return self._assessor.assess(request)

    def confidence(self, request: AnswerRequest) -> float:
        """The calibrated probability that the passages answer the question."""
        return self._assessor.assess(request).confidence

    def respond(self, request: AnswerRequest) -> Response:
        """The chosen spans as JSON: ``{"sentences": [[passage index, start, end], ...]}``, in document order."""
        chosen = choose_sentences(self._assessor.assess(request).sentences, self._settings)
        ordered = in_document_order(chosen, request.passages)
        spans = [[one.candidate.passage_index, one.candidate.start, one.candidate.end] for one in ordered]
        return Response(canonical_json({"sentences": spans}).encode("utf-8"))

    def read(self, request: AnswerRequest, response: bytes) -> AnswerDraft:
        """The spans as claims, each quoting itself. Raises ``DocumentError`` for a damaged response."""
        try:
            spans = json.loads(response)["sentences"]
            claims = []
            for index, start, end in spans:
                text = request.passages[index].text[start:end]
                claims.append(DraftClaim(text=text, quotes=((index, text),)))
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise DocumentError(
                "read a stored extractive response",
                found=f"it does not fit its request ({error!r})",
                remedy="Delete the stored response; the question is then answered again.",
                stage="answer",
                cause="malformed_response",
            ) from error
        return AnswerDraft(claims=tuple(claims), found=bool(claims))

    def guard(self, request: AnswerRequest) -> LeakGuard | None:
        """Sentences that speak to a machine, or hold a key, are no answers, wherever they stand."""
        del request
        return self._guard

    def answer(self, question: str, result: RetrievalResult) -> AnswerDraft:
        """The draft for one question and its retrieval result with its confidence, without gate and check.

        For evaluation, which measures abstention by the confidence.
        """
        request = dataclasses.replace(request_of(result), question=question)
        draft = self.read(request, self.respond(request).body)
        return dataclasses.replace(draft, confidence=self.confidence(request))


def _signals(passage: Passage) -> dict[str, float]:
    """The signals of a passage that sentences are scored by."""
    return _rounded({name: passage.signals.get(name, 0.0) for name in ("cosine", "proximity")})


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in values.items()}
