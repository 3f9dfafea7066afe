"""What a person decides about flagged answers, merged into the rows; and what a form's text means."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from wellread.errors import SettingsError
from wellread.questions import AnswerRow, AnswerStatus, Citation, Claim, Usage
from wellread_airflow.form_values import count_or_none, is_set, moment_or_none, number_or_none, one_of, text_or_none
from wellread_airflow.operators.inputs import questions_of
from wellread_airflow.operators.reviewing import _described, _form, merge


def row(name: str, status: AnswerStatus = "flagged", answer: str | None = "So it is.") -> AnswerRow:
    citation = Citation("d.txt", "id", "v", "c", "It <b>is</b> *so*.", 1, 0, 9, "failed")
    return AnswerRow(
        id=name,
        question=f"Is it so, {name}?",
        status=status,
        abstain_reason=None,
        answer=answer,
        claims=(Claim("So it is.", (citation,)),),
        passages=(),
        model="m",
        usage=Usage(),
        cost_usd=0.0,
        snapshot="4",
        request_key="k" * 64,
        flags=("leak:url",),
    )


def test_decisions_change_their_rows_and_no_others() -> None:
    rows = [row("a"), row("b", "answered"), row("c"), row("d")]
    shown = [rows[0], rows[2], rows[3]]
    given = {"decision_1": "approve", "answer_1": "So it is.", "decision_2": "reject", "decision_3": "keep"}
    merged, counts = merge(rows, shown, given)
    assert counts == {"approved": 1, "edited": 0, "rejected": 1, "kept": 1}
    assert [one.status for one in merged] == ["answered", "answered", "abstained", "flagged"]
    assert merged[0].flags == ("leak:url", "reviewed")
    assert (merged[2].answer, merged[2].claims, merged[2].abstain_reason) == (None, (), "check_failed")
    assert (merged[1], merged[3]) == (rows[1], rows[3])


def test_an_approved_answer_that_was_written_anew_says_so() -> None:
    [merged], counts = merge([row("a")], [row("a")], {"decision_1": "approve", "answer_1": "It is not."})
    assert counts["edited"] == 1
    assert merged.answer == "It is not."
    assert merged.flags[-2:] == ("reviewed", "edited")


def test_without_any_response_all_rows_stay() -> None:
    rows = [row("a"), row("b")]
    assert merge(rows, rows, {})[0] == rows


@pytest.mark.parametrize(
    ("given", "why"), [({"decision_1": "burn"}, "burn"), ({"decision_1": "approve"}, "no text")]
)
def test_a_decision_that_cannot_be_is_refused(given: dict[str, Any], why: str) -> None:
    empty = dataclasses.replace(row("a"), answer=None)
    with pytest.raises(SettingsError, match=why):
        merge([empty], [empty], given)


def test_the_form_has_two_fields_a_row_and_shows_text_of_documents_as_text() -> None:
    form = _form([row("a"), row("b")])
    assert list(form) == ["decision_1", "answer_1", "decision_2", "answer_2"]
    assert form["decision_1"].schema["enum"] == ["keep", "approve", "reject"]
    shown = _described(1, row("a"))
    assert "<b>" not in shown
    assert r"\<b\>is\</b\> \*so\*" in shown


# -- what a template renders ----------------------------------------------------------------------------------


@pytest.mark.parametrize("empty", [None, "", "  ", "None", "null"])
def test_an_empty_field_is_no_value(empty: str | None) -> None:
    assert text_or_none(empty) is None
    assert number_or_none(empty, "n") is None
    assert count_or_none(empty, "n") is None
    assert moment_or_none(empty, "n") is None
    assert one_of(empty, ("a",), "n") is None
    assert is_set(empty, "n") is False


def test_text_of_a_form_becomes_values() -> None:
    assert number_or_none("2.5", "n") == 2.5
    assert count_or_none("7", "n") == 7
    assert moment_or_none("2026-01-31T08:00:00", "n") == datetime(2026, 1, 31, 8, tzinfo=UTC)
    assert moment_or_none("2026-01-31T08:00:00+02:00", "n") == datetime(2026, 1, 31, 6, tzinfo=UTC)
    assert (is_set("True", "n"), is_set("false", "n"), is_set(value=True, name="n")) == (True, False, True)


def test_text_that_means_nothing_is_refused_with_the_options_name() -> None:
    for read in (number_or_none, count_or_none, moment_or_none, is_set):
        with pytest.raises(SettingsError, match="the option budget"):
            read("perhaps", "budget")  # type: ignore[operator]


def test_lists_of_texts_and_of_mappings_are_questions() -> None:
    first, second = questions_of(["Who? ", {"id": 7, "question": "Why?", "team": 3}])
    assert (first.id, first.text) == ("row-1", "Who?")
    assert (second.id, second.text, dict(second.columns)) == ("7", "Why?", {"team": "3"})
    with pytest.raises(SettingsError, match="item 2"):
        questions_of(["Who?", 3])
