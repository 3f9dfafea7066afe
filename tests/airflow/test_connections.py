"""Airflow's connections become settings of a workspace; keys stay secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wellread.errors import SettingsError
from wellread.runs import SourceDeclaration
from wellread.workspace import Settings, load_settings
from wellread_airflow.connections import ConnectionIds, connection_overrides, s3_client_for


def connect(monkeypatch: pytest.MonkeyPatch, conn_id: str, **fields: object) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))


def settings_with(**overrides: object) -> Settings:
    return load_settings(overrides)


def applied(settings: Settings, **conn_ids: Any) -> Settings:
    return load_settings(connection_overrides(settings, ConnectionIds(**conn_ids)))


def test_without_connections_the_settings_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    assert connection_overrides(load_settings()) == {}


def test_a_weaviate_connection_with_the_conventional_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"grpc_host": "grpc.test", "grpc_port": "443", "grpc_secure": True, "http_secure": True, "token": "k3y"}
    connect(monkeypatch, "wellread_weaviate", conn_type="weaviate", host="rest.test", extra=extra)
    server = applied(load_settings()).server
    assert (server.http_host, server.http_port, server.http_secure) == ("rest.test", 443, True)
    assert (server.grpc_host, server.grpc_port, server.grpc_secure) == ("grpc.test", 443, True)
    assert server.api_key is not None
    assert server.api_key.get_secret_value() == "k3y"
    assert "k3y" not in repr(server)


def test_a_plain_weaviate_connection_means_the_servers_own_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "mine", conn_type="weaviate", host="weaviate", extra={"http_secure": "false"})
    server = applied(load_settings(), weaviate="mine").server
    assert (server.http_port, server.grpc_host, server.grpc_port) == (8080, "weaviate", 50051)
    assert server.api_key is None


def test_a_model_connection_gives_key_and_address(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "wellread_openai", conn_type="openai", password="k3y", host="http://127.0.0.1:1/v1")
    base = settings_with(embedder={"provider": "openai", "openai": {"model": "m", "dimensions": 8}})
    monkeypatch.setenv("WELLREAD_EMBEDDER__PROVIDER", "openai")
    openai = applied(base).embedder.openai
    assert openai.api_key is not None
    assert openai.api_key.get_secret_value() == "k3y"
    assert str(openai.base_url) == "http://127.0.0.1:1/v1"
    assert (openai.model, openai.dimensions) == ("m", 8)


def test_a_model_connection_is_not_asked_for_where_the_model_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "wellread_openai", conn_type="openai", password="k3y")
    assert connection_overrides(load_settings()) == {}


def test_a_named_connection_that_is_missing_is_an_error_that_names_it() -> None:
    with pytest.raises(SettingsError, match="'nowhere': there is no such connection"):
        connection_overrides(load_settings(), ConnectionIds(weaviate="nowhere"))


def test_a_connection_of_another_type_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "mine", conn_type="postgres", host="somewhere")
    with pytest.raises(SettingsError, match="its type is 'postgres'"):
        connection_overrides(load_settings(), ConnectionIds(weaviate="mine"))


def test_a_weaviate_password_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "mine", conn_type="weaviate", host="somewhere", login="me", password="s3cret")
    with pytest.raises(SettingsError) as caught:
        connection_overrides(load_settings(), ConnectionIds(weaviate="mine"))
    assert "API key" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_an_aws_connection_signs_the_requests_of_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"region_name": "eu-north-1", "endpoint_url": "http://127.0.0.1:1"}
    connect(monkeypatch, "bucket", conn_type="aws", login="AKIA", password="s3cret", extra=extra)
    source = SourceDeclaration(id="s", kind="s3", location="s3://b", connection_id="bucket")
    client = s3_client_for(source)
    assert client.meta.endpoint_url == "http://127.0.0.1:1"
    assert client.meta.region_name == "eu-north-1"
    url = client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    assert "AKIA" in url
    assert "s3cret" not in url


def test_a_source_without_a_connection_uses_the_environments_credentials() -> None:
    assert s3_client_for(SourceDeclaration(id="s", kind="s3", location="s3://b")) is None


# -- language models and rerankers ----------------------------------------------------------------------------


def chat_of(base: Settings | None = None, **conn_ids: Any) -> Any:
    return applied(base or load_settings(), **conn_ids).chat


def test_a_chat_connection_says_who_answers_where_with_which_key(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {
        "model": "gpt-5-mini",
        "requests_per_minute": 500,
        "tokens_per_minute": "90000",
        "headers": {"Helicone-Auth": "Bearer h3ader"},
        "price": {"input_usd_per_million": 1, "output_usd_per_million": 2},
        "temperature": None,
    }
    connect(
        monkeypatch, "wellread_chat", conn_type="openai", password="k3y", host="https://llm.test/v1", extra=extra
    )
    chat = chat_of()
    assert (chat.provider, chat.model, str(chat.base_url)) == ("openai", "gpt-5-mini", "https://llm.test/v1")
    assert (chat.requests_per_minute, chat.tokens_per_minute) == (500, 90_000)
    assert chat.api_key.get_secret_value() == "k3y"
    assert chat.headers["Helicone-Auth"].get_secret_value() == "Bearer h3ader"
    assert "k3y" not in repr(chat)
    assert "h3ader" not in repr(chat)


def test_keys_and_headers_of_a_connection_are_masked_in_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk._shared.secrets_masker import redact

    headers = {"X-Proxy": "h3ader-of-a-proxy"}
    connect(monkeypatch, "wellread_chat", conn_type="openai", password="k3y-of-mine", extra={"headers": headers})
    chat_of()
    assert redact("sent k3y-of-mine and h3ader-of-a-proxy") == "sent *** and ***"


@pytest.mark.parametrize("conn_type", ["anthropic", "cohere", "replicate"])
def test_a_connection_of_a_providers_own_type_needs_a_model(
    monkeypatch: pytest.MonkeyPatch, conn_type: str
) -> None:
    connect(monkeypatch, "mine", conn_type=conn_type, password="k3y")
    with pytest.raises(SettingsError, match="names no model"):
        chat_of(llm="mine")
    connect(monkeypatch, "mine", conn_type=conn_type, password="k3y", extra={"model": "m"})
    assert (chat_of(llm="mine").provider, chat_of(llm="mine").model) == (conn_type, "m")


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"conn_type": "generic", "host": "llm.test"}, "https://llm.test/"),
        ({"conn_type": "http", "schema": "http", "host": "127.0.0.1", "port": 8080}, "http://127.0.0.1:8080/"),
        ({"conn_type": "http", "extra": {"base_url": "http://vllm:8000/v1"}}, "http://vllm:8000/v1"),
    ],
)
def test_where_no_provider_package_is_installed_general_types_serve(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], address: str
) -> None:
    connect(monkeypatch, "mine", **fields)
    chat = chat_of(llm="mine")
    assert (chat.provider, str(chat.base_url)) == ("openai", address)


def test_a_preset_is_a_field_of_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"preset": "together", "model": "m"}
    connect(monkeypatch, "wellread_chat", conn_type="openai", password="k3y", extra=extra)
    assert (chat_of().preset, chat_of().base_url) == ("together", None)


def test_a_misspelt_limit_is_refused_with_the_field_that_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"request_per_minute": 5}
    connect(monkeypatch, "wellread_chat", conn_type="openai", password="k3y", extra=extra)
    with pytest.raises(SettingsError, match="Did you mean 'requests_per_minute'") as caught:
        chat_of()
    assert "k3y" not in str(caught.value)


def test_a_connection_keeps_what_the_settings_say_of_the_same_model_but_no_key_and_no_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = settings_with(
        chat={"provider": "openai", "model": "m", "seed": 7, "api_key": "0ther", "base_url": "http://other.test"}
    )
    connect(monkeypatch, "wellread_chat", conn_type="openai", password="k3y")
    chat = chat_of(settings)
    assert (chat.model, chat.seed, chat.base_url) == ("m", 7, None)
    assert chat.api_key.get_secret_value() == "k3y"
    connect(monkeypatch, "wellread_chat", conn_type="openai", password="k3y", extra={"model": "another"})
    assert chat_of(settings).seed is None


def test_a_providers_key_does_not_go_to_another_server_that_the_settings_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(monkeypatch, "wellread_openai", conn_type="openai", password="k3y")
    own = settings_with(chat={"provider": "openai", "model": "m"})
    assert chat_of(own).api_key.get_secret_value() == "k3y"
    other = settings_with(chat={"provider": "openai", "model": "m", "base_url": "http://vllm.test/v1"})
    assert "chat" not in connection_overrides(other)


def test_fallbacks_are_connections_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("first", "second"):
        connect(monkeypatch, name, conn_type="anthropic", password=f"k3y-{name}", extra={"model": name})
    base = settings_with(chat={"provider": "openai", "model": "m", "api_key": "k"})
    chat = chat_of(base, fallbacks=("first", "second"))
    assert chat.model == "m"
    assert [one.model for one in chat.fallbacks] == ["first", "second"]
    assert chat.fallbacks[1].api_key.get_secret_value() == "k3y-second"


def test_a_rerank_connection_says_who_reranks(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "wellread_rerank", conn_type="cohere", password="k3y", extra={"model": "rerank-v4"})
    rerank = applied(load_settings()).rerank
    assert (rerank.provider, rerank.model) == ("cohere", "rerank-v4")
    assert rerank.api_key is not None
    connect(monkeypatch, "tei", conn_type="http", schema="http", host="tei.test", port=80, extra={"model": "bge"})
    rerank = applied(load_settings(), rerank="tei").rerank
    assert (rerank.provider, str(rerank.base_url)) == ("http", "http://tei.test/")


def test_a_cohere_key_serves_the_reranker_that_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "wellread_cohere", conn_type="cohere", password="k3y")
    rerank = applied(settings_with(rerank={"provider": "cohere"})).rerank
    assert rerank.api_key is not None
    assert rerank.api_key.get_secret_value() == "k3y"


def test_connection_ids_survive_the_way_through_a_triggers_arguments() -> None:
    ids = ConnectionIds(llm="a", fallbacks=("b", "c"))
    assert ConnectionIds.from_dict(json.loads(json.dumps(ids.as_dict()))) == ids
