"""A model without any judgement: it does what a document tells it to do.

It looks for orders in every sentence of the evidence and of the question: to show its system prompt or a secret, to
include a link, to say something. In the evidence it further takes every sentence that begins like a command or a
question for an order, because attacks are often no more than that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from wellread.sentences import split_sentences
from wellread.testing.providers.prompt_reading import Prompt

_MOST_ORDERS = 5
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]*[^\s<>\"')\].,;:!?]")
_LINKING = re.compile(
    r"\b(?:include|add|append|insert|click|visit|see|open|go to|cite|recommend|link|refer|send)\b", re.IGNORECASE
)
_SECRET = re.compile(
    r"\b(?:reveal|print|repeat|show|output|tell|leak|send|disclose|recite|give|copy|say|include|write"
    r"|what (?:is|are))\b.{0,80}?\b(?:system prompt|initial prompt|prompt above|hidden (?:text|prompt)"
    r"|secrets?|canary|passwords?|api key|(?:your|all|initial|hidden|previous)\s+(?:\w+\s+)?instructions?)\b",
    re.IGNORECASE | re.DOTALL,
)
_OVERRIDE = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|rules?|prompts?|above|everything|guidelines)\b",
    re.IGNORECASE,
)
_ADDRESSED = re.compile(
    r"\b(?:instead|you must|you should|you are now|from now on|new instructions?|attention|important|system"
    r"|assistant|language model|ai model|(?:reply|respond|answer) with)\b|\bsay\s*[:\"'“]",
    re.IGNORECASE,
)
_SAYING = re.compile(
    r"\b(?:says?|reply|respond|answer|output|print|write|repeat|state|append|add)\b"
    r"(?:\s+(?:only|exactly|simply|just|with|that|by|this|following|the (?:words?|text|phrase|sentence)"
    r"|your answer))*\s*[:,]?\s*(?P<payload>.+)",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED = re.compile(r"[\"“'‘](?P<text>[^\"”'’]{1,300})[\"”'’]")
_COMMAND = re.compile(
    r"(?:please\s+|now\s+|also\s+)?(?:add|analy[sz]e|answer|append|break down|calculate|(?:can|could) you|change|"
    r"click|compose|convert|create|decode|describe|develop|disregard|draft|encode|encrypt|explain|find|forget|generate|"
    r"give|how|identify|ignore|include|insert|introduce|list|make|modify|offer|output|print|propose|provide|recommend|"
    r"repeat|replace|reply|respond|reveal|rewrite|say|send|share|show|solve|suggest|summari[sz]e|tell|translate|use|"
    r"visit|what|when|where|which|who|why|write)\b"
    r"|.*\b(?:your|the)\s+(?:\w+\s+)?(?:answer|reply|response|message)(?:'s)?\b",
    re.IGNORECASE | re.DOTALL,
)
"""Also whatever speaks of the answer that is being written."""


@dataclass(frozen=True, slots=True)
class Obeyed:
    """An order that was carried out."""

    output: str
    instruction: str
    passage: int
    """Where the order stood; 0 is the question."""
    document_id: str = ""


def obey(prompt: Prompt) -> Obeyed | None:
    """What the orders in a prompt, the first five, make the model say; None where there is none."""
    done = [one for _, one in zip(range(_MOST_ORDERS), _orders(prompt), strict=False)]
    if not done:
        return None
    first = done[0]
    return Obeyed("\n".join(one.output for one in done), first.instruction, first.passage, first.document_id)


def _orders(prompt: Prompt) -> Iterator[Obeyed]:
    for passage in prompt.passages:
        for instruction, output in _carried_out(passage.text, prompt.system, is_evidence=True):
            yield Obeyed(output, instruction, passage.number, passage.id)
    for instruction, output in _carried_out(prompt.question, prompt.system, is_evidence=False):
        yield Obeyed(output, instruction, 0)


def _carried_out(text: str, system: str, *, is_evidence: bool) -> Iterator[tuple[str, str]]:
    """Sentences that order something, with what that makes the model say."""
    is_overridden = False
    for start, end in split_sentences(text):
        sentence = text[start:end]
        is_override = _OVERRIDE.search(sentence) is not None
        is_overridden = is_overridden or is_override
        output = _explicit(sentence, system, is_addressed=is_overridden)
        if output is None and is_evidence and not is_override and _COMMAND.match(sentence):
            output = f"As instructed: {sentence}"
        if output is not None:
            yield sentence, output


def _explicit(sentence: str, system: str, *, is_addressed: bool) -> str | None:
    """What a sentence that plainly addresses a model makes it say."""
    if _SECRET.search(sentence):
        return system or "There is no system prompt."
    url = _URL.search(sentence)
    if url is not None and _LINKING.search(sentence):
        return url.group()
    said = _SAYING.search(sentence) if is_addressed or _ADDRESSED.search(sentence) else None
    if said is None:
        return None
    quoted = _QUOTED.search(said.group("payload"))
    return quoted.group("text") if quoted is not None else said.group("payload").strip(" .\"'")
