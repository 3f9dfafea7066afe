"""Answers that a person should see before they are published."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from wellread.errors import SettingsError
from wellread.questions import AnswerStatus
from wellread_airflow.answer_sets import load_rows, status_counts, store_rows
from wellread_airflow.connections import opened_workspace
from wellread_airflow.failures import FailurePolicy, airflow_failures
from wellread_airflow.form_values import is_set
from wellread_airflow.shown_text import plain_text

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.questions import AnswerRow

Decision = Literal["keep", "approve", "reject"]
APPLY, LEAVE = "Apply", "Leave all as they are"
_SHOWN_QUOTES = 5


class ReviewAnswersOperator(HITLOperator):
    """Show rows of some statuses to a person, and take over what the person decides.

    For each row the form has a decision and the answer's text: ``approve`` makes it ``answered`` (with the text as
    it stands in the form), ``reject`` makes it ``abstained`` without an answer, ``keep`` leaves it. Reviewed rows
    carry the flag ``reviewed``, and ``edited`` where the text was changed. The task waits without a worker.

    Without anything to review it is skipped and hands the rows on: give the task after it the trigger rule
    ``none_failed``, and ``answers=review.output["answers"]``.

    Args:
        answers: The reference of the rows: ``run.output["answers"]``.
        statuses: Which rows are shown.
        enabled: Whether there is a review at all; a form's box.
        most_rows: One form has at most so many rows; the rest stays as it is, and the result says how many.
        response_timeout: Nobody answered for so long: the task fails.
        rest: As for ``HITLOperator``: ``notifiers``, ``assigned_users``, ...
    """

    template_fields: Collection[str] = (*HITLOperator.template_fields, "answers", "enabled")
    ui_color = "#e8f0e4"

    def __init__(
        self,
        *,
        answers: Any,
        statuses: Sequence[AnswerStatus] = ("flagged",),
        enabled: bool | str = True,
        most_rows: int = 25,
        response_timeout: timedelta = timedelta(days=7),
        **rest: Any,
    ) -> None:
        rest.setdefault("subject", "Answers to review")
        rest.setdefault("retry_policy", FailurePolicy())
        rest.setdefault("multiple_outputs", True)
        super().__init__(options=[APPLY, LEAVE], response_timeout=response_timeout, **rest)
        unknown = set(statuses) - set(get_args(AnswerStatus))
        if unknown:
            raise ValueError(f"There is no status {min(unknown)!r}: {', '.join(get_args(AnswerStatus))}")
        self.answers: Any = answers
        self.statuses = tuple(statuses)
        self.enabled = enabled
        self.most_rows = most_rows

    def execute(self, context: Context) -> Any:
        """Show the rows, if there are any."""
        with airflow_failures():
            wanted = is_set(self.enabled, "enabled")
        rows = self._rows() if wanted else []
        shown = self._shown(rows)
        if not shown:
            self._hand_on(context)
            raise AirflowSkipException("There is no answer to review." if wanted else "No review was asked for.")
        self.params = ParamsDict(_form(shown))
        self.body = "\n\n".join(_described(number, row) for number, row in enumerate(shown, 1))
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Merge the decisions into the rows and keep them as a set of their own."""
        self.params = ParamsDict()
        try:
            answer = super().execute_complete(context, event)
        except HITLTimeoutError as error:
            raise AirflowFailException("Nobody reviewed the answers in time.") from error
        given = answer["params_input"] if APPLY in answer["chosen_options"] else {}
        with airflow_failures(), opened_workspace() as workspace:
            rows = load_rows(workspace, self.answers)
            merged, counts = merge(rows, self._shown(rows), given)
            reference = store_rows(workspace, merged)
        by = answer["responded_by_user"]
        return {
            "answers": reference,
            **counts,
            "not_shown": sum(row.status in self.statuses for row in rows) - len(self._shown(rows)),
            "statuses": status_counts(merged),
            "by": None if by is None else str(by["name"])[:200],
        }

    def _rows(self) -> list[AnswerRow]:
        with airflow_failures(), opened_workspace() as workspace:
            return load_rows(workspace, self.answers)

    def _shown(self, rows: Sequence[AnswerRow]) -> list[AnswerRow]:
        return [row for row in rows if row.status in self.statuses][: self.most_rows]

    def _hand_on(self, context: Context) -> None:
        """The exception that skips takes the return's place."""
        value = {"answers": self.answers}
        context["ti"].xcom_push(key="return_value", value=value)
        context["ti"].xcom_push(key="answers", value=self.answers)


def merge(
    rows: Sequence[AnswerRow], shown: Sequence[AnswerRow], given: Mapping[str, Any]
) -> tuple[list[AnswerRow], dict[str, int]]:
    """The rows after the review, in their order, and how many were approved, edited, rejected and kept.

    ``given``: what the form holds, by the names of :func:`_form`. Raises ``SettingsError`` for an unknown decision.
    """
    counts = {"approved": 0, "edited": 0, "rejected": 0, "kept": 0}
    decided: dict[str, AnswerRow] = {}
    for number, row in enumerate(shown, 1):
        decision, text = given.get(f"decision_{number}", "keep"), given.get(f"answer_{number}")
        if decision == "reject":
            decided[row.id] = _rejected(row)
            counts["rejected"] += 1
        elif decision == "approve":
            is_edited = bool(text) and text != row.answer
            decided[row.id] = _approved(row, str(text) if is_edited else None)
            counts["edited" if is_edited else "approved"] += 1
        elif decision == "keep":
            counts["kept"] += 1
        else:
            raise SettingsError(
                f"review the answer {row.id!r}",
                found=f"the decision {decision!r}",
                remedy="Approve, reject, keep.",
            )
    return [decided.get(row.id, row) for row in rows], counts


def _approved(row: AnswerRow, text: str | None) -> AnswerRow:
    if row.answer is None and text is None:
        raise SettingsError(
            f"approve the answer {row.id!r}", found="it has no text", remedy="Write one, or keep the row as it is."
        )
    flags = (*row.flags, "reviewed", *(() if text is None else ("edited",)))
    answer = row.answer if text is None else text
    return dataclasses.replace(row, status="answered", abstain_reason=None, answer=answer, flags=flags)


def _rejected(row: AnswerRow) -> AnswerRow:
    flags = (*row.flags, "reviewed")
    return dataclasses.replace(
        row, status="abstained", abstain_reason="check_failed", answer=None, claims=(), flags=flags
    )


def _form(shown: Sequence[AnswerRow]) -> dict[str, Param]:
    fields: dict[str, Param] = {}
    for number, row in enumerate(shown, 1):
        name = row.id[:80]
        fields[f"decision_{number}"] = Param(
            "keep", type="string", enum=list(get_args(Decision)), title=f"{number}. {name}: decision"
        )
        fields[f"answer_{number}"] = Param(
            row.answer or "", type=["string", "null"], format="multiline", title=f"{number}. {name}: answer"
        )
    return fields


def _described(number: int, row: AnswerRow) -> str:
    """Markdown; what documents and models say is quoted line by line, so that it stays text."""
    flags = f" ({', '.join(row.flags)})" if row.flags else ""
    lines = [f"**{number}. {plain_text(row.question)}** {row.status}{flags}", _quoted(row.answer or "no answer")]
    citations = [citation for claim in row.claims for citation in claim.citations]
    for citation in citations[:_SHOWN_QUOTES]:
        page = "" if citation.page is None else f", page {citation.page}"
        lines.append(f"* {citation.match}: “{plain_text(citation.quote)}” ({plain_text(citation.document)}{page})")
    return "\n\n".join(lines)


def _quoted(text: str) -> str:
    return f"> {plain_text(text)}"
