"""A language model compares answers with gold answers: judging is a question job of its own.

So it has what question jobs have: paced and repeated requests, budgets, and responses that are stored before
they are read and not paid for twice. A reply that is no verdict, or whose score is not within 0 and 1, is asked
to be mended once; after that the answer has no score. It never becomes a 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wellread.answering.checking.drafts import CheckedAnswer
from wellread.answering.jobs.planning import job_id_of, store_plan
from wellread.answering.jobs.plans import JobPlan, PlannedRow, request_key
from wellread.answering.jobs.rows import Bill, RowBuilder
from wellread.answering.jobs.running import Resources, execute_job, finish_job
from wellread.answering.language_model import LanguageModelAnswerer, PromptParts
from wellread.answering.prompting.rendering import render_judge_prompt
from wellread.answering.prompting.schemas import schema_problem
from wellread.answering.protocol import AnswerDraft, AnswerMaker, AnswerRequest, DraftClaim
from wellread.answering.replies import json_in, malformed
from wellread.answering.settings import AnsweringSettings
from wellread.evaluation.gold import GoldQuestion
from wellread.evaluation.rows import GivenAnswer
from wellread.models.chat.protocol import ChatModel, ChatSchema
from wellread.models.prices import Price
from wellread.questions import AnswerRow, Question

JUDGE_PROMPT = "judge_answer"
_TARGET = "judgements"
"""Stands where a plan names its collection: judging reads none."""


class JudgeMaker(LanguageModelAnswerer):
    """Asks a ``ChatModel`` for verdicts, and reads them. Safe to share between threads."""

    def __init__(
        self,
        model: ChatModel,
        parts: PromptParts,
        *,
        price: Price | None = None,
        account: str = "",
        burst_seconds: float = 1.0,
    ) -> None:
        """``parts.template`` is the judge's prompt. Raises ``SettingsError`` where it has no schema."""
        super().__init__(model, parts, price=price, account=account, burst_seconds=burst_seconds)
        self._verdict: Mapping[str, Any] = parts.template.schema or {}
        self._schema = ChatSchema(JUDGE_PROMPT, self._verdict)

    @property
    def name(self) -> str:
        """Model and prompt: scores of different judges cannot be compared."""
        front = self._parts.template.front_matter
        return f"{self.identity.model}, {front.name} {front.version} ({self._parts.template.sha256[:12]})"

    def request_for(self, question: str, gold_answers: Sequence[str], answer: str) -> AnswerRequest:
        """What is asked about one answer. Personal data is masked where the deployment masks it."""
        texts: tuple[str, ...] = (question, " / ".join(gold_answers), answer)
        if self._parts.masker is not None:
            texts, _ = self._parts.masker.mask(texts)
        messages = render_judge_prompt(
            self._parts.template, question=texts[0], gold_answer=texts[1], answer=texts[2], key=self._parts.key
        )
        return AnswerRequest(question, (), {}, messages=messages)

    def read(self, request: AnswerRequest, response: bytes) -> AnswerDraft:
        """The score as confidence, the reason as a claim. Raises ``DocumentError`` for anything else."""
        del request
        reply = self._model.read(response)
        if reply.finish != "stop":
            raise malformed(f"it ended by {reply.finish!r}", cause="cut_response")
        value = json_in(reply.text)
        problem = schema_problem(value, self._verdict)
        if problem is not None:
            raise malformed(problem)
        score = float(value["score"])
        if not 0.0 <= score <= 1.0:  # not a number, too
            raise malformed("score must be a number from 0 to 1")
        return AnswerDraft((DraftClaim(str(value.get("reason", "")), ()),), confidence=score)


class JudgedRows(RowBuilder):
    """Final rows of verdicts: the score is the row's confidence, the reason its answer."""

    def gated(self, row: PlannedRow, request: AnswerRequest, confidence: float) -> AnswerRow | None:
        """Nothing: every row that was planned is judged."""
        del row, request, confidence
        return None

    def read(
        self,
        row: PlannedRow,
        request: AnswerRequest,
        response: bytes,
        maker: AnswerMaker,
        *,
        confidence: float,
        bill: Bill,
    ) -> AnswerRow:
        """The verdict in a raw response. Raises ``DocumentError`` for one that makes no sense."""
        del confidence
        draft = maker.read(request, response)
        verdict = CheckedAnswer("answered", None, ())
        return self._finished(row, request, verdict, maker, confidence=draft.confidence or 0.0, bill=bill)


@dataclass(frozen=True, slots=True)
class AnswerJudge:
    """Judges answers as one resumable job: implements ``evaluator.Judge``."""

    maker: JudgeMaker
    resources: Resources
    settings: AnsweringSettings
    """Whose budget and bounds hold."""
    tenant: str
    owner: str
    """Names this worker: it may take its own interrupted job again at once."""
    reopen: Callable[[str], None] = lambda _job_id: None
    """Makes rows of a job that ended by an error, or without money, unfinished again; what was paid stays paid."""

    def __call__(self, pairs: Sequence[tuple[GoldQuestion, GivenAnswer]]) -> Mapping[str, float]:
        """Scores by question id.

        Not judged are questions without gold answers, unanswerable ones, and failed answers. No answer at all is 0
        by the rules of the prompt, and nobody is asked. Raises ``WellreadError`` where the judge cannot be asked.
        """
        judged = [(question, answer) for question, answer in pairs if _can_be_judged(question, answer)]
        asked = {question.id: (question, answer.text) for question, answer in judged if answer.text}
        silent = {question.id: 0.0 for question, _ in judged if question.id not in asked}
        rows = self._rows([self._planned(question, text or "") for question, text in asked.values()])
        found = {row.id: row.confidence for row in rows if row.status == "answered"}
        return silent | {name: score for name, score in found.items() if score is not None}

    def _rows(self, planned: Sequence[PlannedRow]) -> tuple[AnswerRow, ...]:
        if not planned:
            return ()
        plan = JobPlan(_TARGET, self.tenant, "", self.maker.identity, tuple(planned), self.maker.prompt)
        reference = store_plan(plan, self.resources.artifacts)
        self.reopen(job_id_of(reference))
        execute_job(
            reference,
            self.resources,
            settings=self.settings,
            threshold_ratio=0.0,
            owner=self.owner,
            row_builder=JudgedRows,
        )
        return finish_job(reference, ledger=self.resources.ledger, artifacts=self.resources.artifacts)

    def _planned(self, question: GoldQuestion, text: str) -> PlannedRow:
        request = self.maker.request_for(question.question, question.answers, text)
        key = request_key(self.maker.identity, self.maker.key_material(request), tenant=self.tenant)
        return PlannedRow(Question(question.id, question.question), request, key)


def _can_be_judged(question: GoldQuestion, answer: GivenAnswer) -> bool:
    return question.answerable is not False and bool(question.answers) and not answer.has_failed
