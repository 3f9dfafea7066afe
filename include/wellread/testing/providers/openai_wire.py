"""OpenAI's chat completions, which every compatible server speaks, and its responses."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from wellread.testing.providers.problems import RefusedError
from wellread.testing.providers.prompt_reading import Turn
from wellread.testing.providers.work import (
    Body,
    ChatCall,
    Reply,
    Scene,
    Work,
    chat_work,
    encode,
    model_of,
    turns_of,
)


def prepare_chat(body: Body, scene: Scene) -> Work:
    """The work of ``POST /chat/completions``."""
    refuse_streams(body)
    schema, wants_json = _format(body.get("response_format"), param="response_format")
    call = ChatCall(
        "openai-chat",
        "openai",
        model_of(body, scene),
        turns_of(body.get("messages")),
        schema=schema,
        wants_json=wants_json,
        output_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
    )
    return chat_work(call, body, scene, _completion)


def prepare_responses(body: Body, scene: Scene) -> Work:
    """The work of ``POST /responses``."""
    refuse_streams(body)
    schema, wants_json = _format((body.get("text") or {}).get("format"), param="text.format")
    asked = body.get("input")
    turns = (Turn("user", asked),) if isinstance(asked, str) else turns_of(asked)
    if body.get("instructions"):
        turns = (Turn("system", str(body["instructions"])), *turns)
    call = ChatCall(
        "openai-responses",
        "openai",
        model_of(body, scene),
        turns,
        schema=schema,
        wants_json=wants_json,
        output_tokens=body.get("max_output_tokens"),
    )
    return chat_work(call, body, scene, _response)


def refuse_streams(body: Body) -> None:
    """This server answers whole. Raises ``RefusedError``."""
    if body.get("stream"):
        raise RefusedError("This testing server does not stream: leave 'stream' out.", param="stream")


def refuse_loose_schema(schema: Mapping[str, Any], *, param: str, all_required: bool) -> None:
    """The rules that providers set for schemas which they enforce. Raises ``RefusedError``."""
    problem = _loose(encode(schema), all_required)
    if problem is not None:
        raise RefusedError(f"Invalid schema: {problem}", code="invalid_json_schema", param=param)


@lru_cache(maxsize=256)
def _loose(schema: str, all_required: bool) -> str | None:  # noqa: FBT001 - remembered by position
    return next(_loose_places(json.loads(schema), all_required=all_required), None)


def _loose_places(schema: Any, *, all_required: bool) -> Iterator[str]:
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    if isinstance(schema, dict) and schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        if schema.get("additionalProperties") is not False:
            yield "'additionalProperties' is required to be supplied and to be false."
        if all_required and set(schema.get("required", ())) != set(schema["properties"]):
            yield "'required' is required to include every key in properties."
    for one in inner:
        yield from _loose_places(one, all_required=all_required)


def _format(given: Any, *, param: str) -> tuple[Mapping[str, Any] | None, bool]:
    """The schema, if there is one, and whether the answer must be JSON."""
    kind = (given or {}).get("type", "text")
    if kind != "json_schema":
        return None, kind == "json_object"
    described = given.get("json_schema", given)
    schema, name = described.get("schema"), described.get("name")
    if not isinstance(schema, Mapping) or not isinstance(name, str) or not name:
        raise RefusedError(f"'{param}' needs a name and a schema.", param=param)
    if described.get("strict"):
        refuse_loose_schema(schema, param=param, all_required=True)
    return schema, True


def _completion(call: ChatCall, reply: Reply) -> dict[str, Any]:
    is_refusal = reply.finish == "refused"
    message = {
        "role": "assistant",
        "content": None if is_refusal else reply.text,
        "refusal": reply.text if is_refusal else None,
    }
    finish = "stop" if is_refusal else reply.finish
    choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}]
    return {
        "id": f"chatcmpl-{reply.key[:29]}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": call.model,
        "choices": [] if reply.is_empty else choices,
        "usage": {
            "prompt_tokens": reply.input_tokens,
            "completion_tokens": reply.output_tokens,
            "total_tokens": reply.input_tokens + reply.output_tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def _response(call: ChatCall, reply: Reply) -> dict[str, Any]:
    is_cut = reply.finish == "length"
    part: dict[str, Any] = {"type": "output_text", "text": reply.text, "annotations": []}
    if reply.finish == "refused":
        part = {"type": "refusal", "refusal": reply.text}
    status = "incomplete" if is_cut else "completed"
    message = {
        "type": "message",
        "id": f"msg_{reply.key[:29]}",
        "role": "assistant",
        "status": status,
        "content": [part],
    }
    return {
        "id": f"resp_{reply.key[:29]}",
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "error": None,
        "instructions": None,
        "metadata": {},
        "model": call.model,
        "output": [] if reply.is_empty else [message],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": reply.input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": reply.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": reply.input_tokens + reply.output_tokens,
        },
    }
