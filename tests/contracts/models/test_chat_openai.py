"""OpenAI's two protocols byte by byte: what is sent, and what every answer means."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from wellread.errors import (
    DocumentError,
    QuotaExhaustedError,
    RateLimitedError,
    ResponseUnknownError,
    SettingsError,
    SystemicError,
    TransientError,
    WellreadError,
)
from wellread.models.chat.openai_chat import OpenAIChat
from wellread.models.chat.protocol import (
    ChatDocument,
    ChatMessage,
    ChatRequest,
    ChatSchema,
    ChatUsage,
    ReportedLimits,
)
from wellread.models.chat.settings import ChatModelSettings

KEY = "key-31337-secret"
SCHEMA = ChatSchema("answer", {"type": "object", "properties": {"found": {"type": "boolean"}}})
ASKED = ChatRequest((ChatMessage("system", "Be brief."), ChatMessage("user", "Where is the mill?")))
STRUCTURED = ChatRequest(ASKED.messages, schema=SCHEMA)


def completion(content: object = "By the river.", finish: object = "stop", **message: object) -> dict[str, Any]:
    return {
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "finish_reason": finish, "message": {"content": content, **message}}],
        "usage": {
            "prompt_tokens": 20,
            "completion_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
    }


def response(*content: object, status: str = "completed", reason: str | None = None) -> dict[str, Any]:
    given = content or ({"type": "output_text", "text": "By the river."},)
    return {
        "model": "gpt-5",
        "status": status,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": [{"type": "reasoning", "summary": []}, {"type": "message", "content": list(given)}],
        "usage": {
            "input_tokens": 20,
            "output_tokens": 7,
            "input_tokens_details": {"cached_tokens": 5},
            "output_tokens_details": {"reasoning_tokens": 3},
        },
    }


def build(url: str, **options: object) -> OpenAIChat:
    given = {"provider": "openai", "model": "gpt-4o-mini", "base_url": f"{url}/v1", "api_key": KEY}
    return OpenAIChat(ChatModelSettings.model_validate({**given, **options}))


@pytest.fixture
def chat(scripted: Any) -> Iterator[OpenAIChat]:
    chat = build(scripted.url)
    yield chat
    chat.close()


def error_of(chat: OpenAIChat, request: ChatRequest = ASKED) -> WellreadError:
    with pytest.raises(WellreadError) as caught:
        chat.ask(request)
    return caught.value


def test_a_completion_is_asked_for_and_kept_as_it_was_sent(chat: OpenAIChat, scripted: Any) -> None:
    sent = json.dumps(completion(), indent=3).encode()
    scripted.answer(sent)
    raw = chat.ask(ASKED)
    assert raw.body == sent
    assert scripted.bodies == [
        {
            "model": "gpt-4o-mini",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Where is the mill?"},
            ],
            "max_tokens": 1024,
        }
    ]
    reply = chat.read(raw.body)
    assert (reply.text, reply.finish, reply.model) == ("By the river.", "stop", "gpt-4o-mini-2024-07-18")
    assert reply.usage == ChatUsage(20, 7, cached_input_tokens=5, reasoning_tokens=3)


def test_parameters_are_sent_only_where_they_are_set(scripted: Any) -> None:
    options = {"temperature": 0.0, "seed": 7, "reasoning_effort": "low", "output_tokens": 99}
    chat = build(scripted.url, **options)
    scripted.answer(completion())
    chat.ask(ASKED)
    expected = {"temperature": 0.0, "seed": 7, "reasoning_effort": "low", "max_tokens": 99}
    assert scripted.bodies[0].items() >= expected.items()
    assert chat.identity.parameters == {**options, "structure": "schema"}


def test_a_response_is_asked_for_in_its_own_words_and_not_stored_there(scripted: Any) -> None:
    chat = build(scripted.url, protocol="responses", reasoning_effort="low", temperature=0.5)
    scripted.answer(response())
    reply = chat.read(chat.ask(STRUCTURED).body)
    sent = scripted.bodies[0]
    assert scripted.requests[0].path == "/v1/responses"
    assert (sent["store"], sent["reasoning"], sent["max_output_tokens"]) == (False, {"effort": "low"}, 1024)
    assert sent["text"]["format"] == {
        "type": "json_schema",
        "name": "answer",
        "schema": dict(SCHEMA.schema),
        "strict": True,
    }
    assert (reply.text, reply.finish) == ("By the river.", "stop")
    assert reply.usage == ChatUsage(20, 7, cached_input_tokens=5, reasoning_tokens=3)
    with pytest.raises(SettingsError, match="seed"):
        build(scripted.url, protocol="responses", seed=1).ask(ASKED)


def test_a_schema_is_sent_as_the_structure_says(scripted: Any) -> None:
    for structure in ("schema", "json", "prompt"):
        scripted.answer(completion())
        build(scripted.url, structure=structure).ask(STRUCTURED)
    strict, json_only, in_words = scripted.bodies
    assert strict["response_format"]["json_schema"]["strict"] is True
    assert strict["messages"][0]["content"] == "Be brief."
    assert json_only["response_format"] == {"type": "json_object"}
    assert "response_format" not in in_words
    for body in (json_only, in_words):
        assert body["messages"][0]["content"].startswith("Be brief.\n\nAnswer with one JSON object")
        assert '{"properties":{"found":{"type":"boolean"}},"type":"object"}' in body["messages"][0]["content"]
    scripted.answer(completion())
    build(scripted.url, structure="prompt").ask(ChatRequest(ASKED.messages[1:], schema=SCHEMA))
    assert [message["role"] for message in scripted.bodies[-1]["messages"]] == ["system", "user"]


def test_documents_have_no_place(chat: OpenAIChat, scripted: Any) -> None:
    request = ChatRequest(ASKED.messages, documents=(ChatDocument("1", "t", "x"),))
    assert isinstance(error_of(chat, request), SettingsError)
    assert scripted.requests == []


@pytest.mark.parametrize(
    ("body", "text", "finish"),
    [
        (completion("Half", "length"), "Half", "length"),
        (completion(None, "length"), "", "length"),
        (completion(None, "content_filter"), "", "refused"),
        (completion(None, "stop", refusal="No."), "No.", "refused"),
        (completion([{"type": "reasoning"}, {"type": "text", "text": "Yes."}]), "Yes.", "stop"),
        (completion(""), "", "stop"),
    ],
)
def test_how_a_completion_ended_is_told(chat: OpenAIChat, body: object, text: str, finish: str) -> None:
    reply = chat.read(json.dumps(body).encode())
    assert (reply.text, reply.finish) == (text, finish)


@pytest.mark.parametrize(
    ("body", "text", "finish"),
    [
        (response(status="incomplete", reason="max_output_tokens"), "By the river.", "length"),
        (response(status="incomplete", reason="content_filter"), "By the river.", "refused"),
        (response({"type": "refusal", "refusal": "No."}), "No.", "refused"),
    ],
)
def test_how_a_response_ended_is_told(scripted: Any, body: object, text: str, finish: str) -> None:
    reply = build(scripted.url, protocol="responses").read(json.dumps(body).encode())
    assert (reply.text, reply.finish) == (text, finish)


@pytest.mark.parametrize(
    "body",
    [
        completion("x", None),
        completion("x", "tool_calls"),
        completion(None),
        {"choices": [3]},
        {"choices": {"0": 1}},
        {"usage": None, "choices": [{"finish_reason": "stop", "message": None}]},
    ],
)
def test_a_completion_without_an_end_or_a_text_is_malformed(chat: OpenAIChat, body: object) -> None:
    with pytest.raises(DocumentError) as caught:
        chat.read(json.dumps(body).encode())
    assert caught.value.cause == "malformed_response"


@pytest.mark.parametrize(
    "body", [response(status="in_progress"), response(status="incomplete", reason="odd"), {"status": "completed"}]
)
def test_a_response_that_has_not_ended_is_malformed(scripted: Any, body: object) -> None:
    with pytest.raises(DocumentError) as caught:
        build(scripted.url, protocol="responses").read(json.dumps(body).encode())
    assert caught.value.cause == "malformed_response"


def error(status: int, message: str = "no", **fields: object) -> tuple[dict[str, object], int]:
    return {"error": {"message": message, **fields}}, status


@pytest.mark.parametrize(
    ("answer", "kind", "cause"),
    [
        (error(400, code="context_length_exceeded", param="messages"), DocumentError, "too_long"),
        (error(400, code="string_above_max_length", param="messages[1].content"), DocumentError, "too_long"),
        (error(400, code=400, type="exceed_context_size_error"), DocumentError, "too_long"),
        (error(400, "This model's maximum context length is 4096 tokens.", code=400), DocumentError, "too_long"),
        (error(422, "`inputs` tokens + `max_new_tokens` must be <= 4096."), DocumentError, "too_long"),
        (error(400, "max_tokens exceeds 16384.", param="max_tokens"), SettingsError, None),
        (error(413), DocumentError, "too_long"),
        (error(400, code="content_filter", param="prompt"), DocumentError, "refused"),
        (error(400, code="invalid_prompt"), DocumentError, "refused"),
        (error(400, param="messages[0].content"), DocumentError, "refused"),
        (error(400, code="unsupported_value", param="temperature"), SettingsError, None),
        (error(400, code="unsupported_parameter", param=None), SettingsError, None),
        (error(400, code="invalid_json_schema", param="response_format"), SettingsError, None),
        (error(404, code="model_not_found"), SettingsError, None),
        (error(429, code="insufficient_quota"), QuotaExhaustedError, None),
        (error(429, type="insufficient_quota"), QuotaExhaustedError, None),
        (error(402), QuotaExhaustedError, None),
        (error(429, code="rate_limit_exceeded"), RateLimitedError, None),
        (error(408), TransientError, None),
        (error(503), TransientError, None),
        (({"detail": "Not Found"}, 404), SettingsError, None),
        ((b"<html>Bad gateway</html>", 502), TransientError, None),
    ],
)
def test_a_refused_request_gets_the_error_that_says_what_to_do(
    chat: OpenAIChat, scripted: Any, answer: tuple[Any, int], kind: type[WellreadError], cause: str | None
) -> None:
    scripted.answer(*answer)
    found = error_of(chat)
    assert type(found) is kind
    if isinstance(found, DocumentError):
        assert (found.stage, found.cause) == ("answer", cause)
    assert len(scripted.requests) == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("server_error", TransientError),
        ("rate_limit_exceeded", RateLimitedError),
        ("insufficient_quota", QuotaExhaustedError),
        ("invalid_prompt", DocumentError),
    ],
)
def test_a_failure_under_status_200_is_a_failure(scripted: Any, code: str, kind: type[WellreadError]) -> None:
    scripted.answer({**response(status="failed"), "error": {"code": code, "message": "no"}})
    assert type(error_of(build(scripted.url, protocol="responses"))) is kind


@pytest.mark.parametrize("body", [b'{"choices": [', b"", b"[]", b"<html>proxy</html>"])
def test_a_damaged_body_may_have_been_billed(chat: OpenAIChat, scripted: Any, body: bytes) -> None:
    scripted.answer(body)
    assert isinstance(error_of(chat), ResponseUnknownError)


def test_a_cut_connection_may_have_been_billed_and_a_refused_one_was_not(chat: OpenAIChat, scripted: Any) -> None:
    scripted.cut()
    assert type(error_of(chat)) is ResponseUnknownError
    scripted.close()
    fresh = build(scripted.url)
    assert type(error_of(fresh)) is TransientError


def test_waits_and_limits_are_read_from_headers(chat: OpenAIChat, scripted: Any) -> None:
    scripted.answer(completion(), 200, x_ratelimit_limit_requests="60", x_ratelimit_reset_tokens="1m2.5s")
    assert chat.ask(ASKED).reported == ReportedLimits(requests_limit=60, tokens_reset_seconds=62.5)
    scripted.answer(*error(429), retry_after_ms="1500", retry_after="9")
    limited = error_of(chat)
    assert isinstance(limited, RateLimitedError) and limited.retry_after_seconds == 1.5


def test_a_redirect_is_not_followed_since_headers_with_keys_would_go_along(scripted: Any) -> None:
    scripted.answer({}, 307, location=f"{scripted.url}/elsewhere")
    assert isinstance(error_of(build(scripted.url, headers={"X-Secret": "hush-4711"})), SettingsError)
    assert len(scripted.requests) == 1


def test_a_server_that_repeats_secrets_does_not_make_us_repeat_them(
    scripted: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    chat = build(scripted.url, headers={"Helicone-Auth": "Bearer hush-4711"})
    for status in (400, 401, 429, 500):
        scripted.answer(*error(status, f"no {KEY}, no hush-4711"))
        found = error_of(chat)
        trace = "".join(traceback.format_exception(found))
        shown = f"{found!r} {found} {found.as_dict()} {chat!r} {vars(chat)} {trace} {caplog.text}"
        assert "31337" not in shown
        assert "4711" not in shown


def test_a_key_with_a_line_break_is_cleaned_or_refused_but_never_quoted(scripted: Any) -> None:
    scripted.answer(completion())
    build(scripted.url, api_key=f"{KEY}\n").ask(ASKED)
    assert scripted.requests[0].headers["authorization"] == f"Bearer {KEY}"
    broken = error_of(build(scripted.url, api_key=f"two\nlines-{KEY}"))
    assert isinstance(broken, SettingsError) and "31337" not in str(broken)


def batch(**fields: object) -> dict[str, Any]:
    about = {"id": "b1", "object": "batch", "completion_window": "24h", "endpoint": "/v1/chat/completions"}
    return {**about, "created_at": int(time.time()), "input_file_id": "f1", "status": "completed", **fields}


def test_result_lines_are_read_one_by_one_and_bad_ones_left_out(chat: OpenAIChat, scripted: Any) -> None:
    good = {
        "custom_id": "a",
        "response": {"status_code": 200, "body": completion("line\u2028break")},
        "error": None,
    }
    again = {**good, "response": {"status_code": 200, "body": completion("a later one")}}
    failed = {"custom_id": "b", "response": {"status_code": 500, "body": {"error": {"message": "no"}}}}
    expired = {"custom_id": "c", "response": None, "error": {"code": "batch_expired", "message": "late"}}
    odd = [{"custom_id": "d", "response": {"status_code": 200, "body": None}}, {"response": {}}, [1], "x"]
    lines = [json.dumps(line, ensure_ascii=False) for line in (good, again, failed, expired, *odd)]
    scripted.answer(batch(output_file_id="out", error_file_id=None, status="expired"))
    scripted.answer("\n".join([*lines, '{"custom_id": "e", "respon']).encode())
    assert chat.batches is not None
    items = list(chat.batches.results("b1"))
    assert [item.custom_id for item in items] == ["a", "b", "c", "d"]
    assert items[0].body is not None and chat.read(items[0].body).text == "line\u2028break"
    assert [type(item.error) for item in items[1:]] == [TransientError, TransientError, DocumentError]


def test_a_search_ends_where_batches_are_too_old_to_be_read(chat: OpenAIChat, scripted: Any) -> None:
    assert chat.batches is not None
    old = batch(id="old", created_at=int(time.time()) - 40 * 86_400)
    scripted.answer({"object": "list", "data": [batch(), old], "has_more": True})
    assert chat.batches.find("job-1") is None
    assert len(scripted.requests) == 1


def test_a_search_that_cannot_be_certain_says_so(chat: OpenAIChat, scripted: Any) -> None:
    assert chat.batches is not None
    for _ in range(100):
        scripted.answer({"object": "list", "data": [batch()] * 100, "has_more": True})
    with pytest.raises(SystemicError, match="newest 10000 batches"):
        chat.batches.find("job-1")
