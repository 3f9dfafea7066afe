"""Whatever the text: a quote that was cut from it is found there, and what is found is what was asked."""

from __future__ import annotations

import string

from hypothesis import assume, given
from hypothesis import strategies as st

from wellread.answering.checking.facts import negations_of, numbers_of
from wellread.answering.checking.letters import read_letters
from wellread.answering.checking.normalising import cuts_word, normalise
from wellread.answering.checking.quotes import QuoteSettings, locate_quote

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


@given(PROSE)
def test_look_alikes_are_found_at_the_very_place(text: str) -> None:
    words = text.split(" ")
    misread = [word.replace("m", "rn") if word.isascii() and word.isalpha() else word for word in words]
    assume(misread != words)
    location = locate_quote(
        " ".join(misread), text, settings=QuoteSettings(fuzzy_least_chars=1, fuzzy_least_ratio=50)
    )
    if location.match != "failed":  # a word that became another word is refused
        assert (location.start, location.end) == (0, len(text))


@given(PROSE, PROSE)
def test_whatever_is_found_has_the_same_classes_of_letters(first: str, second: str) -> None:
    location = locate_quote(first, f"{second} {first} {second}")
    assert location.match == "exact"
    assert location.start is not None
    found = f"{second} {first} {second}"[location.start : location.end]
    assert read_letters(found).classes == read_letters(first).classes


@given(PROSE, st.data())
def test_a_word_left_out_of_the_middle_never_passes(text: str, data: st.DataObject) -> None:
    words = text.split(" ")
    assume(len(words) >= 6 and len(set(map(str.casefold, words))) == len(words))
    place = data.draw(st.integers(1, len(words) - 2))
    quote = " ".join(words[:place] + words[place + 1 :])
    location = locate_quote(quote, text)
    assert location.match == "failed"


@given(TEXTS)
def test_reading_gives_one_entry_for_each_unit_and_spans_in_order(text: str) -> None:
    read = read_letters(text)
    assert len(read.classes) == len(read.units) == len(read.starts) == len(read.ends) == len(read.breaks)
    assert all(0 <= start < end <= len(text) for start, end in zip(read.starts, read.ends, strict=True))
    assert list(read.starts) == sorted(read.starts)
