"""What an evaluation found, in the form in which it is stored, published and compared with the next one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from wellread.errors import SystemicError
from wellread.evaluation.answer_measures import ANSWER_MEASURES, JUDGE_SCORE
from wellread.evaluation.gold import GoldQuestion, as_row
from wellread.evaluation.measures import Estimate, Score
from wellread.identities import canonical_json, sha256_json

_FORMAT = 1

ScoresOfQuestion = Mapping[str, Score | None]


@dataclass(frozen=True, slots=True)
class EvaluationResults:
    """One evaluation of one collection: what was asked, of what, how, and each question's scores."""

    collection: str
    tenant: str
    gold_sha256: str
    """Of the golden questions, whatever order they stand in."""
    snapshot: str
    """As ``Snapshot.as_text``."""
    settings_sha256: str
    """Of the settings that retrieval and answers depend on."""
    measures: Mapping[str, Estimate]
    scores: Mapping[str, ScoresOfQuestion]
    """By question id, then by measure."""
    model: str | None = None
    """Which model answered; ``None`` where retrieval alone was measured."""
    prompt: str | None = None
    """Name and version of the prompt, ``None`` for the extractive answerer."""
    prompt_sha256: str | None = None
    judge: str | None = None
    """Model and prompt of the judge, ``None`` where there was none."""

    def attempts(self, measure: str) -> bool:
        """Whether this evaluation was made to score by the measure at all."""
        if measure == JUDGE_SCORE:
            return self.judge is not None
        return self.model is not None or measure not in ANSWER_MEASURES

    def column(self, measure: str) -> dict[str, Score]:
        """The scores of one measure by question id; without those that have none."""
        found = {name: scores.get(measure) for name, scores in self.scores.items()}
        return {name: score for name, score in found.items() if score is not None}

    def to_bytes(self) -> bytes:
        """Canonical JSON: the same evaluation is the same artifact."""
        data = {name: getattr(self, name) for name in self.__slots__ if name not in {"measures", "scores"}}
        data["measures"] = {name: asdict(one) for name, one in self.measures.items()}
        data["scores"] = {question: _as_pairs(scores) for question, scores in self.scores.items()}
        return canonical_json({"format": _FORMAT, **data}).encode("utf-8", "surrogatepass")

    @classmethod
    def from_bytes(cls, content: bytes) -> EvaluationResults:
        """The inverse of :meth:`to_bytes`. Raises ``SystemicError`` for anything else."""
        try:
            data: dict[str, Any] = json.loads(content.decode("utf-8", "surrogatepass"))
            found_format = data.pop("format")
            if found_format != _FORMAT:
                raise _unreadable(f"its format is {found_format!r}, this version reads {_FORMAT}")
            data["measures"] = {name: Estimate(**one) for name, one in data["measures"].items()}
            data["scores"] = {question: _from_pairs(pairs) for question, pairs in data["scores"].items()}
            return cls(**data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _unreadable(repr(error)) from error


def gold_sha256(gold: Sequence[GoldQuestion]) -> str:
    """The identity of a set of golden questions: equal for equal rows in any order."""
    return sha256_json(["gold", *sorted(canonical_json(as_row(question)) for question in gold)])


def _as_pairs(scores: ScoresOfQuestion) -> dict[str, list[float] | None]:
    return {name: None if score is None else [score.part, score.whole] for name, score in scores.items()}


def _from_pairs(pairs: Mapping[str, Any]) -> dict[str, Score | None]:
    return {name: None if pair is None else Score(*pair) for name, pair in pairs.items()}


def _unreadable(found: str) -> SystemicError:
    return SystemicError(
        "read the results of an evaluation",
        found=found,
        remedy="Evaluate again with this version of Wellread and publish that.",
    )
