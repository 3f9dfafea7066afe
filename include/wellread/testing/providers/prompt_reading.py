"""What a prompt shows: numbered passages between fences, and the question outside of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# One layout a text: `<<<passage 3 MARK>>>`, `<passage id="3">`, or a code fence "```passage 3".
_LAYOUTS = (
    (
        re.compile(r"<<<[ \t]*(?!end\b)[^\W\d]+[ \t]+(?P<number>\d+)(?P<mark>[^>\n]*)>>>\n?"),
        "\n<<<end {number}{mark}>>>",  # only the same number and mark close it
    ),
    (
        re.compile(r"<(?P<tag>[a-z_]+)\b[^<>\n]*?\b(?:id|index|number|n)=[\"']?(?P<number>\d+)\b[^<>\n]*>\n?"),
        "</{tag}>",
    ),
    (re.compile(r"```[^\W\d]+[ \t]+(?P<number>\d+)[^\n`]*\n"), "\n```"),
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
    for opening, closing in _LAYOUTS:
        if opening.search(text) is not None:
            return _split(text, opening, closing)
    return (), text


def _split(text: str, opening: re.Pattern[str], closing: str) -> tuple[tuple[ShownPassage, ...], str]:
    passages: list[ShownPassage] = []
    outside: list[str] = []
    position = 0
    while (match := opening.search(text, position)) is not None:
        close = closing.format(**match.groupdict())
        end = text.find(close, match.end())
        if end < 0:
            outside.append(text[position : match.end()])
            position = match.end()
            continue
        outside.append(text[position : match.start()])
        body = text[match.end() : end]
        title = _TITLE.match(body)
        passages.append(ShownPassage(int(match.group("number")), body[title.end() :] if title else body))
        position = end + len(close)
    outside.append(text[position:])
    return tuple(passages), "".join(outside)


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
