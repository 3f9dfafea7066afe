"""Prompts for tests, as Wellread writes them: numbered passages between fences, then a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

PASSAGES = (
    ("Fees", "A late return costs 30 cents a day. The library opens at nine."),
    ("Loans", "Books may be borrowed by anybody. Loans last 28 days."),
)
"""Title and text of each."""
QUESTION = "How many days do loans last?"
ANSWER = "Loans last 28 days."
"""What an honest brain says to it, from passage 2."""
SYSTEM = "Answer from the passages. CANARY-77"

_QUOTE = {
    "type": "object",
    "properties": {"passage": {"type": "integer"}, "quote": {"type": "string"}},
    "required": ["passage", "quote"],
    "additionalProperties": False,
}
_CLAIM = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "quotes": {"type": "array", "items": _QUOTE}},
    "required": ["text", "quotes"],
    "additionalProperties": False,
}
SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {"found": {"type": "boolean"}, "claims": {"type": "array", "items": _CLAIM}},
    "required": ["found", "claims"],
    "additionalProperties": False,
}
"""Claims with quotes, in the strict form that providers ask for."""


def fenced_prompt(question: str = QUESTION, passages: Sequence[tuple[str, str]] = PASSAGES) -> str:
    """Passages, given as title and text, and the question after them."""
    blocks = [
        f"<<<passage {number} 9f3a>>>\n[{title}]\n{text}\n<<<end {number} 9f3a>>>"
        for number, (title, text) in enumerate(passages, start=1)
    ]
    return "\n\n".join(("Passages:", *blocks, f"Question: {question}"))


def chat_messages(question: str = QUESTION, passages: Sequence[tuple[str, str]] = PASSAGES) -> list[dict[str, str]]:
    """The same as a system message and a user message."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": fenced_prompt(question, passages)}]
