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
