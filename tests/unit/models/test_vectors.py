"""No bad vector passes."""

from __future__ import annotations

import numpy as np
import pytest

from wellread.errors import SettingsError, TransientError
from wellread.models.embedding.vectors import check_vectors, cosine, unit_vectors


def test_vectors_are_brought_to_unit_length() -> None:
    vectors = unit_vectors([[3.0, 4.0], [0.0, -2.0]], text_count=2, dimensions=2, asked="vectors")
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, [[0.6, 0.8], [0.0, -1.0]])


@pytest.mark.parametrize(
    "raw",
    [
        [[1.0, 0.0]],
        [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]],
        [[1.0, 0.0], [float("nan"), 0.0]],
        [[1.0, 0.0], [float("inf"), 0.0]],
        [[1.0, 0.0], [0.0, 0.0]],
        [[1.0, 0.0], [1.0]],
        [[1.0, 0.0], ["one", "two"]],
        [[1.0, 0.0], None],
        [],
        None,
        7,
    ],
)
def test_damaged_answers_are_transient(raw: object) -> None:
    with pytest.raises(TransientError):
        unit_vectors(raw, text_count=2, dimensions=2, asked="vectors")  # type: ignore[arg-type]


def test_another_dimension_is_a_setting() -> None:
    with pytest.raises(SettingsError, match="3 dimensions where 2"):
        unit_vectors([[1.0, 0.0, 0.0]], text_count=1, dimensions=2, asked="vectors")


def test_a_vector_that_is_not_of_unit_length_does_not_pass_the_check() -> None:
    check_vectors(np.array([[0.6, 0.8]], dtype=np.float32), text_count=1, dimensions=2, asked="vectors")
    with pytest.raises(TransientError, match="unit length"):
        check_vectors(np.array([[0.6, 0.9]], dtype=np.float32), text_count=1, dimensions=2, asked="vectors")


def test_cosine() -> None:
    assert cosine([1, 0], [10, 0]) == 1.0
    assert cosine([1, 0], [0, 3]) == 0.0
    assert cosine([0, 0], [0, 3]) == 0.0
