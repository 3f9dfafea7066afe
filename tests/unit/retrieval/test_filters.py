from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from wellread.errors import SettingsError
from wellread.filter_json import MOST_DEPTH, MOST_LEAVES, filter_from_text, from_json
from wellread.filters import (
    And,
    AnyOf,
    Equals,
    Exists,
    Filter,
    FilterFacts,
    Not,
    NotEquals,
    Or,
    Range,
    StartsWith,
    all_of,
    holds,
)

FACTS = FilterFacts(
    document="contracts/lease.pdf",
    source="contracts",
    language="en",
    modified_at=datetime(2026, 1, 31, 23, 30, tzinfo=UTC),
    fields={"year": 2020, "draft": True, "signed": "2020-05-03", "sent": "2020-05-03T10:00:00+02:00", "team": "hr"},
)
EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Equals("year", 2020.0), True),
        (Equals("year", "2020"), False),
        (Equals("draft", True), True),
        (Equals("draft", 1), False),
        (AnyOf("team", ("legal", "hr")), True),
        (NotEquals("team", "legal"), True),
        (NotEquals("nothing", "legal"), True),
        (Not(Equals("nothing", "legal")), True),
        (Exists("nothing"), False),
        (Exists("draft"), True),
        (StartsWith("document", "contracts/"), True),
        (StartsWith("document", "lease"), False),
        (Equals("source", "contracts"), True),
        (Equals("language", "en-GB"), False),
        (Range("year", at_least=2020, below=2021), True),
        (Range("year", above=2020), False),
        (Range("year", at_most=2019.5), False),
        (Range("draft", at_least=0), False),
        (Range("year", at_least=date(2000, 1, 1)), False),
        (Range("signed", at_least=date(2020, 5, 3), at_most=date(2020, 5, 3)), True),
        (Range("sent", below=datetime(2020, 5, 3, 8, 0, 1, tzinfo=UTC)), True),
        (Range("sent", below=datetime(2020, 5, 3, 8, tzinfo=UTC)), False),
        (Range("signed", at_least=datetime(2000, 1, 1, tzinfo=UTC)), False),
        (Range("modified_at", at_most=date(2026, 1, 31)), True),
        (Range("modified_at", at_least=datetime(2026, 2, 1, 1, 30, tzinfo=EAST)), True),
        (Range("modified_at", above=datetime(2026, 2, 1, 1, 30, tzinfo=EAST)), False),
        (And((Equals("team", "hr"), Or((Exists("nothing"), Not(Exists("nothing")))))), True),
    ],
)
def test_a_filter_means_what_it_says(condition: Filter, expected: bool) -> None:
    assert holds(condition, FACTS) is expected


def test_no_condition_is_none() -> None:
    one = Exists("year")
    assert all_of(None, None) is None
    assert all_of(None, one) is one
    assert all_of(one, None, Exists("team")) == And((one, Exists("team")))


@pytest.mark.parametrize(
    ("value", "condition"),
    [
        ({"field": "year", "equals": 2020}, Equals("year", 2020)),
        ({"field": "team", "any_of": ["hr", "legal"]}, AnyOf("team", ("hr", "legal"))),
        ({"field": "year", "at_least": 2019, "below": 2022}, Range("year", at_least=2019, below=2022)),
        ({"field": "modified_at", "above": "2026-01-31"}, Range("modified_at", above=date(2026, 1, 31))),
        (
            {"field": "modified_at", "above": "2026-01-31T08:00:00Z"},
            Range("modified_at", above=datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ),
        ({"not": {"field": "year", "exists": True}}, Not(Exists("year"))),
        (
            {"and": [{"field": "draft", "not_equals": True}, {"or": [{"field": "document", "starts_with": "a/"}]}]},
            And((NotEquals("draft", True), Or((StartsWith("document", "a/"),)))),
        ),
    ],
)
def test_json_is_read_as_the_filter_that_it_means(value: Any, condition: Filter) -> None:
    assert from_json(value) == condition


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "not an object"),
        ({}, "not an object"),
        ([], "not an object"),
        ({"year": 2020}, "its keys are ['year']"),
        ({"and": [], "or": []}, "its keys are"),
        ({"and": []}, "of nothing"),
        ({"and": {}}, "Give a list"),
        ({"and": [{"or": [{"not": 3}]}]}, "read the filter.and[0].or[0].not"),
        ({"field": "year"}, "has the operators []"),
        ({"field": "year", "equals": 1, "exists": True}, "Give one"),
        ({"field": "year", "equals": 1, "at_least": 1}, "Give one"),
        ({"field": "year", "equal": 1}, "with ['equal']"),
        ({"field": "year", "equals": 1, "and": []}, "with ['and']"),
        ({"field": "Year", "equals": 1}, "lower-case"),
        ({"field": "acl.x", "equals": 1}, "lower-case"),
        ({"field": 3, "equals": 1}, "field 3"),
        ({"field": "year", "equals": None}, "a text, a number or a boolean"),
        ({"field": "year", "equals": [1]}, "a text, a number or a boolean"),
        ({"field": "year", "equals": float("nan")}, "finite"),
        ({"field": "note", "equals": "\ud800"}, "half a character"),
        ({"field": "source", "equals": 3}, "Give a text"),
        ({"field": "modified_at", "equals": "2026-01-31"}, "Give a range"),
        ({"field": "modified_at", "exists": True}, "Every chunk has it"),
        ({"field": "year", "exists": False}, "for the contrary"),
        ({"field": "year", "any_of": []}, "has 0 values"),
        ({"field": "year", "any_of": "hr"}, "Give a list"),
        ({"field": "team", "starts_with": "h"}, "is for `document`"),
        ({"field": "document", "starts_with": ""}, "is for `document`"),
        ({"field": "year", "at_least": "soon"}, "a day like"),
        ({"field": "year", "at_least": True}, "a day like"),
        ({"field": "year", "at_least": float("inf")}, "numbers, dates"),
        ({"field": "year", "at_least": 1, "above": 1}, "one of at_least and above"),
        ({"field": "year", "at_least": 1, "below": "2026-01-31"}, "bounds of one kind"),
        ({"field": "modified_at", "at_least": 2020}, "Give dates"),
        ({"field": "modified_at", "at_least": "2026-01-31T08:00:00"}, "Add the zone"),
        ({"field": "language", "at_least": 1}, "Ranges are for"),
        ({"or": [{"field": "year", "equals": number} for number in range(MOST_LEAVES + 1)]}, "201 conditions"),
    ],
)
def test_anything_else_is_refused_with_the_place_and_the_reason(value: Any, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        from_json(value)
    assert said in str(refused.value)


def test_deep_nesting_is_refused_before_it_overflows() -> None:
    value: Any = {"field": "year", "exists": True}
    for _ in range(MOST_DEPTH):
        value = {"not": value}
    with pytest.raises(SettingsError, match="16 deep"):
        from_json(value)
    for text in ('{"not":' * 100_000 + "{}" + "}" * 100_000, "year = 2020", ""):
        with pytest.raises(SettingsError, match="not JSON"):
            filter_from_text(text)
