"""Memory of this process."""

from __future__ import annotations

import resource
import sys


def peak_memory_bytes() -> int:
    """The largest resident size that this process has had so far, in bytes.

    ``getrusage`` counts in KiB on Linux and in bytes on macOS (getrusage(2) of each).
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
