"""From a template to the messages of one request. Every text is a value: nothing retrieved is a template."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from wellread.answering.checking.normalising import strip_invisible
from wellread.answering.prompting.evidence import PackedEvidence, fence_evidence
from wellread.answering.prompting.examples import PromptExample
from wellread.answering.prompting.fencing import fence_texts
from wellread.answering.prompting.templates import PromptTemplate
from wellread.documents import Passage
from wellread.identities import canonical_json

Messages = tuple[Mapping[str, str], ...]
"""``role`` and ``content`` of each, in order."""

_CANARY_CHARS = 16
_LETTERS = "bcdfghjklmnpqrst"
"""No vowels: no word, and no number that a check of facts would count."""


def canary_of(key: bytes) -> str:
    """The marker that stands in every system message of a deployment and must stand in no answer.

    The same for one key, so that equal requests stay equal and providers can cache the beginning of a prompt.
    """
    digest = hmac.new(key, b"wellread canary", hashlib.sha256).hexdigest()[:_CANARY_CHARS]
    return "".join(_LETTERS[int(digit, 16)] for digit in digest)


def render_answer_prompt(
    template: PromptTemplate,
    *,
    question: str,
    passages: Sequence[Passage],
    packed: PackedEvidence,
    examples: Sequence[PromptExample] = (),
    key: bytes,
    canary: str = "",
) -> Messages:
    """The messages of one question; the examples stand as turns of their own before the last user message.

    Raises ``SettingsError`` for a template that declares a variable that answering does not have.
    """
    evidence = fence_evidence(passages, packed, key=key)
    messages = template.render_declared({"question": question, "evidence": evidence, "canary": canary})
    turns = tuple(turn for example in examples for turn in _example_turns(template, example, key, canary))
    return (*messages[:-1], *turns, messages[-1])


def _example_turns(template: PromptTemplate, example: PromptExample, key: bytes, canary: str) -> Messages:
    shown = [(item.title, strip_invisible(item.text)) for item in example.evidence]
    evidence = fence_texts(shown, key=key)
    messages = template.render_declared({"question": example.question, "evidence": evidence, "canary": canary})
    return messages[-1], {"role": "assistant", "content": canonical_json(example.answer)}


def render_repair_turns(template: PromptTemplate, *, reply: str, problem: str) -> Messages:
    """The turns after a reply that did not follow the schema: the reply, and what was wrong with it."""
    return {"role": "assistant", "content": reply}, *template.render({"problem": problem})


def render_judge_prompt(
    template: PromptTemplate, *, question: str, gold_answer: str, answer: str, key: bytes
) -> Messages:
    """The messages for a judge of one answer. Both answers are fenced: neither tells the judge what to do."""
    fenced = fence_texts(
        [("gold answer", strip_invisible(gold_answer)), ("answer to judge", strip_invisible(answer))], key=key
    )
    return template.render_declared({"question": question, "answers": fenced})
