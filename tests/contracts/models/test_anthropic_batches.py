"""Anthropic's message batches through the official client, byte by byte."""

from __future__ import annotations

import json
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
from wellread.models.chat.anthropic_chat import AnthropicChat
from wellread.models.chat.protocol import ChatBatches, ChatMessage, ChatRequest, ChatSchema
from wellread.models.chat.settings import ChatModelSettings

ASKED = ChatRequest((ChatMessage("system", "Be brief."), ChatMessage("user", "Where is the mill?")))
SCHEMA = ChatSchema("answer", {"type": "object", "properties": {"found": {"type": "boolean"}}})
MESSAGE = {
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku",
    "content": [{"type": "text", "text": "Bei der Mühle."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 10, "output_tokens": 4},
}


def batch(url: str = "", status: str = "in_progress", **counts: int) -> dict[str, Any]:
    names = ("processing", "succeeded", "errored", "canceled", "expired")
    return {
        "id": "msgbatch_1",
        "type": "message_batch",
        "created_at": "2026-11-25T10:00:00Z",
        "expires_at": "2026-11-26T10:00:00Z",
        "processing_status": status,
        "request_counts": {name: counts.get(name, 0) for name in names},
        "results_url": f"{url}/v1/messages/batches/msgbatch_1/results" if status == "ended" else None,
    }


def ended(scripted: Any) -> None:
    """The state is asked for by us, and once more by the client for the address of the results."""
    for _ in range(2):
        scripted.answer(batch(scripted.url, "ended", succeeded=2))


@pytest.fixture
def chat(scripted: Any) -> Iterator[AnthropicChat]:
    settings = {"provider": "anthropic", "model": "claude-haiku", "temperature": 0.0, "enqueued_tokens": 1000}
    where = {"base_url": HttpUrl(scripted.url), "api_key": SecretStr("key-31337")}
    chat = AnthropicChat(ChatModelSettings.model_validate({**settings, **where}))
    yield chat
    chat.close()


@pytest.fixture
def batches(chat: AnthropicChat) -> ChatBatches:
    assert chat.batches is not None
    return chat.batches


def test_requests_are_submitted_as_they_would_be_asked(
    chat: AnthropicChat, batches: ChatBatches, scripted: Any
) -> None:
    scripted.answer(batch())
    scripted.answer(MESSAGE)
    with_schema = ChatRequest(ASKED.messages, schema=SCHEMA)
    assert batches.submit([("a" * 64, with_schema), ("b_-1", ASKED)], submission_key="key") == "msgbatch_1"
    chat.ask(with_schema)
    assert scripted.requests[0].path == "/v1/messages/batches"
    sent = scripted.bodies[0]["requests"]
    assert [one["custom_id"] for one in sent] == ["a" * 64, "b_-1"]
    assert sent[0]["params"] == scripted.bodies[1], "one question is one question, alone or in a batch"
    assert sent[1]["params"]["temperature"] == 0.0


def test_what_a_batch_may_hold(batches: ChatBatches) -> None:
    assert (batches.limits.requests_per_batch, batches.limits.bytes_per_batch) == (100_000, 256_000_000)
    assert batches.limits.enqueued_tokens == 1000


def test_a_submission_cannot_be_found_again(batches: ChatBatches, scripted: Any) -> None:
    assert (batches.can_find, batches.find("key"), scripted.requests) == (False, None, [])


@pytest.mark.parametrize(
    "custom_ids", [[], ["a", "a"], ["a b"], [""], ["a" * 65], ["ü"], [str(n) for n in range(100_001)]]
)
def test_what_the_endpoint_would_refuse_is_not_sent(
    batches: ChatBatches, scripted: Any, custom_ids: list[str]
) -> None:
    with pytest.raises(ValueError, match=r"custom ids|a batch takes"):
        batches.submit([(custom_id, ASKED) for custom_id in custom_ids], submission_key="key")
    assert scripted.requests == []


def test_a_text_that_cannot_be_sent_keeps_the_batch_from_being_sent(batches: ChatBatches, scripted: Any) -> None:
    with pytest.raises(DocumentError):
        batches.submit([("a", ChatRequest((ChatMessage("user", "\ud83d"),)))], submission_key="key")
    assert scripted.requests == []


def test_errors_of_a_submission_are_those_of_a_request(batches: ChatBatches, scripted: Any) -> None:
    refusals: list[tuple[int, dict[str, Any], type[WellreadError]]] = [
        (429, {"type": "rate_limit_error", "message": "too many batches"}, RateLimitedError),
        (529, {"type": "overloaded_error", "message": "Overloaded"}, TransientError),
        (413, {"type": "request_too_large", "message": "too large"}, DocumentError),
        (402, {"type": "billing_error", "message": "pay"}, QuotaExhaustedError),
    ]
    for status, error, kind in refusals:
        scripted.answer({"type": "error", "error": error}, status)
        with pytest.raises(kind):
            batches.submit([("a", ASKED)], submission_key="key")
    scripted.cut()
    with pytest.raises(ResponseUnknownError):
        batches.submit([("a", ASKED)], submission_key="key")


def test_progress(batches: ChatBatches, scripted: Any) -> None:
    scripted.answer(batch(processing=5))
    scripted.answer(batch(status="canceling", processing=5))
    scripted.answer(batch(scripted.url, "ended", succeeded=2, errored=1, canceled=1, expired=3))
    running, canceling, ended = (batches.progress("msgbatch_1") for _ in range(3))
    assert (running.state, running.total_count, running.done_count, running.problem) == ("running", 5, 0, None)
    assert canceling.state == "running"
    assert (ended.state, ended.total_count, ended.done_count, ended.failed_count) == ("ended", 7, 2, 5)
    assert ended.problem == "3 expired, 1 cancelled"
    assert scripted.requests[0].path == "/v1/messages/batches/msgbatch_1"


def test_a_batch_whose_results_are_gone_says_so(batches: ChatBatches, scripted: Any) -> None:
    scripted.answer({**batch(scripted.url, "ended", succeeded=1), "archived_at": "2026-12-25T10:00:00Z"})
    assert "results gone since 2026-12-25" in str(batches.progress("msgbatch_1").problem)


def test_results_are_read_line_by_line_and_bad_lines_left_out(
    chat: AnthropicChat, batches: ChatBatches, scripted: Any
) -> None:
    failed = {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}}
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    lines = [
        json.dumps({"custom_id": "b", "result": {"type": "succeeded", "message": MESSAGE}}, ensure_ascii=False),
        '{"custom_id": "cut", "resu',
        json.dumps({"custom_id": "a", "result": {"type": "errored", "error": failed}}),
        json.dumps({"custom_id": "c", "result": {"type": "errored", "error": overloaded}}),
        json.dumps({"custom_id": "d", "result": {"type": "expired"}}),
        json.dumps({"custom_id": "e", "result": {"type": "canceled"}}),
        json.dumps({"custom_id": "f", "result": {"type": "succeeded", "message": None}}),
        json.dumps({"result": {"type": "succeeded", "message": MESSAGE}}),
        "[]",
        "",
    ]
    ended(scripted)
    scripted.answer("\n".join(lines).encode())
    items = {item.custom_id: item for item in batches.results("msgbatch_1")}
    assert list(items) == ["b", "a", "c", "d", "e"]
    assert items["b"].body is not None
    reply = chat.read(items["b"].body)
    assert (reply.text, reply.usage.input_tokens) == ("Bei der Mühle.", 10)
    errors = {name: item.error for name, item in items.items() if item.body is None}
    assert isinstance(errors["a"], DocumentError) and errors["a"].cause == "too_long"
    assert [type(errors[name]) for name in "cde"] == [TransientError, TransientError, TransientError]
    assert scripted.requests[-1].path == "/v1/messages/batches/msgbatch_1/results"
    assert scripted.requests[-1].headers["authorization"] == "Bearer key-31337"


def test_results_that_are_not_there_yet_or_break_off_are_errors(batches: ChatBatches, scripted: Any) -> None:
    scripted.answer(batch())
    with pytest.raises(TransientError, match="not ended"):
        list(batches.results("msgbatch_1"))
    ended(scripted)
    scripted.cut()
    with pytest.raises(TransientError):
        list(batches.results("msgbatch_1"))
    scripted.answer({"type": "error", "error": {"type": "authentication_error", "message": "key-31337"}}, 401)
    with pytest.raises(AuthenticationError) as caught:
        list(batches.results("msgbatch_1"))
    assert "31337" not in str(caught.value)


def test_an_unknown_batch_is_no_passing_trouble(batches: ChatBatches, scripted: Any) -> None:
    scripted.answer({"type": "error", "error": {"type": "not_found_error", "message": "no batch"}}, 404)
    with pytest.raises(SettingsError):
        batches.progress("msgbatch_2")


def test_cancelling(batches: ChatBatches, scripted: Any) -> None:
    scripted.answer(batch(status="canceling"))
    batches.cancel("msgbatch_1")
    assert scripted.requests[0].path == "/v1/messages/batches/msgbatch_1/cancel"
