"""What became of a job: counts that add up, and how its answers differ from those before."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from wellread.answering.jobs.steps import JobRun
from wellread.questions import AnswerRow

ChangeCause = Literal["question", "evidence", "model", "prompt", "settings"]


@dataclass(frozen=True, slots=True)
class JobReport:
    """What became of a job: counts by status, and what was sent in this run."""

    job_id: str
    row_count: int
    statuses: Mapping[str, int]
    sent_count: int
    """Requests sent in this run; rows without one were final or stored before, or needed none."""
    resumed_count: int
    """Rows that were final before this run."""
    maybe_billed: tuple[str, ...]
    """Questions that were sent without a response that was stored: perhaps paid twice."""
    cost_usd: float | None
    """Over all rows, earlier runs included; ``None`` where one row's price is not known."""
    input_tokens: int = 0
    output_tokens: int = 0
    models: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Rows by the model that answered, and by ``none`` where nothing was asked."""
    reused_count: int = 0
    """Rows whose response an earlier job, or another deployment, had paid for."""
    flags: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """The manifest of a job, as JSON values."""
        return {
            **dataclasses.asdict(self),
            "statuses": dict(self.statuses),
            "models": dict(self.models),
            "flags": dict(self.flags),
            "maybe_billed": list(self.maybe_billed),
        }


def report_of(run: JobRun, resumed_count: int) -> JobReport:
    """The report of a job whose rows are all final."""
    states = run.ledger.read_rows(run.job_id)
    finals = [json.loads(state.final_json) for state in states if state.final_json is not None]
    costs = [final["cost_usd"] for final in finals]
    return JobReport(
        job_id=run.job_id,
        row_count=len(states),
        statuses=_counted(final["status"] for final in finals),
        sent_count=run.sent_count,
        resumed_count=resumed_count,
        maybe_billed=tuple(state.question_id for state in states if state.maybe_billed),
        cost_usd=None if None in costs else round(sum(costs), 6),
        input_tokens=sum(final["usage"]["input_tokens"] for final in finals),
        output_tokens=sum(final["usage"]["output_tokens"] for final in finals),
        models=_counted(final["model"] if final["origin"] != "none" else "none" for final in finals),
        reused_count=sum(final["origin"] in {"ledger", "cache"} for final in finals),
        flags=_counted(flag for final in finals for flag in final["flags"]),
    )


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


@dataclass(frozen=True, slots=True)
class AnswerChange:
    """One question whose answer is not what it was."""

    id: str
    question: str
    kind: Literal["added", "removed", "changed", "withdrawn"]
    """``withdrawn``: there was an answer, now there is none."""
    causes: tuple[ChangeCause, ...]
    """What differs of what the answer depends on; empty where the same request was answered otherwise."""
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class AnswerDiff:
    """How the answers of a repeated job differ from those it published last."""

    same_count: int
    changes: tuple[AnswerChange, ...]

    def counts(self) -> dict[str, int]:
        """``{"same": n, "added": n, ...}``."""
        return {"same": self.same_count, **_counted(change.kind for change in self.changes)}


def differences(before: Sequence[AnswerRow], after: Sequence[AnswerRow]) -> AnswerDiff:
    """Compare two results of one job, by question id."""
    old = {row.id: row for row in before}
    changes = []
    same_count = 0
    for row in after:
        earlier = old.pop(row.id, None)
        if earlier is None:
            changes.append(AnswerChange(row.id, row.question, "added", (), None, row.answer))
        elif (earlier.answer, earlier.status) == (row.answer, row.status):
            same_count += 1
        else:
            kind: Literal["withdrawn", "changed"] = (
                "withdrawn" if earlier.answer is not None and row.answer is None else "changed"
            )
            causes = _causes(earlier, row)
            changes.append(AnswerChange(row.id, row.question, kind, causes, earlier.answer, row.answer))
    changes += [AnswerChange(row.id, row.question, "removed", (), row.answer, None) for row in old.values()]
    return AnswerDiff(same_count, tuple(changes))


def _causes(before: AnswerRow, after: AnswerRow) -> tuple[ChangeCause, ...]:
    causes: list[ChangeCause] = []
    if before.question != after.question:
        causes.append("question")
    if _evidence(before) != _evidence(after):
        causes.append("evidence")
    if before.model != after.model:
        causes.append("model")
    if before.prompt_sha256 != after.prompt_sha256:
        causes.append("prompt")
    if not causes and before.request_key != after.request_key:
        causes.append("settings")
    return tuple(causes)


def _evidence(row: AnswerRow) -> frozenset[str]:
    """What the prompt held: chunk keys name content."""
    left_out = {key for key, _ in row.left_out}
    return frozenset(str(passage.chunk_key) for passage in row.passages) - left_out
