"""Airflow connections of language models and rerankers, as settings.

Type, host, port and password say who is asked, where, and with which key; ``extra`` holds the other fields of
``ChatModelSettings`` (``model``, ``preset``, ``headers``, ``requests_per_minute``, ...). Where no provider package
brings a type, ``generic`` or ``http`` serve, with ``provider`` in the extra.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk.log import mask_secret

from wellread.errors import SettingsError

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from wellread.models.chat.settings import ChatSettings, RerankSettings

CHAT_CONN_ID = "wellread_chat"
RERANK_CONN_ID = "wellread_rerank"
PROVIDER_CONN_IDS = {
    "openai": "wellread_openai",
    "cohere": "wellread_cohere",
    "anthropic": "wellread_anthropic",
    "replicate": "wellread_replicate",
}
_ANY_TYPE = ("generic", "http")
CHAT_TYPES = (*PROVIDER_CONN_IDS, *_ANY_TYPE)
RERANK_TYPES = ("cohere", *_ANY_TYPE)
_REACH = {"preset", "base_url", "api_key", "headers", "query"}
"""Who gets the key, and the key: taken from one place as a whole, or a key goes to another one's server."""
_NOT_OURS = {"provider", "openai_client_kwargs"}
"""Of an extra: read here, or the openai provider's own."""

Find = Callable[[str | None, str, Collection[str]], "Connection | None"]
"""(id that was named, conventional id, allowed types) -> the connection, if there is one."""


def chat_overrides(
    chat: ChatSettings, find: Find, *, llm_conn_id: str | None, fallback_conn_ids: Collection[str]
) -> dict[str, Any] | None:
    """The whole room ``chat`` as connections change it; ``None`` where none does. Raises ``SettingsError``."""
    room: dict[str, Any] | None = None
    primary = find(llm_conn_id, CHAT_CONN_ID, CHAT_TYPES)
    if primary is not None:
        room = _joined(chat, chat_fields(primary))
    elif chat.provider is not None and not any((chat.preset, chat.base_url, chat.api_key, chat.headers)):
        own = find(None, PROVIDER_CONN_IDS[chat.provider], CHAT_TYPES)
        room = None if own is None else {**chat.model_dump(), **reach(own)}
    if fallback_conn_ids:
        found = [find(conn_id, "", CHAT_TYPES) for conn_id in fallback_conn_ids]
        fallbacks = tuple(chat_fields(connection) for connection in found if connection is not None)
        room = {**(room if room is not None else chat.model_dump()), "fallbacks": fallbacks}
    return room


def rerank_overrides(rerank: RerankSettings, find: Find, *, rerank_conn_id: str | None) -> dict[str, Any] | None:
    """The whole room ``rerank`` as connections change it; ``None`` where none does. Raises ``SettingsError``."""
    connection = find(rerank_conn_id, RERANK_CONN_ID, RERANK_TYPES)
    if connection is not None:
        return _joined(rerank, _rerank_fields(connection))
    if rerank.provider != "cohere" or rerank.base_url or rerank.api_key:
        return None
    own = find(None, PROVIDER_CONN_IDS["cohere"], RERANK_TYPES)
    if own is None:
        return None
    return rerank.model_dump() | {name: value for name, value in reach(own).items() if name != "headers"}


def _joined(settings: ChatSettings | RerankSettings, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a connection says on top of the settings, as far as these speak of the same model."""
    is_same = (
        settings.provider in {None, fields["provider"]} and fields.get("model", settings.model) == settings.model
    )
    around = {"retry", "fallbacks", "degraded"}
    kept = settings.model_dump(exclude=_REACH) if is_same else settings.model_dump(include=around)
    return {**kept, **fields}


def chat_fields(connection: Connection) -> dict[str, Any]:
    """The fields of ``ChatModelSettings`` that a connection gives. Raises ``SettingsError``."""
    from wellread.models.chat.settings import ChatModelSettings

    extra = connection.extra_dejson
    is_typed = connection.conn_type in PROVIDER_CONN_IDS
    provider = extra.get("provider") or (connection.conn_type if is_typed else "openai")
    known = set(ChatModelSettings.model_fields) - {"provider"}
    fields = {"provider": provider, **_known(connection, known), **reach(connection)}
    if provider != "openai" and "model" not in fields:
        raise refused(connection, "it names no model", "Name the model in the extra: model.")
    return fields


def _rerank_fields(connection: Connection) -> dict[str, Any]:
    from wellread.models.chat.settings import RerankSettings

    provider = connection.extra_dejson.get("provider") or ("cohere" if connection.conn_type == "cohere" else "http")
    known = set(RerankSettings.model_fields) - {"provider", "retry"}
    return {"provider": provider, **_known(connection, known), **reach(connection)}


def reach(connection: Connection) -> dict[str, Any]:
    """Key, address and headers of a model's provider; what is empty is left out.

    Airflow hides a connection's password in logs by itself, headers only from here on.
    """
    extra = connection.extra_dejson
    client = extra.get("openai_client_kwargs") or {}
    headers = extra.get("headers") or {}
    key = connection.password or extra.get("api_key") or client.get("api_key")
    for secret in (key, *headers.values()):
        if secret:
            mask_secret(str(secret))
    fields = {
        "api_key": key,
        "base_url": extra.get("base_url") or client.get("base_url") or address_of(connection),
        "headers": headers,
    }
    return {name: value for name, value in fields.items() if value}


def address_of(connection: Connection) -> str | None:
    """The host as a URL: written as one by hand, or in the fields of the http type."""
    if not connection.host or "://" in connection.host:
        return connection.host or None
    port = f":{connection.port}" if connection.port else ""
    return f"{connection.schema or 'https'}://{connection.host}{port}"


def _known(connection: Connection, known: Collection[str]) -> dict[str, Any]:
    """The extra's fields, without the empty ones of a form. An unknown one is refused: it may have been a limit."""
    extra = connection.extra_dejson
    unknown = sorted(name for name in extra if name not in known and name not in _NOT_OURS)
    if unknown:
        close = difflib.get_close_matches(unknown[0], sorted(known), n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(sorted(known))}."
        raise refused(connection, f"its extra has the unknown field {unknown[0]!r}", hint)
    return {name: value for name, value in extra.items() if name in known and value not in (None, "")}


def refused(connection: Connection, found: str, remedy: str) -> SettingsError:
    """The error for a connection that cannot be used."""
    return SettingsError(f"use the Airflow connection {connection.conn_id!r}", found=found, remedy=remedy)
