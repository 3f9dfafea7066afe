"""The only reader of Airflow connections: their fields become settings of a workspace, by Airflow's own types.

An operator without a connection id uses the connection named here if it exists, else the settings of the
deployment (file, ``WELLREAD_*``), else what is embedded: the local Weaviate and the local model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from wellread.errors import SettingsError
from wellread.runs import SourceDeclaration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Connection

    from wellread.workspace import Settings, Workspace

WEAVIATE_CONN_ID = "wellread_weaviate"
MODEL_CONN_IDS = {"openai": "wellread_openai", "cohere": "wellread_cohere"}
_TRUE = {"true", "1", "yes", "on"}


@contextmanager
def opened_workspace(
    *,
    collection: str | None = None,
    weaviate_conn_id: str | None = None,
    model_conn_id: str | None = None,
    report: Callable[[str], None] | None = None,
) -> Iterator[Workspace]:
    """A workspace for one task, closed at its end. Raises ``SettingsError``."""
    from wellread.workspace import Workspace, load_settings

    settings = load_settings(None if collection is None else {"collection": collection})
    overrides = connection_overrides(settings, weaviate_conn_id=weaviate_conn_id, model_conn_id=model_conn_id)
    if collection is not None:
        overrides["collection"] = collection
    with Workspace.open(overrides, report=report, s3_client_for=s3_client_for) as workspace:
        yield workspace


def connection_overrides(
    settings: Settings, *, weaviate_conn_id: str | None = None, model_conn_id: str | None = None
) -> dict[str, Any]:
    """The rooms of ``settings`` that a connection changes, whole.

    Raises ``SettingsError`` for a connection that was named and is not there, or is of another type.
    """
    overrides: dict[str, Any] = {}
    weaviate = _connection(weaviate_conn_id, otherwise=WEAVIATE_CONN_ID, conn_type="weaviate")
    if weaviate is not None:
        overrides["server"] = {**settings.server.model_dump(), **_server_fields(weaviate)}
    provider = settings.embedder.provider
    if provider == "local":
        return overrides
    model = _connection(model_conn_id, otherwise=MODEL_CONN_IDS[provider], conn_type=provider)
    if model is not None:
        embedder = settings.embedder.model_dump()
        embedder[provider] |= _model_fields(model)
        overrides["embedder"] = embedder
    return overrides


def s3_client_for(declaration: SourceDeclaration) -> Any:
    """A boto3 client with the credentials of the declaration's ``aws`` connection; ``None`` without one.

    All ways of the amazon provider to sign in serve: keys, a profile, an assumed role. Raises ``SettingsError``.
    """
    if declaration.connection_id is None:
        return None
    _connection(declaration.connection_id, otherwise="", conn_type="aws")
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from wellread.sources.s3_client import build_s3_client

    hook = S3Hook(aws_conn_id=declaration.connection_id)
    session = hook.get_session()
    keys = session.get_credentials()
    frozen = keys.get_frozen_credentials() if keys is not None else None
    return build_s3_client(
        endpoint_url=declaration.endpoint_url or hook.conn_config.get_service_endpoint_url("s3"),
        region_name=session.region_name,
        access_key_id=frozen.access_key if frozen else None,
        secret_access_key=frozen.secret_key if frozen else None,
        session_token=frozen.token if frozen else None,
    )


def _connection(conn_id: str | None, *, otherwise: str, conn_type: str) -> Connection | None:
    """The named connection, or the conventional one if it exists."""
    try:
        connection = BaseHook.get_connection(conn_id or otherwise)
    except AirflowNotFoundException as error:
        if conn_id is None:
            return None
        raise SettingsError(
            f"use the Airflow connection {conn_id!r}",
            found="there is no such connection",
            remedy=f"Create it with the type {conn_type}, or name another one.",
        ) from error
    if connection.conn_type != conn_type:
        raise SettingsError(
            f"use the Airflow connection {connection.conn_id!r}",
            found=f"its type is {connection.conn_type!r}",
            remedy=f"Make it a connection of the type {conn_type}.",
        )
    return connection


def _server_fields(connection: Connection) -> dict[str, Any]:
    """Host and port as the weaviate provider's form has them; ports default as TLS has it, or as the server has."""
    extra = connection.extra_dejson
    key = extra.get("api_key") or extra.get("token")
    if not connection.host:
        raise _refused(connection, "it names no host", "Fill in the host of the Weaviate server.")
    if not key and (connection.login or connection.password or extra.get("access_token")):
        raise _refused(
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


def _model_fields(connection: Connection) -> dict[str, Any]:
    """Key and address of a model provider; what is empty stays as the settings have it."""
    extra = connection.extra_dejson.get("openai_client_kwargs") or {}
    fields = {
        "api_key": connection.password or extra.get("api_key"),
        "base_url": extra.get("base_url") or connection.host,
    }
    return {name: value for name, value in fields.items() if value}


def _as_bool(extra: Mapping[str, Any], name: str) -> bool:
    """JSON connections carry booleans, URI connections carry words."""
    value = extra.get(name, False)
    return value if isinstance(value, bool) else str(value).strip().lower() in _TRUE


def _refused(connection: Connection, found: str, remedy: str) -> SettingsError:
    return SettingsError(f"use the Airflow connection {connection.conn_id!r}", found=found, remedy=remedy)
