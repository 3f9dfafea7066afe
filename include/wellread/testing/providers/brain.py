"""A model that cannot make anything up: it answers by quoting the sentence that shares most words with a question.

Its modes are the ways in which real models fail. All are deterministic.

``honest``
    The best sentence, word for word, with its passage; not found where too few words are shared.
``obedient``
    Does what the evidence or the question tells it to do (see ``obedience``), and quotes the instruction.
``invents_quote``
    Quotes a sentence that is in no passage.
``changes_number``
    Changes a number in the quote and in what it says.
``changes_claim``
    Quotes truly, and says another number.
``wrong_passage``
    Quotes truly, and cites a passage that was not shown.
``verdict``
    A judge: the share of the words after the last ``Answer:`` that stand elsewhere in the prompt; where there is no
    such line, of the words of the last passage that stand in the passages before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from wellread.sentences import split_sentences
from wellread.testing.providers.faults import Mode
from wellread.testing.providers.obedience import obey
from wellread.testing.providers.prompt_reading import Prompt, ShownPassage

NOT_FOUND = "The passages do not answer the question."
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")
_ANSWER = re.compile(
    r"^[ \t]*(?:Candidate |Proposed |The )?Answer:[ \t]*(?P<answer>.+?)(?=\n[ \t]*\n|\Z)",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_STEM_CHARS = 6
_SPACED_SCRIPTS_END = 0x0E00
"""From Thai upwards a script may not put spaces between words."""
_LEAST_SHARED_RATIO = 1 / 3
_COMMON = (
    "a about all an and any are as at be been but by can did do does for from had has have how if in into is it "
    "its many may much no not of on or our out so such than that the their them there these they this those to "
    "under up was we were what when where which while who whom whose why will with would you your"
)
_FUNCTION_WORDS = frozenset(_COMMON.split())


@dataclass(frozen=True, slots=True)
class Quote:
    """A place that is claimed to say something."""

    passage: int
    text: str
    document_id: str = ""


@dataclass(frozen=True, slots=True)
class Thought:
    """What the brain wants to say, before it has a format."""

    text: str
    """What it says; empty where nothing was found."""
    quotes: tuple[Quote, ...] = ()
    score: float | None = None
    """Of a judge, from 0 to 1."""

    @property
    def is_found(self) -> bool:
        """Whether there is an answer."""
        return bool(self.text)


def think(prompt: Prompt, mode: Mode) -> Thought:
    """The answer to a prompt."""
    if mode == "verdict":
        return _judge(prompt)
    if mode == "obedient":
        done = obey(prompt)
        if done is not None:
            return Thought(
                done.output, (Quote(done.passage, done.instruction, done.document_id),) if done.passage else ()
            )
    best = _best(prompt, with_number=mode in {"changes_number", "changes_claim"})
    if best is None:
        return Thought("")
    passage, sentence = best
    return _told(prompt, Quote(passage.number, sentence, passage.id), mode)


def _told(prompt: Prompt, quote: Quote, mode: Mode) -> Thought:
    if mode == "invents_quote":
        invented = f"The record of 1987 settles beyond doubt: {' '.join(prompt.question.split())[:80]}"
        return Thought(invented, (replace(quote, text=invented),))
    if mode == "wrong_passage":
        last = max(passage.number for passage in prompt.passages)
        return Thought(quote.text, (replace(quote, passage=last + 7, document_id="nowhere"),))
    if mode in {"changes_number", "changes_claim"}:
        changed = _NUMBER.sub(lambda match: str(int(match.group()) + 1), quote.text, count=1)
        return Thought(changed, (replace(quote, text=changed) if mode == "changes_number" else quote,))
    return Thought(quote.text, (quote,))


def _best(prompt: Prompt, *, with_number: bool) -> tuple[ShownPassage, str] | None:
    asked = words_of(prompt.question)
    best: tuple[ShownPassage, str] | None = None
    most = 0
    for passage in prompt.passages:
        for sentence, words in sentences_of(passage.text):
            shared = len(asked & words)
            if shared > most and not (with_number and not _NUMBER.search(sentence)):
                best, most = (passage, sentence), shared
    is_enough = most >= min(2, len(asked)) and most >= len(asked) * _LEAST_SHARED_RATIO
    return best if is_enough else None


def _judge(prompt: Prompt) -> Thought:
    text = prompt.outside
    answers = list(_ANSWER.finditer(text))
    shown = [passage.text for passage in prompt.passages]
    if answers:
        last = answers[-1]
        said = words_of(last.group("answer"))
        rest = words_of(" ".join((text[: last.start()], text[last.end() :], *shown)))
    elif len(shown) > 1:
        said, rest = words_of(shown[-1]), words_of(" ".join(shown[:-1]))
    else:
        return Thought("No answer was given to judge.", score=0.0)
    score = len(said & rest) / len(said) if said else 0.0
    return Thought(f"{len(said & rest)} of {len(said)} words are supported.", score=round(score, 4))


@lru_cache(maxsize=8192)
def sentences_of(text: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """The sentences of a passage with their words; remembered, because the same passages come again and again."""
    return tuple((text[start:end], words_of(text[start:end])) for start, end in split_sentences(text))


@lru_cache(maxsize=8192)
def words_of(text: str) -> frozenset[str]:
    """Stems of the words that mean something; pairs of characters for scripts without spaces."""
    return frozenset(_stems(text))


def _stems(text: str) -> Iterator[str]:
    for word in _WORD.findall(text.lower()):
        if word.isascii():
            if word not in _FUNCTION_WORDS:
                yield word if word.isdecimal() else word[:_STEM_CHARS]
        elif ord(max(word)) >= _SPACED_SCRIPTS_END:
            yield from (word[index : index + 2] for index in range(max(1, len(word) - 1)))
        else:
            yield word[:_STEM_CHARS]
