"""What every reranker promises, over real connections: the same script of answers for each of them."""

from __future__ import annotations

import logging
import math
import pickle
import socket
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
    SettingsError,
    TransientError,
    WellreadError,
)
from wellread.models.chat.settings import RerankSettings
from wellread.models.reranking.factory import build_reranker
from wellread.models.reranking.protocol import Reranker

TEXTS = ["about mills", "about rivers", "about cheese"]
RESULTS = [
    {"index": 1, "relevance_score": 0.9},
    {"index": 0, "relevance_score": 0.5},
    {"index": 2, "relevance_score": 0.01},
]
KEY = "key-31337-secret"


def build(provider: str, url: str, **options: object) -> Reranker:
    given = {
        "provider": provider,
        "base_url": HttpUrl(url),
        "api_key": SecretStr(KEY),
        "model": "ranker",
        **options,
    }
    reranker = build_reranker(RerankSettings.model_validate(given))
    assert reranker is not None
    return reranker


@pytest.fixture(params=["cohere", "http"])
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def reranker(provider: str, scripted: Any) -> Iterator[Reranker]:
    reranker = build(provider, scripted.url)
    yield reranker
    reranker.close()


def error_of(reranker: Reranker) -> WellreadError:
    with pytest.raises(WellreadError) as caught:
        reranker.rerank("which rivers?", TEXTS)
    return caught.value


def test_scores_come_in_the_order_of_the_texts(reranker: Reranker, scripted: Any, provider: str) -> None:
    scripted.answer({"results": RESULTS, "meta": {"billed_units": {"search_units": 1}}})
    result = reranker.rerank("which rivers?", TEXTS)
    assert result.scores == (0.5, 0.9, 0.01)
    assert result.search_units == (1 if provider == "cohere" else 0)
    assert scripted.requests[0].path == ("/v2/rerank" if provider == "cohere" else "/rerank")
    assert scripted.requests[0].headers["authorization"] == f"Bearer {KEY}"
    sent = scripted.bodies[0]
    assert (sent["model"], sent["query"], sent["documents"]) == ("ranker", "which rivers?", TEXTS)
    assert sent.get("max_tokens_per_doc") == (4096 if provider == "cohere" else None)
    assert "top_n" not in sent, "every text needs a score"


def test_no_texts_cost_nothing(reranker: Reranker, scripted: Any) -> None:
    assert reranker.rerank("which rivers?", []).scores == ()
    assert scripted.requests == []


@pytest.mark.parametrize(
    ("question", "texts", "cause"),
    [(" ", TEXTS, "empty"), ("which?", ["fine", "\n"], "empty"), ("which?", ["half \ud83d"], "bad_text")],
)
def test_what_cannot_be_scored_is_not_sent(
    reranker: Reranker, scripted: Any, question: str, texts: list[str], cause: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        reranker.rerank(question, texts)
    assert (caught.value.stage, caught.value.cause) == ("rerank", cause)
    assert scripted.requests == []


def test_too_many_texts_are_not_sent(provider: str, scripted: Any) -> None:
    reranker = build(provider, scripted.url, texts_per_request=2)
    with pytest.raises(ValueError, match="one request takes 2"):
        reranker.rerank("which rivers?", TEXTS)
    assert (reranker.texts_per_request, scripted.requests) == (2, [])


@pytest.mark.parametrize(
    "answer",
    [
        {"results": RESULTS[:2]},
        {"results": [*RESULTS, {"index": 3, "relevance_score": 0.1}]},
        {"results": [RESULTS[0], RESULTS[0], RESULTS[2]]},
        {"results": [*RESULTS[:2], {"index": 7, "relevance_score": 0.1}]},
        {"results": [*RESULTS[:2], {"index": 2, "relevance_score": math.nan}]},
        {"results": [*RESULTS[:2], {"index": 2, "relevance_score": math.inf}]},
        {"results": [*RESULTS[:2], {"index": 2, "relevance_score": "high"}]},
        {"results": [*RESULTS[:2], {"index": "2", "relevance_score": 0.1}]},
        {"results": [*RESULTS[:2], {"relevance_score": 0.1}]},
        {"results": [*RESULTS[:2], "2"]},
        {"results": None},
        {},
        "nonsense",
        b'{"results": [{"index": 1, "rel',
        b"<html>",
    ],
)
def test_a_damaged_answer_is_transient_and_the_next_try_is_served(
    reranker: Reranker, scripted: Any, answer: object
) -> None:
    scripted.answer(answer)
    scripted.answer({"results": RESULTS})
    assert type(error_of(reranker)) is TransientError
    assert reranker.rerank("which rivers?", TEXTS).scores == (0.5, 0.9, 0.01)
    assert len(scripted.requests) == 2, "the client must not retry by itself"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationError),
        (403, AuthenticationError),
        (402, QuotaExhaustedError),
        (404, SettingsError),
        (429, RateLimitedError),
        (424, TransientError),
        (499, TransientError),
        (500, TransientError),
        (503, TransientError),
    ],
)
def test_each_refusal_is_told_apart(
    reranker: Reranker, scripted: Any, status: int, kind: type[WellreadError]
) -> None:
    scripted.answer({"message": "no"}, status)
    assert type(error_of(reranker)) is kind
    assert len(scripted.requests) == 1


def test_a_refused_text_is_the_documents_fault(reranker: Reranker, scripted: Any) -> None:
    scripted.answer({"message": "invalid request: one of the documents is refused"}, 400)
    error = error_of(reranker)
    assert isinstance(error, DocumentError) and (error.stage, error.cause) == ("rerank", "refused")
    scripted.answer({"message": "too much"}, 413)
    error = error_of(reranker)
    assert isinstance(error, DocumentError) and error.cause == "too_long"
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.cause) == (str(error), "too_long")


def test_a_rate_limit_names_the_wait(reranker: Reranker, scripted: Any) -> None:
    scripted.answer({"message": "slow down"}, 429, Retry_After="240")
    scripted.answer({"message": "slow down"}, 429)
    first, second = error_of(reranker), error_of(reranker)
    assert isinstance(first, RateLimitedError) and first.retry_after_seconds == 240
    assert isinstance(second, RateLimitedError) and second.retry_after_seconds is None


def test_a_cut_connection_and_no_server_are_transient(reranker: Reranker, provider: str, scripted: Any) -> None:
    scripted.cut()
    assert type(error_of(reranker)) is TransientError
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert type(error_of(build(provider, f"http://127.0.0.1:{unused.getsockname()[1]}"))) is TransientError


def test_the_key_is_never_shown(
    reranker: Reranker, scripted: Any, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    scripted.answer({"message": f"the key {KEY} is wrong"}, 401)
    error = error_of(reranker)
    shown = [repr(error), str(error), str(error.as_dict()), repr(reranker), str(vars(reranker)), caplog.text]
    shown += traceback.format_exception(error)
    assert not [text for text in shown if "31337" in text]
    unfit = build(provider, scripted.url, api_key=SecretStr(f"{KEY}\nHost: elsewhere"))
    error = error_of(unfit)
    assert isinstance(error, SettingsError) and len(scripted.requests) == 1
    assert "31337" not in "".join(traceback.format_exception(error))


def test_a_line_break_at_the_end_of_a_key_is_no_part_of_it(provider: str, scripted: Any) -> None:
    scripted.answer({"results": RESULTS})
    build(provider, scripted.url, api_key=SecretStr(f"{KEY}\n")).rerank("which rivers?", TEXTS)
    assert scripted.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_closed_reranker_opens_again(reranker: Reranker, scripted: Any) -> None:
    for _ in range(2):
        scripted.answer({"results": RESULTS})
        assert len(reranker.rerank("which rivers?", TEXTS).scores) == 3
        reranker.close()
        reranker.close()
