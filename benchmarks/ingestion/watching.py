"""A reader that looks at one document twenty times a second while it is replaced."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_INTERVAL_SECONDS = 0.05


class Watch:
    """Adds up for how long nothing was seen of the document, and for how long old and new text together."""

    def __init__(self, look: Callable[[], set[str]], *, old: set[str], new: set[str]) -> None:
        self._look, self._old, self._new = look, old - new, new - old
        self._zero_seconds = self._doubled_seconds = 0.0
        self._looks = self._failed = 0
        self._is_new_seen = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> dict[str, int | bool]:
        """What was seen."""
        self._over.set()
        self._thread.join()
        return {
            "zero_ms": round(self._zero_seconds * 1000),
            "doubled_ms": round(self._doubled_seconds * 1000),
            "looks": self._looks,
            "looks_failed": self._failed,
            "new_text_seen": self._is_new_seen,
        }

    def _watch(self) -> None:
        last = time.perf_counter()
        while not self._over.wait(_INTERVAL_SECONDS):
            try:
                seen = self._look()
            except Exception:  # noqa: BLE001  a reader that fails is counted, and goes on
                self._failed += 1
                continue
            now = time.perf_counter()
            passed, last = now - last, now
            self._looks += 1
            self._zero_seconds += 0.0 if seen else passed
            self._doubled_seconds += passed if seen & self._old and seen & self._new else 0.0
            self._is_new_seen = self._is_new_seen or bool(seen & self._new)
