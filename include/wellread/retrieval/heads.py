"""The newest head of each collection, remembered for at most two seconds and never going back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wellread.errors import ModelMismatchError, SettingsError, SystemicError
from wellread.models.protocol import Embedder
from wellread.snapshots import Head, ModelIdentity, Snapshot


@dataclass(frozen=True, slots=True)
class _Remembered:
    head: Head
    read_at_seconds: float


class HeadCache:
    """Heads by collection. Safe to share between threads.

    A replica that lags may answer with an older row than one seen before: the newer one stays.
    """

    def __init__(
        self,
        read_head: Callable[[str], Head | None],
        *,
        lifetime_seconds: float = 2.0,
        clock_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_head = read_head
        self._lifetime_seconds = lifetime_seconds
        self._clock_seconds = clock_seconds
        self._remembered: dict[str, _Remembered] = {}
        self._lock = threading.Lock()

    def newest(self, collection: str, *, renew: bool = False) -> Head:
        """The head of a logical collection; ``renew`` reads it however young the remembered one is.

        Raises ``SettingsError`` if there is no such collection.
        """
        asked_at = self._clock_seconds()
        known = self._remembered.get(collection)
        if not renew and known is not None and asked_at - known.read_at_seconds < self._lifetime_seconds:
            return known.head
        found = self._read_head(collection)
        with self._lock:
            known = self._remembered.get(collection)
            if known is not None and (found is None or found.seq < known.head.seq):
                found = known.head
            if found is None:
                raise SettingsError(
                    f"search the collection {collection!r}",
                    found="it does not exist: nothing was ever published to it",
                    remedy="Ingest a source into it, or name another collection.",
                )
            self._remembered[collection] = _Remembered(found, asked_at)
            return found


def check_model(head: Head, identity: ModelIdentity) -> None:
    """Refuse vectors of another model: raises ``ModelMismatchError`` that names what differs."""
    stored, asked = head.projection.model.as_dict(), identity.as_dict()
    different = [name for name in stored if stored[name] != asked[name]]
    if different:
        raise ModelMismatchError(
            f"search the collection {head.projection.collection!r}",
            found="it was embedded with another model: "
            + ", ".join(f"{name} {stored[name]!r}, not {asked[name]!r}" for name in different),
            remedy="Configure the model that the collection was built with, or migrate the collection.",
        )


def embedder_of(head: Head, embedders: Sequence[Embedder]) -> Embedder:
    """The embedder whose model built the head's copy. Raises ``ModelMismatchError`` that names what differs."""
    for embedder in embedders:
        if embedder.identity == head.projection.model:
            return embedder
    check_model(head, embedders[0].identity)
    raise AssertionError("an identity that differs has no different field")


def check_snapshot(head: Head, snapshot: Snapshot) -> None:
    """Refuse a snapshot whose objects may be gone: raises ``SystemicError``."""
    if snapshot.next_revision < head.oldest_readable:
        raise SystemicError(
            f"read the snapshot {snapshot.as_text()} of {head.projection.collection!r}",
            found=f"what it showed may have been vacuumed: the oldest readable one is {head.oldest_readable}",
            remedy="Plan again on the present snapshot, or keep old revisions longer.",
        )
