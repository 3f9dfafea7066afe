"""Every preset through the official client over a real connection: path, query, headers and credentials.

Only scheme and host are replaced by the testing server's: by a ``base_url`` without a path, or by the variable that
names the host. So the path that is asserted is the preset's own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from wellread.errors import SettingsError, WellreadError
from wellread.models.chat.openai_chat import OpenAIChat
from wellread.models.chat.presets import PRESETS, base_url_of
from wellread.models.chat.protocol import ChatMessage, ChatRequest, ChatSchema
from wellread.models.chat.settings import ChatModelSettings
from wellread.testing.provider_server import ProviderServer, RecordedRequest, provider_server
from wellread.workspace.settings import load_settings

KEY = "key-31337-secret"
ASKED = ChatRequest(
    (ChatMessage("user", "Where is the mill?"),),
    schema=ChatSchema(
        "answer",
        {
            "type": "object",
            "properties": {"found": {"type": "boolean"}},
            "required": ["found"],
            "additionalProperties": False,
        },
    ),
)


@dataclass(frozen=True)
class Case:
    preset: str
    path: str
    key_variable: str
    address: str
    """What it is without any ``base_url``; empty where every deployment has its own."""
    host_variable: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    key_header: str = "authorization"
    structure: str = "json_schema"
    output_limit: str = "max_tokens"
    batches: bool = False


CASES = [
    Case(
        "azure",
        "/openai/v1/chat/completions",
        "AZURE_OPENAI_API_KEY",
        "https://mine.openai.azure.com/openai/v1",
        host_variable="AZURE_OPENAI_ENDPOINT",
        variables={"AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com/"},
        key_header="api-key",
        output_limit="max_completion_tokens",
        batches=True,
    ),
    Case(
        "databricks",
        "/serving-endpoints/chat/completions",
        "DATABRICKS_TOKEN",
        "https://dbc-1.cloud.databricks.com/serving-endpoints",
        host_variable="DATABRICKS_HOST",
        variables={"DATABRICKS_HOST": "dbc-1.cloud.databricks.com"},
    ),
    Case("huggingface", "/v1/chat/completions", "HF_TOKEN", "https://router.huggingface.co/v1"),
    Case("vllm", "/v1/chat/completions", "VLLM_API_KEY", "http://127.0.0.1:8000/v1"),
    Case("ollama", "/v1/chat/completions", "OLLAMA_API_KEY", "http://127.0.0.1:11434/v1"),
    Case("llama-cpp", "/v1/chat/completions", "LLAMA_API_KEY", "http://127.0.0.1:8080/v1"),
    Case(
        "anyscale",
        "/v1/chat/completions",
        "ANYSCALE_API_KEY",
        "https://service-1.anyscaleuserdata.com/v1",
        host_variable="ANYSCALE_BASE_URL",
        variables={"ANYSCALE_BASE_URL": "https://service-1.anyscaleuserdata.com"},
    ),
    Case("modal", "/v1/chat/completions", "MODAL_PROXY_TOKEN", ""),
    Case(
        "runpod",
        "/v2/end-1/openai/v1/chat/completions",
        "RUNPOD_API_KEY",
        "https://api.runpod.ai/v2/end-1/openai/v1",
        variables={"RUNPOD_ENDPOINT_ID": "end-1"},
    ),
    Case("together", "/v1/chat/completions", "TOGETHER_API_KEY", "https://api.together.xyz/v1"),
    Case("vercel", "/v1/chat/completions", "AI_GATEWAY_API_KEY", "https://ai-gateway.vercel.sh/v1"),
    Case(
        "helicone",
        "/v1/chat/completions",
        "OPENAI_API_KEY",
        "https://oai.helicone.ai/v1",
        variables={"HELICONE_API_KEY": "sk-helicone-1"},
        headers={"helicone-auth": "Bearer sk-helicone-1"},
        output_limit="max_completion_tokens",
        batches=True,
    ),
    Case(
        "bedrock",
        "/openai/v1/chat/completions",
        "AWS_BEARER_TOKEN_BEDROCK",
        "https://bedrock-runtime.eu-central-1.amazonaws.com/openai/v1",
        variables={"AWS_DEFAULT_REGION": "eu-central-1"},
        structure="text",
        output_limit="max_completion_tokens",
    ),
]
BY_NAME = {case.preset: case for case in CASES}


@pytest.fixture(scope="module")
def server() -> Iterator[ProviderServer]:
    with provider_server() as running:
        yield running


@pytest.fixture(params=CASES, ids=lambda case: case.preset)
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Case:
    given: Case = request.param
    for name in {name for one in CASES for name in (one.key_variable, *one.variables)} | {"AWS_REGION"}:
        monkeypatch.delenv(name, raising=False)
    # Whatever else stands in the environment must not travel to another server.
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-openai-itself")
    monkeypatch.setenv("OPENAI_ORG_ID", "organization-of-openai-itself")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-openai-itself")
    for name, value in given.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(given.key_variable, KEY)
    return given


def settings(preset: str, **given: Any) -> ChatModelSettings:
    return ChatModelSettings.model_validate({"provider": "openai", "preset": preset, "model": "model-1", **given})


def sent(server: ProviderServer, chat: OpenAIChat) -> RecordedRequest:
    chat.read(chat.ask(ASKED).body)
    chat.close()
    return server.requests()[-1]


def test_every_preset_has_a_case() -> None:
    assert set(BY_NAME) == set(PRESETS)


def test_a_request_arrives_where_the_server_expects_it(
    case: Case, server: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: dict[str, Any] = {} if case.host_variable else {"base_url": server.url}
    if case.host_variable:
        monkeypatch.setenv(case.host_variable, server.url)
    request = sent(server, OpenAIChat(settings(case.preset, **where)))
    assert (request.method, request.path, request.query) == ("POST", case.path, {})
    expected = KEY if case.key_header == "api-key" else f"Bearer {KEY}"
    assert request.headers[case.key_header] == expected
    if case.key_header != "authorization":
        assert "authorization" not in request.headers
    assert request.headers.items() >= case.headers.items()
    assert request.headers["user-agent"].startswith("OpenAI/Python")
    assert case.preset == "helicone" or "of-openai-itself" not in str(request.headers)
    assert request.body["model"] == "model-1"
    assert request.body[case.output_limit] == 1024
    assert request.body.get("response_format", {"type": "text"})["type"] == case.structure


def test_the_address_is_the_providers_own(case: Case) -> None:
    if case.address:
        assert base_url_of(settings(case.preset)) == case.address
    else:
        with pytest.raises(SettingsError, match="Set base_url"):
            base_url_of(settings(case.preset))


def test_batches_are_offered_only_where_there_are_some(case: Case) -> None:
    chat = OpenAIChat(settings(case.preset, base_url="http://127.0.0.1:9"))
    assert (chat.batches is not None) == case.batches


def test_headers_and_query_of_the_settings_travel_along(case: Case, server: ProviderServer) -> None:
    given = {
        "base_url": server.url,
        "headers": {"X-Cost-Centre": "17", "Helicone-Property-Team": "law", "Helicone-Cache-Enabled": "true"},
        "query": {"api-version": "preview"},
    }
    request = sent(server, OpenAIChat(settings(case.preset, **given)))
    assert request.query == {"api-version": "preview"}
    assert request.headers["x-cost-centre"] == "17"
    assert request.headers["helicone-property-team"] == "law"
    assert request.headers["helicone-cache-enabled"] == "true"
    assert request.headers.items() >= case.headers.items()


def test_a_base_url_with_a_path_is_used_as_it_is(case: Case, server: ProviderServer) -> None:
    request = sent(server, OpenAIChat(settings(case.preset, base_url=f"{server.url}/through/a/proxy/v1")))
    assert request.path == "/through/a/proxy/v1/chat/completions"


def test_a_missing_key_names_its_variable(
    case: Case, server: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(case.key_variable)
    chat = OpenAIChat(settings(case.preset, base_url=server.url))
    if PRESETS[case.preset].needs_key:  # type: ignore[index]
        with pytest.raises(SettingsError, match=case.key_variable):
            chat.ask(ASKED)
    else:
        assert sent(server, chat).headers["authorization"] == "Bearer no-key"


@pytest.mark.parametrize("preset", ["azure", "databricks", "anyscale", "bedrock", "runpod"])
def test_a_missing_variable_is_named(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*BY_NAME[preset].variables, "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match=next(iter(BY_NAME[preset].variables))):
        base_url_of(settings(preset))


def test_helicone_needs_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch, server: ProviderServer) -> None:
    monkeypatch.delenv("HELICONE_API_KEY", raising=False)
    with pytest.raises(SettingsError, match="HELICONE_API_KEY"):
        OpenAIChat(settings("helicone", base_url=server.url, api_key=KEY)).ask(ASKED)
    given = {"headers": {"helicone-auth": "Bearer mine"}, "base_url": server.url, "api_key": KEY}
    assert sent(server, OpenAIChat(settings("helicone", **given))).headers["helicone-auth"] == "Bearer mine"


def test_a_token_of_azures_directory_goes_as_a_header_of_the_settings(
    server: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_OPENAI_API_KEY", raising=False)
    given = {"headers": {"Authorization": "Bearer directory-token"}, "base_url": server.url}
    request = sent(server, OpenAIChat(settings("azure", **given)))
    assert request.headers["authorization"] == "Bearer directory-token"
    assert "api-key" not in request.headers


def test_azures_older_addresses_work_with_their_version(server: ProviderServer) -> None:
    given = {
        "base_url": f"{server.url}/openai/deployments/mine",
        "api_key": KEY,
        "query": {"api-version": "2024-10-21"},
    }
    request = sent(server, OpenAIChat(settings("azure", **given)))
    assert request.path == "/openai/deployments/mine/chat/completions"
    assert request.query == {"api-version": "2024-10-21"}


def test_secrets_of_headers_are_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    given = {"headers": {"Helicone-Auth": "Bearer hush-4711"}, "api_key": KEY}
    with provider_server(api_key="another") as server:
        chat = OpenAIChat(settings("helicone", base_url=server.url, **given))
        with pytest.raises(WellreadError) as caught:
            chat.ask(ASKED)
    shown = f"{caught.value!r} {caught.value} {caught.value.as_dict()} {chat!r} {vars(chat)} {caplog.text}"
    assert "4711" not in shown
    assert "31337" not in shown


def test_settings_that_were_loaded_leave_structured_output_to_the_preset(
    server: ProviderServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(BY_NAME["bedrock"].key_variable, KEY)
    environment = {
        "WELLREAD_HOME": str(tmp_path),
        "WELLREAD_CHAT__PROVIDER": "openai",
        "WELLREAD_CHAT__PRESET": "bedrock",
        "WELLREAD_CHAT__BASE_URL": server.url,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    loaded = load_settings({"collection": "Documents"}).chat
    assert "response_format" not in sent(server, OpenAIChat(loaded)).body
    stated = loaded.model_copy(update={"structure": "schema"})
    assert sent(server, OpenAIChat(stated)).body["response_format"]["type"] == "json_schema"
