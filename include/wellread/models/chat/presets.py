"""Servers of OpenAI's protocol that are known by name: address, key, headers and abilities.

A ``base_url`` with a path is used as it is. One without a path is scheme and host only (a resource, a workspace,
a proxy), and the preset's path is appended. Words in braces are environment variables; ``|`` names a substitute.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from wellread.errors import SettingsError
from wellread.models.chat.settings import ChatModelSettings, Preset, Structure
from wellread.models.credentials import header_values, provider_key, redacted

OPENAI_URL = "https://api.openai.com/v1"
OutputLimit = Literal["max_tokens", "max_completion_tokens"]
_VARIABLE = re.compile(r"\{([A-Z_|]+)\}")


@dataclass(frozen=True, slots=True)
class PresetFacts:
    """What is known of a server by its name."""

    origin: str | None
    """Scheme and host; ``None`` where every deployment has its own and no variable names it."""
    path: str = "/v1"
    key_variables: tuple[str, ...] = ()
    key_header: str = "Authorization"
    """``Authorization`` carries ``Bearer KEY``, any other header the bare key."""
    needs_key: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    structure: Structure = "schema"
    """How structured output is asked for where the settings do not say."""
    has_batches: bool = False
    output_limit: OutputLimit = "max_tokens"
    """OpenAI's reasoning models refuse ``max_tokens``; older servers ignore ``max_completion_tokens``."""
    is_paid_by_tokens: bool = True
    """False where the machine is paid for, so that no price list holds."""


PRESETS: Mapping[Preset, PresetFacts] = {
    # The v1 API takes the plain client and no api-version; the key goes as AzureOpenAI of the SDK sends it.
    "azure": PresetFacts(
        origin="{AZURE_OPENAI_ENDPOINT}",
        path="/openai/v1",
        key_variables=("AZURE_OPENAI_API_KEY",),
        key_header="api-key",
        has_batches=True,
        output_limit="max_completion_tokens",
    ),
    "databricks": PresetFacts(
        origin="{DATABRICKS_HOST}", path="/serving-endpoints", key_variables=("DATABRICKS_TOKEN",)
    ),
    "huggingface": PresetFacts(origin="https://router.huggingface.co", key_variables=("HF_TOKEN",)),
    "vllm": PresetFacts(
        origin="http://127.0.0.1:8000",
        key_variables=("VLLM_API_KEY",),
        needs_key=False,
        is_paid_by_tokens=False,
    ),
    "ollama": PresetFacts(
        origin="http://127.0.0.1:11434",
        key_variables=("OLLAMA_API_KEY",),
        needs_key=False,
        is_paid_by_tokens=False,
    ),
    "llama-cpp": PresetFacts(
        origin="http://127.0.0.1:8080",
        key_variables=("LLAMA_API_KEY",),
        needs_key=False,
        is_paid_by_tokens=False,
    ),
    "anyscale": PresetFacts(
        origin="{ANYSCALE_BASE_URL}", key_variables=("ANYSCALE_API_KEY",), is_paid_by_tokens=False
    ),
    "modal": PresetFacts(origin=None, key_variables=("MODAL_PROXY_TOKEN",), is_paid_by_tokens=False),
    "runpod": PresetFacts(
        origin="https://api.runpod.ai",
        path="/v2/{RUNPOD_ENDPOINT_ID}/openai/v1",
        key_variables=("RUNPOD_API_KEY",),
        is_paid_by_tokens=False,
    ),
    "together": PresetFacts(origin="https://api.together.xyz", key_variables=("TOGETHER_API_KEY",)),
    "vercel": PresetFacts(
        origin="https://ai-gateway.vercel.sh", key_variables=("AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN")
    ),
    # A proxy in front of OpenAI: the account is OpenAI's, Helicone-Auth says whose log it is.
    "helicone": PresetFacts(
        origin="https://oai.helicone.ai",
        key_variables=("OPENAI_API_KEY",),
        headers={"Helicone-Auth": "Bearer {HELICONE_API_KEY}"},
        has_batches=True,
        output_limit="max_completion_tokens",
    ),
    "bedrock": PresetFacts(
        origin="https://bedrock-runtime.{AWS_REGION|AWS_DEFAULT_REGION}.amazonaws.com",
        path="/openai/v1",
        key_variables=("AWS_BEARER_TOKEN_BEDROCK",),
        # Some of its models take no schema, and which ones changes: asking in words works with all of them.
        structure="prompt",
        output_limit="max_completion_tokens",
    ),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go and what they carry."""

    base_url: str
    key: SecretStr | None
    """``None``: the server asks for none, or ``headers`` hold it."""
    key_header: str
    headers: Mapping[str, SecretStr]
    query: Mapping[str, str]

    def redact(self, text: str) -> str:
        """``text`` without the secrets that a server may have repeated in it."""
        secrets = [header.get_secret_value() for header in self.headers.values()]
        return redacted(text, [*secrets, self.key.get_secret_value()] if self.key is not None else secrets)


def facts_of(settings: ChatModelSettings) -> PresetFacts:
    """What is known of the server that ``settings`` name. Without a preset OpenAI is believed at any address."""
    if settings.preset is not None:
        return PRESETS[settings.preset]
    own_url = str(settings.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL)
    is_openai = f".{urlsplit(own_url).hostname}".endswith(".openai.com")
    return PresetFacts(
        origin=own_url,
        key_variables=("OPENAI_API_KEY",),
        needs_key=is_openai,
        has_batches=True,
        output_limit="max_completion_tokens" if is_openai else "max_tokens",
    )


def structure_of(settings: ChatModelSettings) -> Structure:
    """How structured output is asked for: as the settings say, else as the preset can, else by a schema."""
    if settings.structure is not None:
        return settings.structure
    return "schema" if settings.preset is None else PRESETS[settings.preset].structure


def resolve_endpoint(settings: ChatModelSettings) -> Endpoint:
    """The address and the headers that ``settings`` mean.

    Raises:
        SettingsError: An address, a key or a header is neither in the settings nor in the environment.
    """
    facts = facts_of(settings)
    base_url = base_url_of(settings)
    asked = f"an answer from {settings.model} ({urlsplit(base_url).hostname})"
    headers = {name: SecretStr(_filled(value, asked=asked)) for name, value in _absent(facts.headers, settings)}
    headers |= {name: SecretStr(value) for name, value in header_values(settings.headers, asked=asked).items()}
    return Endpoint(
        base_url=base_url,
        key=_key(settings, facts, asked=asked),
        key_header=facts.key_header,
        headers=headers,
        query={**facts.query, **settings.query},
    )


def base_url_of(settings: ChatModelSettings) -> str:
    """The whole base URL, without a slash at its end.

    Raises:
        SettingsError: The preset needs a ``base_url`` or a variable that is not there.
    """
    facts = facts_of(settings)
    asked = f"the address of the language model {settings.model} (preset {settings.preset or 'none'})"
    origin = str(settings.base_url) if settings.base_url is not None else facts.origin
    if origin is None:
        raise SettingsError(asked, found="no base_url", remedy="Set base_url: every deployment has its own.")
    origin = _filled(origin, asked=asked).rstrip("/")
    if "://" not in origin:
        origin = f"https://{origin}"  # DATABRICKS_HOST is often written without.
    if urlsplit(origin).path or (settings.preset is None and settings.base_url is not None):
        return origin
    return origin + _filled(facts.path, asked=asked)


def _absent(wanted: Mapping[str, str], settings: ChatModelSettings) -> Iterable[tuple[str, str]]:
    given = {name.lower() for name in settings.headers}
    return ((name, value) for name, value in wanted.items() if name.lower() not in given)


def _key(settings: ChatModelSettings, facts: PresetFacts, *, asked: str) -> SecretStr | None:
    for variable in facts.key_variables:
        key = provider_key(settings.api_key, variable=variable, asked=asked)
        if key:
            return SecretStr(key)
    carried = {name.lower() for name in settings.headers}
    if facts.needs_key and not carried & {facts.key_header.lower(), "authorization"}:
        raise SettingsError(
            asked, found="no key", remedy=f"Set api_key, or {' or '.join(facts.key_variables)} in the environment."
        )
    return None


def _filled(template: str, *, asked: str) -> str:
    def value(match: re.Match[str]) -> str:
        names = match[1].split("|")
        for name in names:
            if os.environ.get(name):
                return os.environ[name]
        raise SettingsError(
            asked,
            found=f"{' and '.join(names)} not set in the environment",
            remedy="Set it, or write the whole base_url (or the header) into the settings.",
        )

    return _VARIABLE.sub(value, template)
