"""Sentences of real texts are found; the same sentences with something changed are not."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from wellread.answering.checking.quotes import locate_quote
from wellread.sentences import split_sentences

pytestmark = pytest.mark.corpora

NUMBER = re.compile(r"(?<![\w.,])\d+(?![\w.,])")
VERB = re.compile(r"\b(is|are|was|were|has|have|can|may|shall|will)\b (?!not\b)")
NAME = re.compile(r"(?<=[a-z] )[A-Z][a-z]{4,}")


@pytest.fixture(scope="module")
def sentences(corpora: Path) -> list[tuple[str, str]]:
    """(sentence, the text it stands in) of Wikipedia passages and of scientific papers."""
    corpus = (corpora / "clapnq" / "corpus.jsonl").read_text("utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in corpus]
    for path in sorted((corpora / "covid-qa" / "docs").iterdir())[:10]:
        text = path.read_text("utf-8")
        texts += [text[start : start + 1500] for start in range(2000, 12_000, 1500)]
    found = [
        (text[start:end], text)
        for text in texts
        for start, end in split_sentences(text)[1:-1]
        if 50 <= end - start <= 300
    ]
    return random.Random(7).sample(found, 600)


def misread(sentence: str, draw: random.Random) -> str:
    """Two letters read wrong, as text recognition does; never in a number."""
    letters = [index for index, character in enumerate(sentence) if character in "aeolcu"]
    spoiled = list(sentence)
    for index in draw.sample(letters, 2):
        spoiled[index] = {"a": "o", "e": "c", "o": "c", "l": "i", "c": "e", "u": "v"}[spoiled[index]]
    return "".join(spoiled)


def other_number(sentence: str, draw: random.Random) -> str | None:
    numbers = list(NUMBER.finditer(sentence))
    if not numbers:
        return None
    one = draw.choice(numbers)
    return sentence[: one.start()] + str(int(one.group()) + draw.randint(1, 9)) + sentence[one.end() :]


def negated(sentence: str, draw: random.Random) -> str | None:
    changed = VERB.sub(r"\1 not ", sentence, count=1)
    return changed if changed != sentence else None


def other_name(sentence: str, draw: random.Random) -> str | None:
    changed = NAME.sub(draw.choice(["Throckmorton", "Quixley", "Zanzibar"]), sentence, count=1)
    return changed if changed != sentence else None


def test_true_sentences_are_found_where_they_stand(sentences: list[tuple[str, str]]) -> None:
    for sentence, text in sentences:
        location = locate_quote(sentence, text)
        assert location.match == "exact"
        assert text[location.start : location.end] == sentence


def test_rewrapped_sentences_with_other_quotes_and_dashes_are_found(sentences: list[tuple[str, str]]) -> None:
    matches = []
    for sentence, text in sentences:
        changed = sentence.replace(" ", "\n ").replace('"', "\u201c").replace("-", "\u2013").upper()
        matches.append(locate_quote(changed, text).match)
    assert "failed" not in matches
    assert matches.count("fuzzy") <= 3  # capitals of letters such as the Turkish dotless i do not come back


def test_misread_sentences_are_mostly_found(sentences: list[tuple[str, str]]) -> None:
    draw = random.Random(7)
    found = [locate_quote(misread(sentence, draw), text).match != "failed" for sentence, text in sentences]
    assert sum(found) / len(found) >= 0.9


@pytest.mark.parametrize("alter", [other_number, negated, other_name])
def test_altered_sentences_are_not_found(
    alter: Callable[[str, random.Random], str | None], sentences: list[tuple[str, str]]
) -> None:
    draw = random.Random(7)
    altered = [(changed, text) for sentence, text in sentences if (changed := alter(sentence, draw)) is not None]
    passed = [changed for changed, text in altered if locate_quote(changed, text).match != "failed"]
    assert len(altered) >= 50
    assert len(passed) / len(altered) <= 0.02, passed[:5]


def test_two_halves_of_different_texts_are_not_found(sentences: list[tuple[str, str]]) -> None:
    pairs = zip(sentences[::2], sentences[1::2], strict=True)
    spliced = [(one[: len(one) // 2] + two[len(two) // 2 :], text) for (one, text), (two, _) in pairs]
    passed = [quote for quote, text in spliced if locate_quote(quote, text).match != "failed"]
    assert len(passed) / len(spliced) <= 0.02, passed[:5]
