"""What a quote may change and what it may not, rule by rule."""

from __future__ import annotations

import pytest

from wellread.answering.checking.facts import negations_of, numbers_of
from wellread.answering.checking.misreadings import are_two_words
from wellread.answering.checking.numerals import value_of
from wellread.answering.checking.quotes import QuoteSettings, locate_quote

LEASE = "The tenant of the modern corner house shall return all the keys of the building to the owner in May."


@pytest.mark.parametrize(
    ("written", "quote"),
    [
        ("sales rose by 5 % in the year", "sales rose by 5 percent in the year"),
        ("a fee of 1,000 euros", "a fee of 1000 euros"),
        ("a fee of 1.000,50 euros", "a fee of 1,000.50 euros"),
        ("within thirty (30) days", "within 30 (30) days"),
        ("two hundred and fifty members", "250 members"),
        ("in the year ١٩٩٩ of the", "in the year 1999 of the"),
        ("from 2010 – 2015 only", "from 2010-2015 only"),
        ("art , music , and law", "art, music, and law"),
        ("the **whole** amount", "the whole amount"),
        ("inter-\nnational law", "international law"),
        ("an eﬃcient oﬃce", "an efficient office"),
        ("H₂O at 5 m²", "H2O at 5 m2"),
        ("كِتَابٌ جديد", "كتاب جديد"),
        ("大学図書館は、九時に開きます。", "大学図書館は九時に開きます"),
        ("he does n't know", "he doesn't know"),
    ],
)
def test_another_spelling_of_the_same_is_the_same(written: str, quote: str) -> None:
    assert locate_quote(quote, f"Before. {written} After.").match in {"normalised", "fuzzy"}


@pytest.mark.parametrize(
    ("written", "quote"),
    [
        ("version 3.10 of the program runs", "version 3.1 of the program runs"),
        ("a rate of 1.000 per year or so", "a rate of 1000 per year or so"),
        ("the members 1,5 of the list here", "the members 1.5 of the list here"),
        ("a change of -5 points on the day", "a change of 5 points on the day"),
        ("a net loss of (1,234) in the year", "a net loss of 1,234 in the year"),
        ("sales rose by 5 % in the last year", "sales rose by 5 in the last year"),
        ("it costs $5 a month to everybody", "it costs €5 a month to everybody"),
        ("with p < 0.05 in both of the groups", "with p > 0.05 in both of the groups"),
        ("the strain H1N1 was found in pigs", "the strain H1N0 was found in pigs"),
        ("an area of 10² metres in the hall", "an area of 102 metres in the hall"),
        ("from 2010-2015 in the whole country", "from 2010/2015 in the whole country"),
        ("it was 5 mg for each of the patients", "it was 5 g for each of the patients"),
        ("the employer shall pay the insurance", "the employee shall pay the insurance"),
        ("the infection lasted for three weeks", "the injection lasted for three weeks"),
        ("the demand fell in all of the markets", "the demand fell in of the markets"),
        ("he is not able to pay the whole rent", "he is notable to pay the whole rent"),
        ("三十天内必须交付所有的货物并付清款项", "六十天内必须交付所有的货物并付清款项"),
        ("他不是这家公司的正式员工也没有合同", "他是这家公司的正式员工也没有合同"),
        ("the first half ends. The second half of it begins", "the first half ends ... of it begins"),
    ],
)
def test_another_fact_or_word_is_no_quote(written: str, quote: str) -> None:
    assert locate_quote(quote, f"Before. {written} After.").match == "failed"


@pytest.mark.parametrize(
    ("read", "misread"),
    [
        ("modern corner", "rnodern corner"),
        ("shall return all", "sha1l retum aIl"),
        ("the keys of the building", "thc keys of tbe huilding"),
        ("return all the keys", "return allthe keys"),
        ("the building", "the bui1cling"),
        ("to the owner", "to the ovvner"),
        ("corner house", "c0rner h0use"),
    ],
)
def test_misread_letters_are_forgiven_on_either_side(read: str, misread: str) -> None:
    noisy = LEASE.replace(read, misread)
    assert noisy != LEASE
    assert locate_quote(noisy, LEASE).match == "fuzzy"
    location = locate_quote(LEASE, noisy)
    assert (location.match, location.start, location.end) == ("fuzzy", 0, len(noisy) - 1)


@pytest.mark.parametrize(
    ("first", "second"), [("fail", "fall"), ("modern", "modem"), ("clear", "dear"), ("erhalten", "erholten")]
)
def test_a_look_alike_that_is_a_word_is_another_word(first: str, second: str) -> None:
    assert are_two_words(first, second)
    text = f"It is said by all who know that it will {first} again in the end."
    assert locate_quote(text.replace(first, second), text).match == "failed"


def test_names_are_read_more_strictly_than_other_words() -> None:
    text = "The contract was signed by Mario Hill of the second company on the same day."
    assert locate_quote(text.replace("Mario", "Maria"), text).match == "failed"
    assert locate_quote(text.replace("Hill", "Bill"), text).match == "failed"
    assert locate_quote(text.replace("Hill", "HiIl"), text).match == "fuzzy"


def test_short_quotes_are_not_forgiven_misread_letters() -> None:
    assert locate_quote("tbe owner", LEASE).match == "failed"
    assert (
        locate_quote("tbe owner", LEASE, settings=QuoteSettings(fuzzy_least_chars=5, fuzzy_least_ratio=80)).match
        == "fuzzy"
    )


def test_too_many_misread_letters_are_not_forgiven() -> None:
    noisy = LEASE.replace("e", "c")
    assert locate_quote(noisy, LEASE).match == "failed"
    assert locate_quote(noisy, LEASE, settings=QuoteSettings(fuzzy_least_ratio=50)).match == "fuzzy"


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("compliant with the rule", "It is non-compliant with the rule."),
        ("5 degrees", "It was -5 degrees."),
        ("हि", "हिन्दी"),
    ],
)
def test_a_quote_may_not_begin_or_end_where_that_turns_its_meaning(quote: str, text: str) -> None:
    assert locate_quote(quote, text).match == "failed"


def test_a_cut_mark_at_the_ends_is_allowed_and_one_in_the_middle_is_not() -> None:
    assert locate_quote("... shall return all the keys ...", LEASE).match == "normalised"
    assert locate_quote("The tenant shall return ... to the owner in May.", LEASE).match == "failed"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1,000,000.5", "1000000.5"),
        ("1.000.000", "1000000"),
        ("1.234,5", "1234.5"),
        ("1.000", "1.000"),
        ("1,5", "1,5"),
        ("007", "007"),
        ("٣٫٥", "3.5"),
    ],
)
def test_numbers_are_read_by_value_where_it_is_sure(written: str, value: str) -> None:
    assert value_of(written) == value


def test_numbers_and_negations_are_counted() -> None:
    assert numbers_of("Thirty (30) of 1,000, and 2 more; forty-two l0ng ones") == {
        "30": 2,
        "1000": 1,
        "2": 1,
        "42": 1,
    }
    assert numbers_of("from -5 to 10-20 and 10²") == {"-5": 1, "10": 2, "20": 1, "^2": 1}
    assert negations_of("It can't, cannot and will not; kein Haus, не дом, नहीं") == {
        "not": 3,
        "kein": 1,
        "не": 1,
        "नहीं": 1,
    }
