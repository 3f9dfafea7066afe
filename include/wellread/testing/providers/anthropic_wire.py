"""Anthropic's messages, with structured outputs and with tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wellread.testing.providers.openai_wire import refuse_loose_schema, refuse_streams
from wellread.testing.providers.problems import RefusedError
from wellread.testing.providers.prompt_reading import Turn
from wellread.testing.providers.work import (
    Body,
    ChatCall,
    Reply,
    Scene,
    Work,
    chat_work,
    model_of,
    text_of,
    turns_of,
)

_STOP = {"stop": "end_turn", "length": "max_tokens", "refused": "refusal"}


def prepare_messages(body: Body, scene: Scene) -> Work:
    """The work of ``POST /v1/messages``."""
    refuse_streams(body)
    output_tokens = body.get("max_tokens")
    if not isinstance(output_tokens, int):
        raise RefusedError("max_tokens: Field required", param="max_tokens")
    tool = _forced_tool(body)
    call = ChatCall(
        "anthropic-messages",
        "anthropic",
        model_of(body, scene),
        _turns(body),
        schema=_schema(body) if tool is None else tool.get("input_schema"),
        wants_json=tool is not None,
        output_tokens=output_tokens,
    )

    def write(call: ChatCall, reply: Reply) -> dict[str, Any]:
        return _message(call, reply, tool)

    return chat_work(call, body, scene, write)


def count_message_tokens(body: Body, scene: Scene) -> dict[str, int]:
    """The answer of ``POST /v1/messages/count_tokens``: free of charge."""
    return {"input_tokens": prepare_messages({"max_tokens": 1, **body}, scene).input_tokens}


def _turns(body: Body) -> tuple[Turn, ...]:
    turns = turns_of(body.get("messages"))
    if any(turn.role not in {"user", "assistant"} for turn in turns):
        raise RefusedError("messages: roles are user and assistant; the system prompt is the field 'system'.")
    if not body.get("system"):
        return turns
    return (Turn("system", text_of(body["system"])), *turns)


def _schema(body: Body) -> Mapping[str, Any] | None:
    given = (body.get("output_config") or {}).get("format")
    if given is None:
        return None
    if given.get("type") != "json_schema" or not isinstance(given.get("schema"), Mapping):
        raise RefusedError("output_config.format: type json_schema with a schema is needed")
    refuse_loose_schema(given["schema"], param="output_config.format.schema", all_required=False)
    schema: Mapping[str, Any] = given["schema"]
    return schema


def _forced_tool(body: Body) -> Mapping[str, Any] | None:
    """The tool that must be called; None where text may be answered."""
    choice = (body.get("tool_choice") or {}).get("type")
    tools: list[Mapping[str, Any]] = body.get("tools") or []
    if choice == "any" and tools:
        return tools[0]
    if choice != "tool":
        return None
    name = body["tool_choice"].get("name")
    found = next((tool for tool in tools if tool.get("name") == name), None)
    if found is None:
        raise RefusedError(f"tool_choice: there is no tool {name!r}")
    return found


def _message(call: ChatCall, reply: Reply, tool: Mapping[str, Any] | None) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": reply.text}
    stop = _STOP[reply.finish]
    if tool is not None and reply.data is not None and reply.finish == "stop":
        block = {"type": "tool_use", "id": f"toolu_{reply.key[:22]}", "name": tool["name"], "input": reply.data}
        stop = "tool_use"
    return {
        "id": f"msg_{reply.key[:24]}",
        "type": "message",
        "role": "assistant",
        "model": call.model,
        "content": [] if reply.is_empty else [block],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": reply.input_tokens,
            "output_tokens": reply.output_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "service_tier": "standard",
        },
    }
