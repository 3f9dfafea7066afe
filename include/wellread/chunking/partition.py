"""Where to cut a run of atoms, so that an edit moves few cuts."""

from __future__ import annotations

from collections.abc import Sequence

NOISE = 0.35
_LEAD_COST = 4.0
_RANK_BONUS = (0.0, 0.15, 0.5)


def partition(
    words: Sequence[int], keys: Sequence[int], ranks: Sequence[int], leads: Sequence[bool], *, max_words: int
) -> list[int]:
    """The ends (exclusive indices) of the parts."""
    count = len(words)
    best = [0.0] * (count + 1)
    back = [0] * (count + 1)
    for end in range(1, count + 1):
        size = 0
        least = None
        for start in range(end - 1, -1, -1):
            size += words[start]
            if size > max_words and start < end - 1:
                break
            cost = best[start] + 1.0 + (1 - min(size, max_words) / max_words) ** 2
            if least is None or cost < least:
                least, back[end] = cost, start
        assert least is not None
        if end < count:
            least += NOISE * keys[end] / 4294967296 - _RANK_BONUS[ranks[end]]
            if leads[end - 1]:
                least += _LEAD_COST
        best[end] = least
    ends = []
    end = count
    while end:
        ends.append(end)
        end = back[end]
    return ends[::-1]
