"""Whatever the text: a quote that was cut from it is found there, and what is found is what was asked."""

from __future__ import annotations

import string

from hypothesis import assume, given
from hypothesis import strategies as st

from wellread.answering.checking.facts import negations_of, numbers_of
from wellread.answering.checking.normalising import cuts_word, normalise
from wellread.answering.checking.quotes import locate_quote

TEXTS = st.text(max_size=200)
PROSE = st.lists(
    st.text(alphabet=string.ascii_letters + "äßéñ0123456789", min_size=1, max_size=9), min_size=4, max_size=40
).map(" ".join)


@given(TEXTS, st.data())
def test_a_quote_cut_at_words_is_found_exactly(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    quote = text[start:end]
    assume(quote == quote.strip())
    assume(any(character.isalnum() for character in quote))
    assume(not cuts_word(text, start))
    assume(not cuts_word(text, end))
    location = locate_quote(quote, text)
    assert location.match == "exact"
    assert text[location.start : location.end] == quote


@given(TEXTS, TEXTS)
def test_what_is_found_has_the_numbers_and_negations_of_the_quote(quote: str, text: str) -> None:
    location = locate_quote(quote, text)
    if location.match == "failed":
        assert location.start is None
        return
    assert location.start is not None
    assert location.end is not None
    assert 0 <= location.start < location.end <= len(text)
    found = text[location.start : location.end]
    assert numbers_of(found) == numbers_of(quote)
    assert negations_of(found) == negations_of(quote)


@given(PROSE, st.data())
def test_case_space_and_invisible_characters_do_not_hide_a_quote(text: str, data: st.DataObject) -> None:
    words = text.split(" ")
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first + 1, len(words)))
    wanted = " ".join(words[first:last])
    spoiled = wanted.swapcase().replace(" ", " \n\u200b ")
    assume("ß" not in wanted or spoiled.casefold())
    location = locate_quote(spoiled, text)
    assert location.match in {"exact", "normalised"}
    assert normalise(text[location.start : location.end]).text == normalise(wanted).text


@given(PROSE, st.integers(0, 9), st.data())
def test_a_changed_digit_never_passes(text: str, digit: int, data: st.DataObject) -> None:
    places = [index for index, character in enumerate(text) if character.isdigit() and character != str(digit)]
    assume(places)
    place = data.draw(st.sampled_from(places))
    altered = text[:place] + str(digit) + text[place + 1 :]
    assert locate_quote(altered, text).match == "failed"


@given(TEXTS)
def test_normalising_twice_changes_nothing_and_spans_point_into_the_text(text: str) -> None:
    once = normalise(text)
    assert normalise(once.text).text == once.text
    assert len(once.starts) == len(once.ends) == len(once.text)
    assert all(0 <= start < end <= len(text) for start, end in zip(once.starts, once.ends, strict=True))
    assert list(once.starts) == sorted(once.starts)
