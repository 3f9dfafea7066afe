"""Weaviate's failures in this project's words: what a retry can do decides the class."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from wellread.errors import (
    AuthenticationError,
    SchemaMismatchError,
    StorageFullError,
    SystemicError,
    TransientError,
    WellreadError,
)

_FULL = ("read-only", "readonly", "no space left on device", "disk usage too high")
_PASSING = (
    "context deadline exceeded",
    "context canceled",
    "deadline exceeded",
    "memory pressure",
    "not enough memory",
    "cannot allocate memory",
    "shutting down",
    "shutdown",
    "connection refused",
    "leader not found",
    "too many requests",
)
_MISSING = ("could not find class", "class not found", "does not exist in schema", "no such class")
_TRANSIENT_CODES = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "ABORTED"})
_REFUSED_KEY_CODES = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "HTTP 401", "HTTP 403"})


class CallFailedError(Exception):
    """A gRPC call that ended without an answer; never leaves this room.

    Not a ``grpc.RpcError`` on purpose: the client repeats those by itself, writes included.
    """

    def __init__(self, code: str, details: str) -> None:
        super().__init__(f"{code}: {details}")
        self.code = code
        self.details = details


def key_was_refused(code: str, details: str) -> bool:
    """Whether the server turned the caller away. Over gRPC it says so in words, under the code UNKNOWN."""
    return code in _REFUSED_KEY_CODES or details.startswith("extract auth: unauthorized")


def storage_is_full(message: str) -> bool:
    """Whether the server said that it takes no writes for want of space."""
    lowered = message.lower()
    return any(sign in lowered for sign in _FULL)


def may_pass(message: str) -> bool:
    """Whether the server's message names a state that ends by itself."""
    lowered = message.lower()
    return any(sign in lowered for sign in _PASSING)


def storage_full_error(asked: str, message: str) -> StorageFullError:
    """The typed error for a shard that went read-only."""
    return StorageFullError(
        asked,
        found=f"the server takes no writes: {message}",
        remedy="Free space on the server's disk, then set the shard to READY or restart the server",
    )


def typed_failure(asked: str, code: str, details: str) -> WellreadError:
    """The error of a failed call. ``code`` is a gRPC status name or ``HTTP <number>``."""
    if key_was_refused(code, details):
        return AuthenticationError(
            asked, found=f"the server refused the key ({code})", remedy="Set the API key that the server knows"
        )
    if storage_is_full(details):
        return storage_full_error(asked, details)
    if any(sign in details.lower() for sign in _MISSING):
        return SchemaMismatchError(
            asked,
            found=f"the physical collection is missing: {details}",
            remedy="Read the head again; if it still names this collection, rebuild it from the ledger",
        )
    if code in _TRANSIENT_CODES or code in {"HTTP 429", "HTTP 502", "HTTP 503", "HTTP 504"} or may_pass(details):
        return TransientError(asked, found=f"{code}: {details}", remedy="Try again; check that the server is up")
    return SystemicError(
        asked,
        found=f"{code}: {details}",
        remedy="Look into the server's log; this request will fail again as it is",
    )


@contextmanager
def translated(asked: str) -> Iterator[None]:
    """Turns every failure of the client inside the block into a ``WellreadError``."""
    import httpx
    from weaviate.exceptions import UnexpectedStatusCodeError, WeaviateBaseError, WeaviateTimeoutError

    try:
        yield
    except CallFailedError as error:
        raise typed_failure(asked, error.code, error.details) from error
    except UnexpectedStatusCodeError as error:
        raise typed_failure(asked, f"HTTP {error.status_code}", str(error.error or error.message)) from error
    except (WeaviateTimeoutError, httpx.TransportError) as error:
        raise typed_failure(asked, "UNAVAILABLE", str(error) or type(error).__name__) from error
    except WeaviateBaseError as error:
        code = "UNAVAILABLE" if "Connection" in type(error).__name__ else type(error).__name__
        raise typed_failure(asked, code, error.message) from error
