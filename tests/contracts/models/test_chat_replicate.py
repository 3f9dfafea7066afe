"""Replicate's predictions: what is sent, how one that takes its time is waited for, and what every end means."""

from __future__ import annotations

from typing import Any

import pytest

from wellread.errors import DocumentError, QuotaExhaustedError, ResponseUnknownError, SettingsError, TransientError
from wellread.models.chat.protocol import ChatDocument, ChatMessage, ChatRequest, ChatSchema, ChatUsage
from wellread.models.chat.replicate_chat import ReplicateChat
from wellread.models.chat.settings import ChatModelSettings

KEY = "key-31337-secret"
ASKED = ChatRequest((ChatMessage("system", "Be brief."), ChatMessage("user", "Where is the mill?")))


def prediction(status: str = "succeeded", **fields: object) -> dict[str, Any]:
    metrics = {"input_token_count": 9, "output_token_count": 4}
    # An address elsewhere: it must not be asked, the key would go along.
    urls = {"get": "http://127.0.0.1:9/predictions/p1", "cancel": "http://127.0.0.1:9/predictions/p1/cancel"}
    given = {"id": "p1", "model": "meta/llama", "input": {"max_tokens": 64}, "output": ["By the ", "river."]}
    return {**given, "status": status, "metrics": metrics, "urls": urls, **fields}


def build(scripted: Any, **options: object) -> ReplicateChat:
    given = {"provider": "replicate", "model": "meta/llama", "base_url": f"{scripted.url}/v1", "api_key": KEY}
    return ReplicateChat(ChatModelSettings.model_validate({"output_tokens": 64, **given, **options}))


def test_a_prediction_is_created_and_waited_for(scripted: Any) -> None:
    scripted.answer(prediction(), 201)
    chat = build(scripted, temperature=0.2)
    reply = chat.read(chat.ask(ASKED).body)
    request = scripted.requests[0]
    assert (request.method, request.path) == ("POST", "/v1/models/meta/llama/predictions")
    assert (request.headers["authorization"], request.headers["prefer"]) == (f"Bearer {KEY}", "wait=60")
    given = {"prompt": "Where is the mill?", "system_prompt": "Be brief.", "max_tokens": 64, "temperature": 0.2}
    assert scripted.bodies[0] == {"input": given}
    assert (reply.text, reply.finish, reply.usage) == ("By the river.", "stop", ChatUsage(9, 4))


def test_a_version_is_asked_for_by_its_hash_and_a_schema_in_words(scripted: Any) -> None:
    scripted.answer(prediction(), 201)
    schema = ChatSchema("answer", {"type": "object"})
    turns = (ChatMessage("user", "One?"), ChatMessage("assistant", "Two."), ChatMessage("user", "Three?"))
    build(scripted, model="a" * 64).ask(ChatRequest(turns, schema=schema))
    assert scripted.requests[0].path == "/v1/predictions"
    body = scripted.bodies[0]
    assert body["version"] == "a" * 64
    assert body["input"]["prompt"] == "user: One?\n\nassistant: Two.\n\nuser: Three?"
    assert '{"type":"object"}' in body["input"]["system_prompt"]


def test_one_that_takes_its_time_is_looked_at_here_and_not_where_its_body_says(scripted: Any) -> None:
    scripted.answer(prediction("starting", output=None), 201)
    scripted.answer(prediction("processing", output=None))
    scripted.answer(prediction())
    assert b"river" in build(scripted).ask(ASKED).body
    looks = [(request.method, request.path) for request in scripted.requests[1:]]
    assert looks == [("GET", "/v1/predictions/p1")] * 2


def test_a_look_that_fails_does_not_lose_what_is_being_paid_for(scripted: Any) -> None:
    scripted.answer(prediction("processing"), 201)
    scripted.answer({"detail": "busy"}, 503)
    scripted.cut()
    scripted.answer(prediction())
    assert b"river" in build(scripted).ask(ASKED).body


def test_one_that_does_not_end_is_cancelled_and_may_be_billed(scripted: Any) -> None:
    scripted.answer(prediction("processing"), 201)
    scripted.answer({"status": "canceled"})
    with pytest.raises(ResponseUnknownError):
        build(scripted, timeout_seconds=0.2).ask(ASKED)
    assert (scripted.requests[-1].method, scripted.requests[-1].path) == ("POST", "/v1/predictions/p1/cancel")


def test_one_of_as_many_tokens_as_were_asked_for_counts_as_cut(scripted: Any) -> None:
    scripted.answer(prediction(input={"max_tokens": 4}), 201)
    chat = build(scripted)
    assert chat.read(chat.ask(ASKED).body).finish == "length"


@pytest.mark.parametrize(
    ("problem", "cause"),
    [
        ("The input was flagged as sensitive. (E005)", "refused"),
        ("Prompt exceeds the context length of 4096", "too_long"),
    ],
)
def test_a_failure_that_blames_the_request_is_its_own(scripted: Any, problem: str, cause: str) -> None:
    scripted.answer(prediction("failed", output=None, error=problem), 201)
    with pytest.raises(DocumentError) as caught:
        build(scripted).ask(ASKED)
    assert (caught.value.stage, caught.value.cause) == ("answer", cause)


@pytest.mark.parametrize("status", ["failed", "canceled", "aborted"])
def test_any_other_failure_is_worth_another_try(scripted: Any, status: str) -> None:
    scripted.answer(prediction(status, output=None, error="Prediction interrupted; please retry (code: PA)"), 201)
    with pytest.raises(TransientError):
        build(scripted).ask(ASKED)


def test_settings_and_accounts_are_told_apart(scripted: Any) -> None:
    chat = build(scripted)
    scripted.answer({"title": "Not found", "detail": f"no such model, {KEY}", "status": 404}, 404)
    with pytest.raises(SettingsError) as missing:
        chat.ask(ASKED)
    assert "31337" not in str(missing.value)
    scripted.answer({"title": "Billing required", "status": 402}, 402)
    with pytest.raises(QuotaExhaustedError):
        chat.ask(ASKED)
    with pytest.raises(SettingsError, match="documents"):
        chat.ask(ChatRequest(ASKED.messages, documents=(ChatDocument("1", "t", "x"),)))
