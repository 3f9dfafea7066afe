"""Vectors without a model: deterministic, of any dimension, and near each other where words are shared."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter

import numpy as np
import numpy.typing as npt

_WORD = re.compile(r"\w+")
_PLACES_PER_WORD = 8
_OWN_WEIGHT = 0.05
"""Each text also has a small direction of its own, so that two texts with the same words differ."""

BYTES_PER_TOKEN = 4
"""English in byte-level BPE: about four bytes a token. Ours is only a meter, it need not be a vocabulary."""


def count_tokens(text: str) -> int:
    """Tokens that the testing server bills for ``text``; at least 1."""
    return max(1, math.ceil(len(text.encode("utf-8", "surrogatepass")) / BYTES_PER_TOKEN))


def lexical_vector(text: str, dimensions: int) -> npt.NDArray[np.float32]:
    """A unit vector of shape (``dimensions``,), the same on every machine and in every process.

    Words are hashed to signed places (feature hashing: Weinberger et al., 2009) and weighted by the square
    root of their count, so the cosine of two texts grows with the words that they share.
    """
    vector = np.zeros(dimensions, dtype=np.float64)
    for word, count in Counter(_WORD.findall(text.lower())).items():
        _add(vector, f"word:{word}", math.sqrt(count))
    _add(vector, f"text:{text}", _OWN_WEIGHT)
    norm = float(np.linalg.norm(vector))
    if norm == 0.0:  # Signed places may cancel out in few dimensions.
        vector[0] = norm = 1.0
    return np.asarray(vector / norm, dtype=np.float32)


def _add(vector: npt.NDArray[np.float64], name: str, weight: float) -> None:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4 * _PLACES_PER_WORD).digest()
    for number in np.frombuffer(digest, dtype="<u4").tolist():
        vector[(number >> 1) % len(vector)] += weight if number & 1 else -weight
