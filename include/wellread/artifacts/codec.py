"""Values as bytes and back: frozen dataclasses, tuples and mappings of them, as compact JSON.

Both directions run in pydantic's compiled core, so that a document of thousands of chunks takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from wellread.artifacts.protocol import ArtifactStore
from wellread.errors import SystemicError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


def encode(value: object) -> bytes:
    """A value as UTF-8 JSON; equal values give equal bytes. Raises ``SystemicError`` for what JSON cannot hold."""
    from pydantic_core import PydanticSerializationError, to_json

    try:
        return to_json(value)
    except (PydanticSerializationError, UnicodeEncodeError) as error:
        raise SystemicError(
            f"to encode a {type(value).__name__} as an artifact",
            found=str(error),
            remedy="Artifacts hold dataclasses, mappings, sequences, text without lone surrogates, and numbers",
        ) from error


def decode(kind: type[T], content: bytes) -> T:
    """The value again, checked against its type, such as ``tuple[Chunk, ...]``. Raises ``SystemicError``."""
    from pydantic import ValidationError

    try:
        return cast("T", _adapter(cast("Hashable", kind)).validate_json(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise SystemicError(
            f"an artifact that holds {kind}",
            found=f"{error.error_count()} faults, the first: {first['msg']} at {first['loc']}",
            remedy="It was written by another version of Wellread: use that one, or ingest the document again",
        ) from error


def put_json(store: ArtifactStore, kind: str, value: object) -> str:
    """Encode and store a value; the reference comes back."""
    return store.put(kind, encode(value))


def get_json(store: ArtifactStore, kind: type[T], reference: str) -> T:
    """Read and decode the value of a reference."""
    return decode(kind, store.get(reference))


@lru_cache(maxsize=64)
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(cast("type[Any]", kind))
