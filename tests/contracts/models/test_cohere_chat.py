"""Cohere's chat through its official client, byte by byte: what is sent, and what every answer means."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr

from wellread.errors import (
    AuthenticationError,
    DocumentError,
    QuotaExhaustedError,
    RateLimitedError,
    ResponseUnknownError,
    SettingsError,
    TransientError,
    WellreadError,
)
from wellread.models.chat.cohere_chat import CohereChat
from wellread.models.chat.protocol import (
    ChatDocument,
    ChatMessage,
    ChatRequest,
    ChatSchema,
    ChatUsage,
    ReplyCitation,
    ReportedLimits,
)
from wellread.models.chat.settings import ChatModelSettings

KEY = "key-31337-secret"
SCHEMA = ChatSchema(
    "answer", {"type": "object", "properties": {"found": {"type": "boolean"}}, "required": ["found"]}
)
ASKED = ChatRequest((ChatMessage("system", "Be brief."), ChatMessage("user", "Where is the mill?")))


def reply(text: str = "By the river.", finish: str | None = "COMPLETE", **message: object) -> dict[str, Any]:
    return {
        "id": "1",
        "finish_reason": finish,
        "message": {"role": "assistant", "content": [{"type": "text", "text": text}], **message},
        "usage": {
            "billed_units": {"input_tokens": 12.0, "output_tokens": 4.0},
            "tokens": {"input_tokens": 512.0, "output_tokens": 5.0},
            "cached_tokens": 3.0,
        },
    }


def build(url: str, **options: object) -> CohereChat:
    given = {"provider": "cohere", "model": "command-a", "base_url": HttpUrl(url), "api_key": SecretStr(KEY)}
    return CohereChat(ChatModelSettings.model_validate({**given, **options}))


@pytest.fixture
def chat(scripted: Any) -> Iterator[CohereChat]:
    chat = build(scripted.url)
    yield chat
    chat.close()


def error_of(chat: CohereChat, request: ChatRequest = ASKED) -> WellreadError:
    with pytest.raises(WellreadError) as caught:
        chat.ask(request)
    return caught.value


def test_messages_and_options_are_sent_and_the_body_is_kept_as_it_came(scripted: Any) -> None:
    chat = build(scripted.url, temperature=0.0, seed=7, output_tokens=99, headers={"X-Team": SecretStr("mills")})
    body = json.dumps(reply(), indent=3).encode()
    scripted.answer(body)
    raw = chat.ask(ASKED)
    assert raw.body == body
    read = chat.read(raw.body)
    assert (read.text, read.finish, read.model, read.citations) == ("By the river.", "stop", "command-a", ())
    assert read.usage == ChatUsage(input_tokens=12, output_tokens=4, cached_input_tokens=3)
    request = scripted.requests[0]
    assert (request.path, request.headers["authorization"]) == ("/v2/chat", f"Bearer {KEY}")
    assert request.headers["x-team"] == "mills"
    sent = scripted.bodies[0]
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where is the mill?"},
    ]
    assert (sent["model"], sent["temperature"], sent["seed"], sent["max_tokens"]) == ("command-a", 0.0, 7, 99)
    assert not {"documents", "response_format"} & sent.keys()


def test_options_that_are_not_set_are_not_sent(chat: CohereChat, scripted: Any) -> None:
    scripted.answer(reply())
    chat.ask(ASKED)
    assert not {"temperature", "seed"} & scripted.bodies[0].keys()
    assert chat.identity.parameters == {"max_tokens": 1024, "structure": "schema"}
    assert (chat.identity.provider, chat.identity.protocol) == ("cohere", "cohere-chat")
    assert chat.batches is None


@pytest.mark.parametrize(
    ("structure", "response_format", "is_in_words"),
    [
        ("schema", {"type": "json_object", "json_schema": SCHEMA.schema}, False),
        ("json", {"type": "json_object"}, True),
        ("prompt", None, True),
    ],
)
def test_a_schema_is_asked_for_as_the_setting_says(
    scripted: Any, structure: str, response_format: object, is_in_words: bool
) -> None:
    scripted.answer(reply('{"found": true}'))
    build(scripted.url, structure=structure).ask(ChatRequest(ASKED.messages, schema=SCHEMA))
    sent = scripted.bodies[0]
    assert sent.get("response_format") == response_format
    assert ("JSON Schema" in sent["messages"][0]["content"]) == is_in_words


@pytest.mark.parametrize("structure", ["schema", "json", "prompt"])
def test_documents_go_beside_the_messages_and_leave_no_room_for_a_schema(scripted: Any, structure: str) -> None:
    scripted.answer(reply())
    documents = (ChatDocument("p1", "Mills", "The mill stands by the river."),)
    build(scripted.url, structure=structure).ask(ChatRequest(ASKED.messages, schema=SCHEMA, documents=documents))
    sent = scripted.bodies[0]
    assert sent["documents"] == [{"id": "p1", "data": {"title": "Mills", "text": "The mill stands by the river."}}]
    assert "response_format" not in sent
    assert sent["messages"][0]["content"] == "Be brief."


def citation(start: int, end: int, text: str | None, *ids: str, **more: object) -> dict[str, object]:
    sources = [{"type": "document", "id": one, "document": {"id": one}} for one in ids]
    return {"start": start, "end": end, "text": text, "sources": sources, "type": "TEXT_CONTENT", **more}


def test_citations_name_spans_of_the_reply_and_documents(chat: CohereChat) -> None:
    text = "The mill stands by the river. The mill is old."
    citations = [
        citation(0, 8, "The mill", "p1", "p2", "p1"),
        citation(19, 28, None, "p2"),
        citation(4, 8, "mill", "p1", type="THINKING_CONTENT"),
        citation(31, 39, "The mill", "p3"),
        citation(0, 4, "nowhere", "p1"),
        citation(40, 400, None, "p1"),
        citation(9, 9, "", "p1"),
        {"start": 0, "end": 3, "text": "The", "sources": [{"type": "tool", "id": "t:0"}]},
        {"start": None, "end": 3, "text": "The", "sources": None},
        "nonsense",
    ]
    read = chat.read(json.dumps(reply(text, citations=citations)).encode())
    assert read.citations == (
        ReplyCitation(0, 8, ("p1", "p2")),
        ReplyCitation(19, 28, ("p2",)),
        ReplyCitation(30, 38, ("p3",)),
    )
    assert text[30:38] == "The mill", "offsets that miss their words are moved to the nearest place that holds them"


def test_reasoning_is_no_part_of_the_text_and_does_not_move_citations(chat: CohereChat) -> None:
    content = [
        {"type": "thinking", "thinking": "Hmm, the mill."},
        {"type": "text", "text": "By the "},
        {"type": "text", "text": "river."},
    ]
    citations = [citation(0, 5, "river", "p1", content_index=2), citation(0, 2, "By", "p1", content_index=1)]
    read = chat.read(json.dumps(reply(content=content, citations=citations)).encode())
    assert read.text == "By the river."
    assert read.citations == (ReplyCitation(7, 12, ("p1",)), ReplyCitation(0, 2, ("p1",)))


@pytest.mark.parametrize(
    ("finish", "means"),
    [("COMPLETE", "stop"), ("STOP_SEQUENCE", "stop"), ("MAX_TOKENS", "length"), ("ERROR_TOXIC", "refused")],
)
def test_finish_reasons(chat: CohereChat, finish: str, means: str) -> None:
    assert chat.read(json.dumps(reply(finish=finish)).encode()).finish == means


def test_usage_falls_back_to_the_tokens_where_nothing_says_what_is_billed(chat: CohereChat) -> None:
    answer = reply()
    del answer["usage"]["billed_units"]
    assert chat.read(json.dumps(answer).encode()).usage.input_tokens == 512
    del answer["usage"]
    assert chat.read(json.dumps(answer).encode()).usage == ChatUsage()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[1]",
        b'{"mess',
        b"{}",
        json.dumps(reply(finish=None)).encode(),
        json.dumps(reply(finish="TOOL_CALL")).encode(),
        json.dumps(reply(finish="ERROR")).encode(),
        json.dumps({**reply(), "message": None}).encode(),
        json.dumps(reply(content=[])).encode(),
    ],
)
def test_a_stored_body_that_is_no_reply_is_malformed(chat: CohereChat, body: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        chat.read(body)
    assert (caught.value.stage, caught.value.cause) == ("answer", "malformed_response")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"id": "1", "mess', b"[1]", b'"text"', b'{"message": "text"}'])
def test_a_damaged_body_may_be_billed_and_is_never_retried_here(
    chat: CohereChat, scripted: Any, body: bytes
) -> None:
    scripted.answer(body)
    assert type(error_of(chat)) is ResponseUnknownError
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("finish", ["ERROR", "TIMEOUT"])
def test_a_reply_that_broke_off_at_the_provider_may_be_billed(chat: CohereChat, scripted: Any, finish: str) -> None:
    scripted.answer(reply(finish=finish))
    assert type(error_of(chat)) is ResponseUnknownError


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "invalid request: message must be at least 1 token long", DocumentError),
        (400, "invalid request: temperature must be between 0 and 1.0 inclusive.", SettingsError),
        (400, "too many tokens: max tokens must be less than or equal to 4096", SettingsError),
        (404, "model 'command-x' not found, make sure the correct model ID was used", SettingsError),
        (401, "invalid api token", AuthenticationError),
        (498, "invalid token", AuthenticationError),
        (402, "Please add or update your payment method", QuotaExhaustedError),
        (429, "You are using a Trial key, which is limited to 1000 API calls / month.", QuotaExhaustedError),
        (429, "You are using a Trial key, which is limited to 10 API calls / minute.", RateLimitedError),
        (499, "request cancelled", TransientError),
        (500, "internal server error", TransientError),
        (503, "no healthy upstream", TransientError),
        (504, "gateway time-out", TransientError),
        (529, "odd", TransientError),
    ],
)
def test_each_refusal_is_told_apart(
    chat: CohereChat, scripted: Any, status: int, message: str, kind: type[WellreadError]
) -> None:
    scripted.answer({"message": message}, status)
    error = error_of(chat)
    assert type(error) is kind
    if isinstance(error, DocumentError):
        assert (error.stage, error.cause) == ("answer", "refused")
    assert len(scripted.requests) == 1


def test_a_prompt_that_does_not_fit_is_too_long(chat: CohereChat, scripted: Any) -> None:
    words = "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292."
    scripted.answer({"message": words}, 400)
    error = error_of(chat)
    assert isinstance(error, DocumentError) and error.cause == "too_long"


def test_a_cut_connection_may_be_billed_and_a_wait_is_named(chat: CohereChat, scripted: Any) -> None:
    scripted.cut()
    assert type(error_of(chat)) is ResponseUnknownError
    scripted.answer({"message": "slow down"}, 429, retry_after_ms="1500")
    error = error_of(chat)
    assert isinstance(error, RateLimitedError) and error.retry_after_seconds == 1.5


def test_headers_tell_the_limits(chat: CohereChat, scripted: Any) -> None:
    scripted.answer(reply(), x_trial_endpoint_call_limit="10", x_trial_endpoint_call_remaining="9")
    assert chat.ask(ASKED).reported == ReportedLimits(requests_limit=10, requests_remaining=9)
    names = {"x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "499"}
    scripted.answer(reply(), **names, **{"x-ratelimit-reset": str(int(time.time()) + 3600)})
    reported = chat.ask(ASKED).reported
    assert (reported.requests_limit, reported.requests_remaining) == (500, 499)
    assert reported.requests_reset_seconds is not None and 3000 < reported.requests_reset_seconds <= 3600
    scripted.answer(reply(), **{"x-ratelimit-reset": "soon"})
    assert chat.ask(ASKED).reported == ReportedLimits()


def test_what_is_no_text_is_not_sent(chat: CohereChat, scripted: Any) -> None:
    for request in (
        ChatRequest((ChatMessage("user", "half \ud83d"),)),
        ChatRequest(ASKED.messages, documents=(ChatDocument("1", "t", "half \ud83d"),)),
    ):
        error = error_of(chat, request)
        assert isinstance(error, DocumentError) and error.cause == "bad_text"
    assert scripted.requests == []


def test_the_key_is_never_shown(chat: CohereChat, scripted: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    scripted.answer({"message": f"the key {KEY} is wrong"}, 401)
    error = error_of(chat)
    unfit = error_of(build(scripted.url, api_key=SecretStr(f"{KEY}“")))
    assert isinstance(unfit, SettingsError)
    shown = [repr(error), str(error), str(error.as_dict()), repr(chat), str(vars(chat)), caplog.text]
    shown += [*traceback.format_exception(error), *traceback.format_exception(unfit)]
    assert not [text for text in shown if "31337" in text]


def test_what_cohere_does_not_have_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CO_API_KEY", raising=False)
    with pytest.raises(SettingsError, match="reasoning_effort"):
        build("http://127.0.0.1:9", reasoning_effort="low")
    assert "CO_API_KEY" in str(error_of(CohereChat(ChatModelSettings(provider="cohere", model="command-a"))))
