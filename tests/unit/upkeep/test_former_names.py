"""Whose text stood under which name, and when."""

from __future__ import annotations

import pytest

from wellread.snapshots import OPEN
from wellread.upkeep.former_names import FormerName, Move, earlier_names, later_names

FOREVER = 2**62


def earlier(*moves: Move, name: str) -> list[tuple[str, int, int]]:
    return [(item.natural_key, item.first, item.last) for item in earlier_names(moves, name, FOREVER)]


def later(*moves: Move, name: str) -> list[tuple[str, int, int]]:
    return [(item.natural_key, item.first, item.last) for item in later_names(moves, name)]


def test_a_chain_is_followed_to_its_beginning() -> None:
    moves = (Move(3, "a", "b"), Move(7, "b", "c"))
    assert earlier(*moves, name="c") == [("b", 0, 7), ("a", 0, 3)]
    assert earlier(*moves, name="b") == []  # that text is the one of c now
    assert earlier(*moves, name="a") == []


def test_names_that_another_document_took_over_keep_their_spans_apart() -> None:
    moves = (Move(3, "a", "b"), Move(7, "a", "c"))  # between them a new document came under the name a
    assert earlier(*moves, name="b") == [("a", 0, 3)]
    assert earlier(*moves, name="c") == [("a", 3, 7)]


def test_what_left_a_name_is_no_past_of_its_next_bearer() -> None:
    moves = (Move(2, "a", "b"), Move(4, "b", "c"), Move(6, "x", "b"))
    assert earlier(*moves, name="b") == [("x", 0, 6)]
    assert earlier(*moves, name="c") == [("b", 0, 4), ("a", 0, 2)]


def test_a_swap_in_one_revision() -> None:
    moves = (Move(5, "a", "b"), Move(5, "b", "a"))
    assert earlier(*moves, name="b") == [("a", 0, 5)]
    assert earlier(*moves, name="a") == [("b", 0, 5)]


def test_there_and_back_again() -> None:
    moves = (Move(3, "a", "b"), Move(5, "b", "a"))
    assert earlier(*moves, name="a") == [("b", 0, 5), ("a", 0, 3)]


def test_where_text_went() -> None:
    moves = (Move(3, "a", "b"), Move(7, "b", "c"))
    assert later(*moves, name="a") == [("b", 3, 7), ("c", 7, FOREVER)]
    assert later(*moves, name="c") == []


@pytest.mark.parametrize(
    ("span", "covered"),
    [((3, 7), True), ((3, OPEN), False), ((2, 7), False), ((3, 8), False), ((5, 6), True), ((7, 9), False)],
)
def test_only_closed_objects_within_the_span_are_the_former_bearers(span: tuple[int, int], covered: bool) -> None:
    assert FormerName("a", 3, 7).covers(*span) is covered
