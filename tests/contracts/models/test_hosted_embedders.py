"""What is sent to hosted embedders, and what is never sent: limits, headers, keys."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr, ValidationError

from wellread.errors import AuthenticationError, DocumentError, SettingsError, TransientError, WellreadError
from wellread.models.embedding.cohere_embedder import CohereEmbedder
from wellread.models.embedding.openai_embedder import OpenAIEmbedder
from wellread.models.protocol import Embedder
from wellread.models.settings import CohereModelSettings, OpenAIModelSettings
from wellread.testing.embedding_server import embedding_server

KEY = "key-31337-secret"


def build(provider: str, url: str, **options: object) -> Embedder:
    given = {"base_url": HttpUrl(url), "api_key": SecretStr(KEY), "dimensions": 2, **options}
    if provider == "cohere":
        return CohereEmbedder(CohereModelSettings.model_validate(given))
    return OpenAIEmbedder(OpenAIModelSettings.model_validate(given))


@pytest.fixture(params=["openai", "cohere"])
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def script_vectors(scripted: Any, provider: str) -> None:
    openai = {"data": [{"index": 0, "embedding": [3.0, 4.0]}], "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    cohere = {"embeddings": {"float": [[3.0, 4.0]]}, "meta": {"billed_units": {"input_tokens": 1}}}
    scripted.answer(openai if provider == "openai" else cohere)


def test_headers_and_dimensions_are_sent_and_the_key_in_its_place(provider: str, scripted: Any) -> None:
    script_vectors(scripted, provider)
    options = {"headers": {"Helicone-Auth": SecretStr("Bearer h")}, "request_dimensions": "ask"}
    result = build(provider, scripted.url, **options).embed(["one"], kind="query")
    assert result.vectors.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]
    headers, sent = scripted.requests[0].headers, scripted.bodies[0]
    assert (headers["helicone-auth"], headers["authorization"]) == ("Bearer h", f"Bearer {KEY}")
    assert sent["dimensions" if provider == "openai" else "output_dimension"] == 2
    assert sent["input" if provider == "openai" else "texts"] == ["one"]
    assert sent.get("input_type") == ("search_query" if provider == "cohere" else None)


def test_query_parameters_are_sent(scripted: Any) -> None:
    script_vectors(scripted, "openai")
    build("openai", scripted.url, query={"api-version": "v1"}).embed(["one"], kind="document")
    assert (scripted.requests[0].path, scripted.requests[0].query) == ("/embeddings", "api-version=v1")


def test_the_providers_own_limits_are_the_defaults_and_cannot_be_passed() -> None:
    limits = build("openai", "http://127.0.0.1:9", texts_per_request=2048).limits
    assert (limits.texts_per_request, limits.tokens_per_request, limits.tokens_per_text) == (2048, 300_000, 8192)
    assert build("cohere", "http://127.0.0.1:9").limits.texts_per_request == 96
    for provider, too_many in (("openai", 2049), ("cohere", 97)):
        with pytest.raises(ValidationError):
            build(provider, "http://127.0.0.1:9", texts_per_request=too_many)


def test_what_exceeds_a_limit_is_not_sent(provider: str, scripted: Any) -> None:
    embedder = build(provider, scripted.url, texts_per_request=96)
    with pytest.raises(ValueError, match="one request takes 96"):
        embedder.embed(["x"] * 97, kind="document")
    with pytest.raises(DocumentError) as caught:
        embedder.embed(["x" * 8193], kind="document")
    assert caught.value.cause == "too_long"
    if provider == "openai":
        with pytest.raises(ValueError, match="300000 tokens together"):
            embedder.embed(["x" * 8192] * 37, kind="document")
    assert scripted.requests == []


def error_of(embedder: Embedder) -> WellreadError:
    with pytest.raises(WellreadError) as caught:
        embedder.embed(["one"], kind="document")
    return caught.value


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_key_that_a_server_repeats_is_not_passed_on(provider: str, scripted: Any, status: int) -> None:
    scripted.answer({"error": {"message": f"{KEY} is odd"}, "message": f"{KEY} is odd"}, status)
    error = error_of(build(provider, scripted.url))
    assert isinstance(error, AuthenticationError) == (status == 401)
    assert "31337" not in f"{error!r}{error.as_dict()}" + "".join(traceback.format_exception(error))


def test_a_key_that_no_header_may_hold_is_a_setting_and_not_shown(provider: str, scripted: Any) -> None:
    error = error_of(build(provider, scripted.url, api_key=SecretStr(f"{KEY}\nX: y")))
    assert isinstance(error, SettingsError) and scripted.requests == []
    assert "31337" not in "".join(traceback.format_exception(error))


def test_a_redirect_is_not_followed(provider: str, scripted: Any) -> None:
    scripted.answer({}, 307, Location=f"{scripted.url}/elsewhere")
    assert isinstance(error_of(build(provider, scripted.url)), SettingsError)
    assert len(scripted.requests) == 1


def test_vectors_come_as_base64_or_as_numbers_whatever_was_asked(scripted: Any) -> None:
    with embedding_server(dimensions=2) as server:
        packed, plain = (
            build("openai", server.openai_url, encoding_format=name).embed(["one", "two"], kind="query")
            for name in ("base64", "float")
        )
    assert packed.vectors.tolist() == plain.vectors.tolist()
    script_vectors(scripted, "openai")  # a server that does not know base64 and answers as it always does
    assert build("openai", scripted.url).embed(["one"], kind="query").vectors.shape == (1, 2)
    assert scripted.bodies[0]["encoding_format"] == "base64"


def test_a_server_that_refuses_base64_is_asked_for_numbers_from_then_on(scripted: Any) -> None:
    message = "encoding_format: base64 is not supported"
    scripted.answer({"error": {"message": message, "type": "invalid_request_error"}}, status=400)
    script_vectors(scripted, "openai")
    script_vectors(scripted, "openai")
    embedder = build("openai", scripted.url)
    for _ in range(2):
        assert embedder.embed(["one"], kind="query").vectors.shape == (1, 2)
    assert [body["encoding_format"] for body in scripted.bodies] == ["base64", "float", "float"]


@pytest.mark.parametrize("vector", ["no base64!", "AAAA", {"a": 1}], ids=["damaged", "not whole", "an object"])
def test_a_damaged_vector_is_an_answer_to_ask_for_again(scripted: Any, vector: object) -> None:
    scripted.answer({"data": [{"index": 0, "embedding": vector}]})
    assert isinstance(error_of(build("openai", scripted.url)), TransientError)
