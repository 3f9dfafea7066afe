"""One connection to Weaviate: no hidden retries of writes, no calls to anywhere else, typed failures."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tenacity

from wellread.errors import AuthenticationError, ServerUnavailableError
from wellread.stores.settings import StoreSettings
from wellread.stores.weaviate_errors import CallFailedError

if TYPE_CHECKING:
    from weaviate import WeaviateClient

_WRITES = ("BatchObjects", "BatchDelete")
_READS = ("Search", "Aggregate")
_OPENING = "non-existing index"
"""What a read meets in the moment between a collection's name and its index, where another process just made it."""
_OPENING_SECONDS = 10.0


def open_client(settings: StoreSettings) -> WeaviateClient:
    """A connected client whose every gRPC call is sent exactly once.

    Raises:
        ServerUnavailableError: REST or gRPC cannot be reached, or what answers is no Weaviate.
        AuthenticationError: The server refused the key.
    """
    _check_grpc_port(settings)
    client = _unconnected(settings)
    try:
        _connect(client, settings)
    except BaseException:
        client.close()
        raise
    _send_once(client)
    return client


def _unconnected(settings: StoreSettings) -> WeaviateClient:
    with warnings.catch_warnings():  # importing the client switches every warning of the process on
        from weaviate import WeaviateClient
    from weaviate.auth import Auth
    from weaviate.classes.init import AdditionalConfig, Timeout
    from weaviate.config import GrpcConfig
    from weaviate.connect import ConnectionParams

    key = settings.api_key
    return WeaviateClient(
        connection_params=ConnectionParams.from_params(
            http_host=settings.http_host,
            http_port=settings.http_port,
            http_secure=settings.http_secure,
            grpc_host=settings.grpc_host,
            grpc_port=settings.grpc_port,
            grpc_secure=settings.grpc_secure,
        ),
        auth_client_secret=None if key is None else Auth.api_key(key.get_secret_value()),
        additional_config=AdditionalConfig(
            timeout=Timeout(
                init=settings.init_seconds, query=settings.query_seconds, insert=settings.insert_seconds
            ),
            grpc_config=GrpcConfig(channel_options=[("grpc.enable_retries", 0)]),
        ),
        # The checks would ask a public package index for a newer client.
        skip_init_checks=True,
    )


def _connect(client: WeaviateClient, settings: StoreSettings) -> None:
    import httpx
    from weaviate.exceptions import UnexpectedStatusCodeError, WeaviateBaseError

    asked = f"Connect to Weaviate at {settings.http_host}:{settings.http_port}"
    try:
        client.connect()
    except UnexpectedStatusCodeError as error:
        if error.status_code in {401, 403}:
            raise AuthenticationError(
                asked,
                found=f"the server refused the key (HTTP {error.status_code})",
                remedy="Set the API key that this server knows",
            ) from error
        raise _unavailable(asked, str(error)) from error
    except (WeaviateBaseError, httpx.HTTPError, ValueError, KeyError) as error:
        # ValueError and KeyError: something answers on that port, but not with Weaviate's meta data.
        raise _unavailable(asked, str(error) or type(error).__name__) from error


def _check_grpc_port(settings: StoreSettings) -> None:
    """The client would notice a closed gRPC port only at its first search."""
    address = (settings.grpc_host, settings.grpc_port)
    try:
        socket.create_connection(address, timeout=settings.init_seconds).close()
    except OSError as error:
        asked = f"Connect to Weaviate's gRPC port at {settings.grpc_host}:{settings.grpc_port}"
        raise _unavailable(asked, str(error)) from error


def _unavailable(asked: str, found: str) -> ServerUnavailableError:
    return ServerUnavailableError(
        asked, found=found, remedy="Start the server (`wellread server start`) or correct its address"
    )


def _send_once(client: WeaviateClient) -> None:
    # The client repeats a call that ended UNAVAILABLE, writes too (insert_many: twice, no setting). A write
    # whose connection was cut may have been stored, and repeating it leaves objects outside the vector index.
    # So the error is given another type before the client's retry loop sees it.
    stub: Any = client._connection.grpc_stub  # noqa: SLF001  # the client offers no other place for this
    for name in _WRITES:
        setattr(stub, name, _one_shot(getattr(stub, name)))
    for name in _READS:
        setattr(stub, name, _once_open(_one_shot(getattr(stub, name))))


def _once_open(read: Callable[..., Any]) -> Callable[..., Any]:
    """A read that waits for a collection which another process is making at this moment."""
    return tenacity.retry(
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, CallFailedError) and _OPENING in error.details
        ),
        stop=tenacity.stop_after_delay(_OPENING_SECONDS),
        wait=tenacity.wait_fixed(0.05),
        reraise=True,
    )(read)


def _one_shot(call: Callable[..., Any]) -> Callable[..., Any]:
    import grpc  # type: ignore[import-untyped]  # the package ships no types

    def sent_once(*args: Any, **kwargs: Any) -> Any:
        try:
            answer = call(*args, **kwargs)
        except grpc.RpcError as error:
            # The RpcErrors that a unary call raises are calls themselves, with code() and details().
            raise CallFailedError(error.code().name, str(error.details())) from error
        if answer is None:  # seen once, in a process that had been stopped and woken: it may have been carried out
            raise CallFailedError("UNKNOWN", "the call ended without an error and without an answer")
        return answer

    return sent_once
