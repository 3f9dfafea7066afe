"""What a source must do: list completely and in order, fetch, and look again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from wellread.documents import SourceObject


@dataclass(slots=True)
class Listing:
    """A running listing: iterate ``objects``; only then ``is_complete`` may be read.

    Objects come sorted by ``natural_key.encode("utf-8", "surrogateescape")``, each key once; the caller asserts it.
    """

    objects: Iterator[SourceObject]
    is_complete: bool = False
    """Set by the source when its end was proven. Without it nothing is ever deleted."""
    problems: list[str] = field(default_factory=list)
    """Why it is not complete: each unreadable folder, in words. Grows while the listing runs."""
    skipped: dict[str, int] = field(default_factory=dict)
    """What was passed over by rule, counted by reason: ``hidden``, ``link``, ``special``, ``excluded``, ..."""


class Source(Protocol):
    """A place with documents that we do not own."""

    def list_objects(self) -> Listing:
        """Stream the listing. Raises ``SourceUnavailableError`` or ``AuthenticationError``."""

    def fetch(self, natural_key: str, *, version_token: str | None = None) -> bytes | None:
        """The bytes of one object now, or ``None`` if it is gone.

        ``version_token``: of the listing; a source that keeps versions reads the one that was listed.

        Raises ``TransientError`` when reading failed in a way that may pass, ``DocumentError`` (stage
        ``fetch``) when this one object cannot be read or is above the size limit.
        """

    def exists(self, natural_key: str) -> bool:
        """The second look before a deletion: asked of the object itself, not of a listing."""

    def close(self) -> None:
        """Release connections."""
