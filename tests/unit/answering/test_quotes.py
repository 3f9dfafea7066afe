"""Quotes are found where they stand, and only there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wellread.answering.checking.quotes import cite, document_span, locate_quote
from wellread.documents import Passage

TEXT = (
    "The supplier shall deliver within 30 days of the order. Late delivery costs 2.5 % of the price a week, "
    "but never more than 1,000 euros. The buyer may not cancel after dispatch. Contact: Ann O’Neill — sales."
)


@pytest.mark.parametrize(
    ("quote", "match", "found"),
    [
        ("shall deliver within 30 days", "exact", "shall deliver within 30 days"),
        ("  The buyer may not cancel after dispatch.  ", "exact", "The buyer may not cancel after dispatch."),
        ("the SUPPLIER shall\ndeliver", "normalised", "The supplier shall deliver"),
        ("Ann O'Neill - sales", "normalised", "Ann O’Neill — sales"),
        ("de\u00adliver with\u200bin 30 days", "normalised", "deliver within 30 days"),
        ("ｄｅｌｉｖｅｒ within 30 days", "normalised", "deliver within 30 days"),
        (
            "Late deliverv costs 2.5 % of the price a week",
            "fuzzy",
            "Late delivery costs 2.5 % of the price a week",
        ),
    ],
)
def test_a_true_quote_is_found_with_the_span_of_the_original(quote: str, match: str, found: str) -> None:
    location = locate_quote(quote, TEXT)
    assert location.match == match
    assert location.start is not None
    assert location.end is not None
    assert TEXT[location.start : location.end] == found


@pytest.mark.parametrize(
    ("quote", "problem"),
    [
        ("", "empty"),
        (" … ", "empty"),
        ("The supplier shall deliver within 60 days of the order.", "numbers_differ"),
        ("Late delivery costs 2.6 % of the price a week, but never more", "numbers_differ"),
        ("never more than 1,000,000 euros. The buyer may not cancel after", "numbers_differ"),
        ("The buyer may cancel after dispatch. Contact: Ann O’Neill — sales.", "negations_differ"),
        ("The customer may not cancel after dispatch. Contact: Ann O’Neill", "words_differ"),
        ("The moon is made of green cheese, said the astronomer quietly.", "not_found"),
        ("deliver within 3", "not_found"),
        ("ate deliver", "not_found"),
        ("5 % of the price", "not_found"),
    ],
)
def test_an_altered_or_invented_quote_fails(quote: str, problem: str) -> None:
    location = locate_quote(quote, TEXT)
    assert location.match == "failed"
    assert location.start is None
    assert location.problem == problem


def test_a_superscript_is_not_read_as_a_digit_of_the_number_before_it() -> None:
    assert locate_quote("an area of 102 m", "an area of 10² m").match == "failed"


def test_a_quote_in_a_script_without_spaces_may_begin_inside_a_run() -> None:
    location = locate_quote("大学図書館", "京都大学図書館は九時に開きます。")
    assert (location.match, location.start) == ("exact", 2)


def test_an_opposite_made_by_a_prefix_is_no_misreading() -> None:
    text = "The tribunal held that the dismissal of the worker was lawful and dismissed the claim."
    altered = text.replace("lawful", "unlawful")
    assert locate_quote(altered, text).match == "failed"


def test_offsets_count_in_the_cleaned_document(passage: Callable[..., Passage]) -> None:
    found = passage("Zero. Forty-two is the answer.", start_char=500)
    citation = cite(found, "Forty-two is the answer.")
    assert (citation.start_char, citation.end_char, citation.match) == (506, 530, "exact")


def test_a_table_row_is_placed_after_its_repeated_header(passage: Callable[..., Passage]) -> None:
    header = "Year | Sales\n"
    table = passage(header + "2024 | 17", start_char=900, repeated_chars=len(header))
    citation = cite(table, "2024 | 17")
    assert (citation.start_char, citation.end_char) == (900, 909)


def test_a_quote_of_the_repeated_header_has_no_place_in_the_document(passage: Callable[..., Passage]) -> None:
    table = passage("Year | Sales\n2024 | 17", start_char=900, repeated_chars=13)
    citation = cite(table, "Year | Sales")
    assert citation.match == "exact"
    assert citation.start_char is None
    assert document_span(table, 0, 12) is None


def test_a_failed_quote_is_reported_as_it_was_claimed(passage: Callable[..., Passage]) -> None:
    citation = cite(passage("Nothing of the kind."), "All swans are black.")
    assert (citation.match, citation.quote, citation.start_char) == ("failed", "All swans are black.", None)
