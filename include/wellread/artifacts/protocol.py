"""Immutable blobs, addressed by what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class ArtifactStore(Protocol):
    """Big data that never goes through XCom: elements, chunks, plans, reports, raw responses.

    A reference is ``<kind>/<sha256>``; with :meth:`uri` it becomes absolute. Writing is idempotent and
    atomic: a reader sees the whole blob or none. Raises ``StorageFullError``, ``TransientError``.
    """

    def put(self, kind: str, content: bytes) -> str:
        """Store bytes (compressed inside) and return their reference."""

    def get(self, reference: str) -> bytes:
        """The bytes again, hash verified. Raises ``SystemicError`` when missing or damaged."""

    def exists(self, reference: str) -> bool:
        """Whether the blob is there."""

    def delete(self, reference: str) -> None:
        """Remove a blob; one that is gone is no error."""

    def references(self) -> Iterator[str]:
        """Every blob that is there, in no order; one that comes or goes meanwhile may be left out."""

    def uri(self, reference: str) -> str:
        """The absolute address, for XComs and asset events."""
