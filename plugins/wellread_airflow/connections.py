"""The only reader of Airflow connections: their fields become settings of a workspace, by Airflow's own types.

An operator without a connection id uses the connection named here if it exists, else the settings of the
deployment (file, ``WELLREAD_*``), else what is embedded: the local Weaviate and the local model.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from wellread.errors import SettingsError
from wellread.runs import SourceDeclaration
from wellread_airflow.model_connections import (
    PROVIDER_CONN_IDS,
    chat_overrides,
    reach,
    refused,
    rerank_overrides,
)

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from wellread.workspace import Settings, Workspace

WEAVIATE_CONN_ID = "wellread_weaviate"
_TRUE = {"true", "1", "yes", "on"}


@dataclass(frozen=True, slots=True)
class ConnectionIds:
    """The Airflow connections that a task was given. ``None``: the conventional one, where it exists."""

    weaviate: str | None = None
    model: str | None = None
    """Of the embedder."""
    llm: str | None = None
    fallbacks: tuple[str, ...] = ()
    rerank: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For a trigger's arguments: ids, no keys."""
        return {**asdict(self), "fallbacks": list(self.fallbacks)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ConnectionIds:
        """The inverse of :meth:`as_dict`."""
        return cls(**{**data, "fallbacks": tuple(data["fallbacks"])})


CONVENTIONAL = ConnectionIds()


@contextmanager
def opened_workspace(
    *,
    collection: str | None = None,
    connections: ConnectionIds = CONVENTIONAL,
    changes: Mapping[str, Any] | None = None,
    report: Callable[[str], None] | None = None,
) -> Iterator[Workspace]:
    """A workspace for one task, closed at its end.

    ``changes``: settings that this task has otherwise, as nested mappings. Raises ``SettingsError``.
    """
    from wellread.workspace import Workspace, load_settings

    settings = load_settings(None if collection is None else {"collection": collection})
    overrides = connection_overrides(settings, connections)
    for room, fields in (changes or {}).items():
        if not isinstance(fields, Mapping):
            overrides[room] = fields  # a setting of no room
            continue
        whole = overrides.get(room) or getattr(settings, room).model_dump()
        overrides[room] = _changed(whole, fields)
    if collection is not None:
        overrides["collection"] = collection
    with Workspace.open(overrides, report=report, s3_client_for=s3_client_for) as workspace:
        yield workspace


def _changed(whole: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    changed = dict(whole)
    for name, value in fields.items():
        changed[name] = _changed(whole[name], value) if isinstance(value, Mapping) else value
    return changed


def connection_overrides(settings: Settings, connections: ConnectionIds = CONVENTIONAL) -> dict[str, Any]:
    """The rooms of ``settings`` that a connection changes, whole.

    Raises ``SettingsError`` for a connection that was named and is not there, or is of another type.
    """
    overrides: dict[str, Any] = {
        "chat": chat_overrides(
            settings.chat, _find, llm_conn_id=connections.llm, fallback_conn_ids=connections.fallbacks
        ),
        "rerank": rerank_overrides(settings.rerank, _find, rerank_conn_id=connections.rerank),
    }
    weaviate = _find(connections.weaviate, WEAVIATE_CONN_ID, ("weaviate",))
    if weaviate is not None:
        overrides["server"] = {**settings.server.model_dump(), **_server_fields(weaviate)}
    provider = settings.embedder.provider
    if provider != "local":
        model = _find(connections.model, PROVIDER_CONN_IDS[provider], (provider,))
        if model is not None:
            embedder = settings.embedder.model_dump()
            embedder[provider] |= reach(model)
            overrides["embedder"] = embedder
    return {room: fields for room, fields in overrides.items() if fields is not None}


def s3_client_for(declaration: SourceDeclaration) -> Any:
    """A boto3 client with the credentials of the declaration's ``aws`` connection; ``None`` without one.

    All ways of the amazon provider to sign in serve: keys, a profile, an assumed role. Raises ``SettingsError``.
    """
    if declaration.connection_id is None:
        return None
    return s3_client_of(declaration.connection_id, endpoint_url=declaration.endpoint_url)


def s3_client_of(conn_id: str, *, endpoint_url: str | None = None) -> Any:
    """A boto3 client with the credentials of a connection of the type aws. Raises ``SettingsError``."""
    found_connection(conn_id, ("aws",))
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from wellread.sources.s3_client import build_s3_client

    hook = S3Hook(aws_conn_id=conn_id)
    session = hook.get_session()
    keys = session.get_credentials()
    frozen = keys.get_frozen_credentials() if keys is not None else None
    return build_s3_client(
        endpoint_url=endpoint_url or hook.conn_config.get_service_endpoint_url("s3"),
        region_name=session.region_name,
        access_key_id=frozen.access_key if frozen else None,
        secret_access_key=frozen.secret_key if frozen else None,
        session_token=frozen.token if frozen else None,
    )


def found_connection(conn_id: str, conn_types: Collection[str]) -> Connection:
    """The named connection. Raises ``SettingsError`` where there is none of these types."""
    connection = _find(conn_id, "", conn_types)
    assert connection is not None  # a named one is found or refused
    return connection


def _find(conn_id: str | None, otherwise: str, conn_types: Collection[str]) -> Connection | None:
    """The named connection, or the conventional one if it exists."""
    try:
        connection = BaseHook.get_connection(conn_id or otherwise)
    except AirflowNotFoundException as error:
        if conn_id is None:
            return None
        raise SettingsError(
            f"use the Airflow connection {conn_id!r}",
            found="there is no such connection",
            remedy=f"Create it with the type {' or '.join(conn_types)}, or name another one.",
        ) from error
    if connection.conn_type not in conn_types:
        raise refused(
            connection,
            f"its type is {connection.conn_type!r}",
            f"Make it a connection of the type {' or '.join(conn_types)}.",
        )
    return connection


def _server_fields(connection: Connection) -> dict[str, Any]:
    """Host and port as the weaviate provider's form has them; ports default as TLS has it, or as the server has."""
    extra = connection.extra_dejson
    key = extra.get("api_key") or extra.get("token")
    if not connection.host:
        raise refused(connection, "it names no host", "Fill in the host of the Weaviate server.")
    if not key and (connection.login or connection.password or extra.get("access_token")):
        raise refused(
            connection,
            "it signs in with a user or a bearer token, which Wellread does not do",
            "Put an API key into the field 'Weaviate API Key' (extra: token).",
        )
    http_secure, grpc_secure = _as_bool(extra, "http_secure"), _as_bool(extra, "grpc_secure")
    return {
        "http_host": connection.host,
        "http_port": connection.port or (443 if http_secure else 8080),
        "http_secure": http_secure,
        "grpc_host": extra.get("grpc_host") or connection.host,
        "grpc_port": extra.get("grpc_port") or (443 if grpc_secure else 50051),
        "grpc_secure": grpc_secure,
        "api_key": key,
    }


def _as_bool(extra: Mapping[str, Any], name: str) -> bool:
    """JSON connections carry booleans, URI connections carry words."""
    value = extra.get(name, False)
    return value if isinstance(value, bool) else str(value).strip().lower() in _TRUE
