"""What a prompt shows: numbered passages between fences, and the question outside of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# `<<<passage 3 MARK>>>`, `<passage id="3">`, and a code fence "```passage 3". Only the same number and mark close.
_OPENING = re.compile(
    r"<<<[ \t]*(?!end\b)[^\W\d]+[ \t]+(?P<a>\d+)(?P<mark>[^>\n]*)>>>\n?"
    r"|<(?P<tag>[a-z_]+)\b[^<>\n]*?\b(?:id|index|number|n)=[\"']?(?P<b>\d+)\b[^<>\n]*>\n?"
    r"|^```[^\W\d]+[ \t]+(?P<c>\d+)[^\n`]*\n",
    re.MULTILINE,
)
_TITLE = re.compile(r"\[[^\]\n]*\]\n")
_QUESTION = re.compile(r"^[ \t]*Question:[ \t]*(?P<question>.+?)(?=\n[ \t]*\n|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """Evidence as the model sees it."""

    number: int
    """As the prompt numbers it; from 1 for documents beside the messages."""
    text: str
    id: str = ""
    """Of a document beside the messages."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request understood."""

    system: str
    question: str
    passages: tuple[ShownPassage, ...]
    outside: str
    """The user's words outside of the fences."""


def read_prompt(turns: Sequence[Turn], documents: Sequence[ShownPassage] = ()) -> Prompt:
    """The last question and the evidence that it is asked of.

    The last user turn with a line ``Question:`` asks, else the last user turn, else the last turn. Its own passages
    are the evidence; where it shows none, those of all turns are (so examples do not mix with the question).
    """
    system = "\n\n".join(turn.text for turn in turns if turn.role in {"system", "developer"})
    split = [split_fences(turn.text) for turn in turns if turn.role == "user"]
    asking = next(
        (one for one in reversed(split) if _QUESTION.search(one[1])), split[-1] if split else ((), system)
    )
    *_, question = (asking[1], *(match.group("question") for match in _QUESTION.finditer(asking[1])))
    passages = asking[0] or tuple(passage for one in split for passage in one[0])
    outside = "\n\n".join(one[1] for one in split)
    return Prompt(system, question.strip(), (*passages, *documents), outside)


def split_fences(text: str) -> tuple[tuple[ShownPassage, ...], str]:
    """The passages in a text and what stands outside of them."""
    passages: list[ShownPassage] = []
    outside: list[str] = []
    position = 0
    while (match := _OPENING.search(text, position)) is not None:
        closing = _closing(match)
        end = text.find(closing, match.end())
        if end < 0:
            outside.append(text[position : match.end()])
            position = match.end()
            continue
        outside.append(text[position : match.start()])
        body = text[match.end() : end]
        title = _TITLE.match(body)
        number = match.group("a") or match.group("b") or match.group("c")
        passages.append(ShownPassage(int(number), body[title.end() :] if title else body))
        position = end + len(closing)
    outside.append(text[position:])
    return tuple(passages), "".join(outside)


def _closing(match: re.Match[str]) -> str:
    if match.group("a"):
        return f"\n<<<end {match.group('a')}{match.group('mark')}>>>"
    return f"</{match.group('tag')}>" if match.group("b") else "\n```"


@lru_cache(maxsize=256)
def schema_in(text: str) -> Mapping[str, Any] | None:
    """The last JSON Schema of an object that is written out in a text; None without one."""
    if '"properties"' not in text:
        return None
    *_, last = (None, *_objects(text))
    return last


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    decoder = json.JSONDecoder()
    position = text.find("{")
    while position >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        except ValueError:
            end = position + 1
        else:
            if isinstance(value.get("properties"), dict):
                yield value
        position = text.find("{", end)
