"""Vectors are checked before anybody stores them: the index accepts NaN, zero and wrong ones silently."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wellread.errors import SettingsError, TransientError
from wellread.models.protocol import Vectors

UNIT_TOLERANCE = 1e-3
"""How far a norm may be from 1 after normalising. float32 sums of 4,096 squares err by about 1e-6."""

SMALLEST_NORM = 1e-6
"""Below this a vector has no direction left."""


def unit_vectors(raw: npt.ArrayLike, *, text_count: int, dimensions: int, asked: str) -> Vectors:
    """``raw`` as float32 of shape (``text_count``, ``dimensions``), each row at length 1.

    Raises:
        TransientError: Fewer or more vectors than texts, ragged rows, NaN, infinity or zero: an answer
            damaged on its way or by a sick server, which another try may heal.
        SettingsError: Whole rows of another dimension: another try cannot heal that.
    """
    try:
        vectors = np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise _damaged(asked, f"the vectors are not a table of numbers ({type(error).__name__})") from error
    if vectors.ndim != 2 or len(vectors) != text_count:
        raise _damaged(asked, f"{len(vectors) if vectors.ndim else 0} vectors for {text_count} texts")
    if vectors.shape[1] != dimensions:
        raise SettingsError(
            asked,
            found=f"vectors of {vectors.shape[1]} dimensions where {dimensions} were expected",
            remedy="Set the dimensions that the model really gives, or name another model.",
        )
    if not np.isfinite(vectors).all():
        raise _damaged(asked, "a vector holds NaN or an infinite number")
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if (norms < SMALLEST_NORM).any():
        raise _damaged(asked, "a vector is zero")
    return np.asarray(vectors / norms, dtype=np.float32)


def check_vectors(vectors: Vectors, *, text_count: int, dimensions: int, asked: str) -> None:
    """Raise as ``unit_vectors`` does unless ``vectors`` are whole, finite and of unit length."""
    unit_vectors(vectors, text_count=text_count, dimensions=dimensions, asked=asked)
    if len(vectors) and float(np.abs(np.linalg.norm(vectors, axis=1) - 1.0).max()) > UNIT_TOLERANCE:
        raise _damaged(asked, "a vector is not of unit length")


def cosine(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """The cosine of the angle between two vectors, from -1 to 1; 0 where one of them is zero."""
    left, right = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    scale = float(np.linalg.norm(left) * np.linalg.norm(right))
    return float(left @ right) / scale if scale else 0.0


def _damaged(asked: str, found: str) -> TransientError:
    return TransientError(asked, found=found, remedy="Ask again; if it stays, look at the model server.")
