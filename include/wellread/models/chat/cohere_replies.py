"""What Cohere's ``/v2/chat`` sends back, understood."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from wellread.models.chat.protocol import ChatReply, ChatUsage, Finish, ReplyCitation, ReportedLimits
from wellread.models.chat.reply_bodies import count, items, malformed, mapping, stored_body
from wellread.models.chat.reported_limits import reported_limits

FAILED_FINISHES = frozenset({"ERROR", "TIMEOUT"})
"""The generation broke off on Cohere's side."""

_FINISHES: Mapping[str, Finish] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "ERROR_LIMIT": "length",  # v1's name for a full context, still seen
    "ERROR_TOXIC": "refused",  # v1's name for what the content filter stopped
}


def read_cohere_reply(body: bytes, *, model: str, asked: str) -> ChatReply:
    """The reply in a body.

    Usage is ``billed_units``, what the bill says; ``tokens`` (with Cohere's own preamble) where there are none.

    Raises:
        DocumentError: Stage ``answer``, cause ``malformed_response``.
    """
    reply = stored_body(body, asked=asked)
    finish = _FINISHES.get(str(reply.get("finish_reason")))
    if finish is None:
        raise malformed(asked, f"the finish reason {str(reply.get('finish_reason'))[:40]}")
    message = reply.get("message")
    if not isinstance(message, Mapping):
        raise malformed(asked, "no message")
    text, starts = _text(message.get("content"))
    if not starts and finish == "stop":
        raise malformed(asked, "no content")
    return ChatReply(
        text=text,
        finish=finish,
        usage=_usage(mapping(reply.get("usage"))),
        model=model,
        citations=tuple(_citations(text, starts, message.get("citations"))),
    )


def cohere_limits(headers: Mapping[str, str]) -> ReportedLimits:
    """What the headers say: OpenAI's names where they are used, else a trial key's, and ``x-ratelimit-reset``."""
    lowered = {name.lower(): value for name, value in headers.items()}
    reported = reported_limits(lowered)
    if reported.requests_limit is None:
        reported = replace(
            reported,
            requests_limit=_digits(lowered.get("x-trial-endpoint-call-limit")),
            requests_remaining=_digits(lowered.get("x-trial-endpoint-call-remaining")),
        )
    reset_at = _digits(lowered.get("x-ratelimit-reset"))
    if reported.requests_reset_seconds is None and reset_at is not None:
        # A Unix time, as Cohere's own client reads it.
        reported = replace(reported, requests_reset_seconds=max(0.0, reset_at - time.time()))
    return reported


def _digits(value: str | None) -> int | None:
    return int(value) if value is not None and value.isascii() and value.isdigit() else None


def _text(content: object) -> tuple[str, dict[int, int]]:
    """The text blocks as one text, and where each of them starts in it, by its place in the content."""
    if isinstance(content, str):
        return content, {0: 0}
    text, starts = "", {}
    for place, block in enumerate(content if isinstance(content, list) else []):
        if isinstance(block, Mapping) and block.get("type") == "text":
            starts[place] = len(text)
            text += str(block.get("text") or "")
    return text, starts


def _usage(usage: Mapping[str, object]) -> ChatUsage:
    billed, tokens = mapping(usage.get("billed_units")), mapping(usage.get("tokens"))
    input_tokens = count(billed.get("input_tokens", tokens.get("input_tokens")))
    return ChatUsage(
        input_tokens=input_tokens,
        output_tokens=count(billed.get("output_tokens", tokens.get("output_tokens"))),
        cached_input_tokens=min(input_tokens, count(usage.get("cached_tokens"))),
    )


def _citations(text: str, starts: Mapping[int, int], citations: object) -> Iterable[ReplyCitation]:
    """Citations of the reply's text; those of reasoning, without a document or without a place are left out."""
    first = next(iter(starts), 0)
    for citation in items(citations):
        if citation.get("type", "TEXT_CONTENT") not in {"TEXT_CONTENT", None}:
            continue
        place = citation.get("content_index")
        start = starts.get(place if isinstance(place, int) else first)
        ids = _document_ids(citation)
        span = _span(text, start, citation) if start is not None and ids else None
        if span is not None:
            yield ReplyCitation(*span, ids)


def _document_ids(citation: Mapping[str, object]) -> tuple[str, ...]:
    sources = [source for source in items(citation.get("sources")) if source.get("type") == "document"]
    ids = [source.get("id") or mapping(source.get("document")).get("id") for source in sources]
    return tuple(dict.fromkeys(str(identity) for identity in ids if identity))


def _span(text: str, block_start: int, citation: Mapping[str, object]) -> tuple[int, int] | None:
    """Where the citation stands in ``text``: its offsets, or, where they miss its words, the nearest such place."""
    start, end, words = citation.get("start"), citation.get("end"), citation.get("text")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end:
        return None
    start, end = block_start + start, block_start + end
    if not isinstance(words, str) or not words or text[start:end] == words:
        return (start, end) if end <= len(text) else None
    before, after = text.rfind(words, 0, start + len(words)), text.find(words, start)
    found = [place for place in (before, after) if place >= 0]
    nearest = min(found, key=lambda place: abs(place - start), default=None)
    return (nearest, nearest + len(words)) if nearest is not None else None
