"""OpenAI's two protocols as values: what a request says, and what a body means. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wellread.errors import SettingsError
from wellread.models.chat.presets import OutputLimit
from wellread.models.chat.protocol import ChatReply, ChatRequest, ChatUsage, Finish
from wellread.models.chat.reply_bodies import count, items, malformed, mapping
from wellread.models.chat.schema_prompt import messages_with_schema
from wellread.models.chat.settings import ChatModelSettings, Structure

_CHAT_FINISHES: Mapping[str, Finish] = {"stop": "stop", "length": "length", "content_filter": "refused"}
_INCOMPLETE_FINISHES: Mapping[str, Finish] = {"max_output_tokens": "length", "content_filter": "refused"}


def chat_parameters(settings: ChatModelSettings, output_limit: OutputLimit) -> dict[str, Any]:
    """What a chat completion carries beside model, messages and schema."""
    given = {
        "temperature": settings.temperature,
        "seed": settings.seed,
        "reasoning_effort": settings.reasoning_effort,
        output_limit: settings.output_tokens,
    }
    return {name: value for name, value in given.items() if value is not None}


def response_parameters(settings: ChatModelSettings) -> dict[str, Any]:
    """What a request for a response carries beside model, input and schema.

    Raises:
        SettingsError: A seed is set, which this protocol does not have.
    """
    if settings.seed is not None:
        raise SettingsError(
            f"an answer from {settings.model}",
            found="a seed with protocol 'responses'",
            remedy="Leave the seed out, or set protocol: chat.",
        )
    given: dict[str, Any] = {"max_output_tokens": settings.output_tokens, "store": False}
    if settings.temperature is not None:
        given["temperature"] = settings.temperature
    if settings.reasoning_effort is not None:
        given["reasoning"] = {"effort": settings.reasoning_effort}
    return given


def identity_parameters(settings: ChatModelSettings, *, structure: Structure) -> dict[str, Any]:
    """The same in the library's own names: servers spell them differently, the reply does not depend on that."""
    given = {
        "temperature": settings.temperature,
        "seed": settings.seed,
        "reasoning_effort": settings.reasoning_effort,
        "output_tokens": settings.output_tokens,
        "structure": structure,
    }
    return {name: value for name, value in given.items() if value is not None}


def chat_body(
    request: ChatRequest, *, model: str, parameters: Mapping[str, Any], structure: Structure
) -> dict[str, Any]:
    """The JSON of ``/chat/completions``."""
    body: dict[str, Any] = {"model": model, "messages": _messages(request, structure), **parameters}
    if request.schema is not None and structure == "schema":
        described = {"name": request.schema.name, "schema": dict(request.schema.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": described}
    elif request.schema is not None and structure == "json":
        body["response_format"] = {"type": "json_object"}
    return body


def response_body(
    request: ChatRequest, *, model: str, parameters: Mapping[str, Any], structure: Structure
) -> dict[str, Any]:
    """The JSON of ``/responses``."""
    body: dict[str, Any] = {"model": model, "input": _messages(request, structure), **parameters}
    if request.schema is not None and structure == "schema":
        described = {"name": request.schema.name, "schema": dict(request.schema.schema), "strict": True}
        body["text"] = {"format": {"type": "json_schema", **described}}
    elif request.schema is not None and structure == "json":
        body["text"] = {"format": {"type": "json_object"}}
    return body


def _messages(request: ChatRequest, structure: Structure) -> list[dict[str, str]]:
    messages = request.messages if structure == "schema" else messages_with_schema(request)
    return [{"role": message.role, "content": message.content} for message in messages]


def read_chat(body: Mapping[str, Any], *, asked: str) -> ChatReply:
    """The reply in a chat completion.

    Raises:
        DocumentError: Stage ``answer``, cause ``malformed_response``.
    """
    choice = next(iter(items(body.get("choices"))), None)
    if choice is None:
        raise malformed(asked, "no choices")
    message = mapping(choice.get("message"))
    usage = _chat_usage(mapping(body.get("usage")))
    model = str(body.get("model") or "")
    if message.get("refusal"):
        return ChatReply(str(message["refusal"]), "refused", usage, model)
    finish = _CHAT_FINISHES.get(str(choice.get("finish_reason")))
    if finish is None:
        raise malformed(asked, f"finish reason {choice.get('finish_reason')!r}")
    text = _chat_text(message.get("content"))
    if text is None and finish == "stop":
        raise malformed(asked, "no content")
    return ChatReply(text or "", finish, usage, model)


def _chat_text(content: object) -> str | None:
    """A text, or the text parts that some servers send in its place (reasoning apart)."""
    if isinstance(content, list):
        parts = [part for part in items(content) if part.get("type") == "text"]
        return "".join(str(part.get("text") or "") for part in parts) if parts else None
    return content if isinstance(content, str) else None


def _chat_usage(usage: Mapping[str, Any]) -> ChatUsage:
    return ChatUsage(
        input_tokens=count(usage.get("prompt_tokens")),
        output_tokens=count(usage.get("completion_tokens")),
        cached_input_tokens=count(mapping(usage.get("prompt_tokens_details")).get("cached_tokens")),
        reasoning_tokens=count(mapping(usage.get("completion_tokens_details")).get("reasoning_tokens")),
    )


def read_response(body: Mapping[str, Any], *, asked: str) -> ChatReply:
    """The reply in a response. Errors as ``read_chat``."""
    output = body.get("output")
    if not isinstance(output, list):
        raise malformed(asked, "no output")
    messages = [item for item in items(output) if item.get("type") == "message"]
    parts = [part for message in messages for part in items(message.get("content"))]
    usage, model = _response_usage(mapping(body.get("usage"))), str(body.get("model") or "")
    refusals = [str(part.get("refusal") or "") for part in parts if part.get("type") == "refusal"]
    if refusals:
        return ChatReply("".join(refusals), "refused", usage, model)
    texts = [str(part.get("text") or "") for part in parts if part.get("type") == "output_text"]
    finish = _response_finish(body, asked=asked)
    if not texts and finish == "stop":
        raise malformed(asked, "no text in the output")
    return ChatReply("".join(texts), finish, usage, model)


def _response_finish(body: Mapping[str, Any], *, asked: str) -> Finish:
    if body.get("status") == "completed":
        return "stop"
    reason = str(mapping(body.get("incomplete_details")).get("reason"))
    if body.get("status") == "incomplete" and reason in _INCOMPLETE_FINISHES:
        return _INCOMPLETE_FINISHES[reason]
    raise malformed(asked, f"status {body.get('status')!r}, reason {reason}")


def _response_usage(usage: Mapping[str, Any]) -> ChatUsage:
    return ChatUsage(
        input_tokens=count(usage.get("input_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        cached_input_tokens=count(mapping(usage.get("input_tokens_details")).get("cached_tokens")),
        reasoning_tokens=count(mapping(usage.get("output_tokens_details")).get("reasoning_tokens")),
    )
