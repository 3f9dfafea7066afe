"""Where to cut a run of atoms, so that chunks are nearly full and an edit moves few cuts.

Filling chunks from the left moves every later cut when a sentence comes or goes. Here each place carries a
reward drawn from the hash of the words that follow it, and the cheapest arrangement wins: strongly rewarded
places are cut whatever stands before them, so arrangements of two versions of a text soon meet again. Rewards
are exponentially distributed up to a ceiling: of the distributions tried (uniform, powers of an exponential,
peaks only, strict priority) it moved the fewest cuts at a mean of 90 words in 120.

Content alone cannot promise a bound at that size, so places where the version before was cut may be given too:
they are rewarded above all others, and an edit then moves only the cuts beside it.

*Fences* make the locality certain. A place whose hash is the most rewarded within ``FENCE_WORDS`` on both sides is
always cut, and the stretches between fences are arranged on their own. So whether a place is cut depends on
nothing but the atoms of its stretch and those within ``FENCE_WORDS`` of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from wellread.chunking.atoms import Atom

FENCE_WORDS = 600

_HASH_SPAN = 2.0**32
_REWARD_AT_MOST = 2.5
_REWARD_WEIGHT = 0.52
# A paragraph's beginning is a better place than one inside it, a heading better still.
_RANK_REWARD = (0.0, 0.1, 0.2)
_KEPT_REWARD = 3.0
_LEAD_COST = 9.0


def partition(atoms: Sequence[Atom], *, max_words: int, kept: AbstractSet[int] = frozenset()) -> list[int]:
    """The ends (exclusive indices) of the parts of ``atoms``, in order. ``kept``: see above.

    A part holds at most ``max_words`` words, unless it is a single atom. A heading is never the end of a part
    if anything follows that fits beside it. Time: linear in the atoms, times the atoms that fit in one part.
    """
    heights = _heights(atoms)
    words = [atom.words for atom in atoms]
    rewards = [_reward(atom, height, kept) for atom, height in zip(atoms, heights, strict=True)]
    ends: list[int] = []
    start = 0
    # Beside a version before, its cuts are what bounds an edit: a fence that is new would only add a cut.
    borders = [fence for fence in fences(atoms) if not kept or atoms[fence].start_char in kept]
    for fence in [*borders, len(atoms)]:
        ends.extend(_arrange(words, rewards, start, fence, max_words))
        start = fence
    return ends


def _heights(atoms: Sequence[Atom]) -> list[float]:
    """What fences are chosen by: rewards without ceiling or memory, so that two are hardly ever equal."""
    return [
        -_LEAD_COST
        if before is not None and before.leads
        else -math.log((atom.key + 1) / _HASH_SPAN) * _REWARD_WEIGHT + _RANK_REWARD[atom.rank]
        for atom, before in zip(atoms, [None, *atoms], strict=False)
    ]


def _reward(atom: Atom, height: float, kept: AbstractSet[int]) -> float:
    reward = min(height, _REWARD_AT_MOST * _REWARD_WEIGHT + _RANK_REWARD[atom.rank])
    return reward + _KEPT_REWARD if atom.start_char in kept else reward


def fences(atoms: Sequence[Atom]) -> list[int]:
    """Indices that are higher than all others within ``FENCE_WORDS`` on both sides; equal ones fence nothing.

    Nor does any place that is nearer than that to an end of the run: the end bounds an edit's reach as well.
    """
    heights = _heights(atoms)
    words = [atom.words for atom in atoms]
    clear_before = _is_peak(words, heights)
    clear_after = _is_peak([*words[-2::-1], 0], heights[::-1])[::-1]
    return [index for index in range(1, len(atoms)) if clear_before[index] and clear_after[index]]


def _is_peak(distances: Sequence[int], heights: Sequence[float]) -> list[bool]:
    """For each index whether it is higher than all within ``FENCE_WORDS`` before it, none of them an end.

    ``distances[i]``: words from place ``i`` to place ``i + 1`` in the order given.
    """
    peaks: list[bool] = []
    higher: list[tuple[float, int]] = []  # falling heights with their positions: a monotonic stack
    position = 0
    for distance, height in zip(distances, heights, strict=True):
        while higher and higher[-1][0] < height:
            higher.pop()
        near = position if not higher else position - higher[-1][1]
        peaks.append(near > FENCE_WORDS)
        higher.append((height, position))
        position += distance
    return peaks


def _arrange(words: Sequence[int], rewards: Sequence[float], first: int, last: int, max_words: int) -> list[int]:
    """The cheapest ends of the parts of ``first`` to ``last``, by dynamic programming."""
    if sum(words[first:last]) <= max_words:
        return [last] if last > first else []
    least = [0.0] * (last - first + 1)
    begins = [first] * (last - first + 1)
    for end in range(first + 1, last + 1):
        size, begin, cheapest = 0, end, math.inf
        while begin > first:
            begin -= 1
            size += words[begin]
            if size > max_words and begin < end - 1:
                break
            room = 1.0 - size / max_words if size < max_words else 0.0
            cost = least[begin - first] + 1.0 + room * room
            if cost < cheapest:
                cheapest, begins[end - first] = cost, begin
        least[end - first] = cheapest - (rewards[end] if end < last else 0.0)
    ends = []
    end = last
    while end > first:
        ends.append(end)
        end = begins[end - first]
    return ends[::-1]
