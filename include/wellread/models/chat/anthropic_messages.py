"""Anthropic's messages: the parameters of a request, and its reply understood."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from wellread.errors import SettingsError
from wellread.identities import canonical_json
from wellread.models.chat.presets import structure_of
from wellread.models.chat.protocol import (
    ChatReply,
    ChatRequest,
    ChatSchema,
    ChatUsage,
    Finish,
    ReportedLimits,
)
from wellread.models.chat.reply_bodies import count, items, malformed, mapping, stored_body
from wellread.models.chat.schema_prompt import messages_with_schema
from wellread.models.chat.settings import ChatModelSettings

_FINISHES: Mapping[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "stop",  # only the forced tool that carries a schema is ever offered
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refused",
}


def message_options(settings: ChatModelSettings) -> dict[str, Any]:
    """What is sent beside the messages, whatever is asked."""
    options: dict[str, Any] = {"max_tokens": settings.output_tokens}
    if settings.temperature is not None:
        options["temperature"] = settings.temperature
    if settings.reasoning_effort is not None:
        options["output_config"] = {"effort": settings.reasoning_effort}
    return options


def message_parameters(request: ChatRequest, *, settings: ChatModelSettings, asked: str) -> dict[str, Any]:
    """The parameters of ``messages.create``, and of one request of a batch.

    A schema is told by ``settings.structure``. ``schema``: structured outputs (``output_config.format``, no beta
    header since early 2026; Claude 4.5 and later, and the schema is narrowed to what they know by Anthropic's own
    function). ``json``: there is no such mode, so a tool is forced whose input follows the schema, which every
    model with tools takes. ``prompt``: in words.

    Raises:
        SettingsError: The request has documents, or a schema that structured outputs cannot express.
    """
    if request.documents:
        raise SettingsError(asked, found="documents beside the messages", remedy="Set grounding: messages.")
    messages = messages_with_schema(request) if structure_of(settings) == "prompt" else request.messages
    parameters: dict[str, Any] = {
        "model": settings.model,
        "messages": [
            {"role": message.role, "content": message.content} for message in messages if message.role != "system"
        ],
        **message_options(settings),
    }
    system = "\n\n".join(message.content for message in messages if message.role == "system")
    if system:
        parameters["system"] = system
    if request.schema is not None:
        _add_schema(parameters, request.schema, settings=settings, asked=asked)
    return parameters


def _add_schema(parameters: dict[str, Any], schema: ChatSchema, *, settings: ChatModelSettings, asked: str) -> None:
    if structure_of(settings) == "schema":
        output = {"type": "json_schema", "schema": _narrowed(schema, asked=asked)}
        parameters["output_config"] = {**parameters.get("output_config", {}), "format": output}
    elif structure_of(settings) == "json":
        tool = {"name": schema.name, "description": "Give the answer.", "input_schema": dict(schema.schema)}
        parameters["tools"] = [tool]
        parameters["tool_choice"] = {"type": "tool", "name": schema.name}


def _narrowed(schema: ChatSchema, *, asked: str) -> dict[str, Any]:
    from anthropic import transform_schema

    try:
        return transform_schema(dict(schema.schema))
    except (ValueError, TypeError, AssertionError) as error:
        raise SettingsError(
            asked,
            found=f"the schema {schema.name} cannot be told to Anthropic ({error})"[:300],
            remedy="Give every part of it one type, or set structure: json.",
        ) from error


def read_message(body: bytes, *, asked: str) -> ChatReply:
    """The reply in a body. The input of the forced tool is the text, as canonical JSON.

    Raises:
        DocumentError: Stage ``answer``, cause ``malformed_response``.
    """
    message = stored_body(body, asked=asked)
    finish = _FINISHES.get(str(message.get("stop_reason")))
    if finish is None:
        raise malformed(asked, f"the stop reason {str(message.get('stop_reason'))[:40]}")
    text = _text(message.get("content"))
    if text is None and finish == "stop":
        raise malformed(asked, "no content")
    usage = _usage(mapping(message.get("usage")))
    return ChatReply(text=text or "", finish=finish, usage=usage, model=str(message.get("model") or ""))


def _text(content: object) -> str | None:
    """The input of the forced tool, else the text blocks as one; ``None`` where there is neither."""
    blocks = items(content)
    for block in blocks:
        if block.get("type") == "tool_use":
            return canonical_json(block.get("input"))
    texts = [str(block.get("text") or "") for block in blocks if block.get("type") == "text"]
    return "".join(texts) if texts else None


def _usage(usage: Mapping[str, object]) -> ChatUsage:
    """All input tokens are the sum of the fresh, the newly cached and the cached ones."""
    cached = count(usage.get("cache_read_input_tokens"))
    details = mapping(usage.get("output_tokens_details"))
    return ChatUsage(
        input_tokens=count(usage.get("input_tokens")) + count(usage.get("cache_creation_input_tokens")) + cached,
        output_tokens=count(usage.get("output_tokens")),
        cached_input_tokens=cached,
        reasoning_tokens=count(details.get("thinking_tokens")),
    )


def anthropic_limits(headers: Mapping[str, str]) -> ReportedLimits:
    """The ``anthropic-ratelimit-*`` headers. Of tokens: the sum, else those of the input.

    Resets are times (RFC 3339). They are counted from the answer's own ``Date`` where it
    has one: this machine's clock may differ.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    kind = "tokens" if "anthropic-ratelimit-tokens-limit" in lowered else "input-tokens"

    def number(name: str) -> int | None:
        value = lowered.get(f"anthropic-ratelimit-{name}", "").strip()
        return int(value) if re.fullmatch(r"[0-9]+", value) else None

    def seconds(name: str) -> float | None:
        return _seconds_between(lowered.get("date", ""), lowered.get(f"anthropic-ratelimit-{name}", ""))

    return ReportedLimits(
        requests_limit=number("requests-limit"),
        requests_remaining=number("requests-remaining"),
        requests_reset_seconds=seconds("requests-reset"),
        tokens_limit=number(f"{kind}-limit"),
        tokens_remaining=number(f"{kind}-remaining"),
        tokens_reset_seconds=seconds(f"{kind}-reset"),
    )


def _seconds_between(date: str, reset_at: str) -> float | None:
    try:
        return max(0.0, datetime.fromisoformat(reset_at).timestamp() - _time(date))
    except ValueError:
        return None


def _time(date: str) -> float:
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return time.time()
