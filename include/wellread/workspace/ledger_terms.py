"""Document frequencies for retrieval, as publication counted them in the ledger."""

from __future__ import annotations

import threading
import time

from wellread.ledger.database import Ledger
from wellread.ledger.documents import list_sources
from wellread.ledger.revisions import find_collection
from wellread.ledger.term_counts import read_terms
from wellread.retrieval.term_statistics import CountedTerms, TermStatistics
from wellread.snapshots import Head

_FRESH_SECONDS = 60.0
"""Frequencies change slowly: they are read again at most once a minute, and only under a new head."""


class LedgerTerms:
    """Counted terms by collection, read once and kept. Safe to share between threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._kept: dict[str, tuple[int, float, CountedTerms | None]] = {}
        self._lock = threading.Lock()

    def statistics(self, head: Head) -> TermStatistics | None:
        """The counts of the head's collection, at most a minute behind; ``None`` where several tenants share it.

        Their texts are counted together, and nobody's ranking may depend on what another tenant owns.
        """
        name = head.projection.collection
        with self._lock:
            kept = self._kept.get(name)
            if kept is not None and (kept[0] == head.seq or time.monotonic() - kept[1] < _FRESH_SECONDS):
                return kept[2]
            counted = self._read(name)
            self._kept[name] = (head.seq, time.monotonic(), counted)
            return counted

    def _read(self, collection: str) -> CountedTerms | None:
        with self._ledger.reading() as reading:
            if len({row["tenant"] for row in list_sources(reading, collection)}) > 1:
                return None
            row = find_collection(reading, collection)
            return CountedTerms(0 if row is None else row.chunk_count, read_terms(reading, collection))
