"""What every embedder promises, on every implementation."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from wellread.errors import DocumentError
from wellread.models.protocol import Embedder

TEXTS = [
    "The mill stands by the river.",
    "A short one.",
    "Rivers and mills: the mill stands where the river bends. " * 6,
    "Zürich, naïve café, 東京, 🙂",
]


def test_vectors_are_float32_of_unit_length_one_for_each_text(embedder: Embedder) -> None:
    result = embedder.embed(TEXTS, kind="document")
    assert result.vectors.shape == (len(TEXTS), embedder.identity.dimensions)
    assert result.vectors.dtype == np.float32
    assert np.abs(np.linalg.norm(result.vectors, axis=1) - 1).max() < 1e-5


def test_vectors_come_in_the_order_of_the_texts_whatever_their_neighbours_are(embedder: Embedder) -> None:
    together = embedder.embed(TEXTS, kind="document").vectors
    for text, vector in zip(TEXTS, together, strict=True):
        alone = embedder.embed([text], kind="document").vectors[0]
        assert float(alone @ vector) > 0.99999


def test_texts_that_share_their_subject_are_nearer_than_others(embedder: Embedder) -> None:
    texts = ["the mill by the river", "the river by the mill house", "quarterly revenue rose sharply"]
    vectors = embedder.embed(texts, kind="document").vectors
    assert float(vectors[0] @ vectors[1]) > float(vectors[0] @ vectors[2]) + 0.2


def test_no_texts_cost_nothing(embedder: Embedder) -> None:
    result = embedder.embed([], kind="document")
    assert result.vectors.shape == (0, embedder.identity.dimensions)
    assert (result.input_tokens, result.requests) == (0, 0)


def test_cost_is_reported(embedder: Embedder) -> None:
    result = embedder.embed(TEXTS, kind="query")
    assert result.requests == 1
    assert result.input_tokens >= len(TEXTS)


def test_identity_is_stable_and_is_json(embedder: Embedder) -> None:
    assert embedder.identity == embedder.identity
    assert json.loads(json.dumps(embedder.identity.as_dict()))["dimensions"] == embedder.identity.dimensions


def test_counted_tokens_bound_what_the_provider_bills(embedder: Embedder) -> None:
    for text in TEXTS:
        special = 2  # [CLS] and [SEP], which the local model reads as well.
        assert embedder.embed([text], kind="document").input_tokens <= embedder.count_tokens(text) + special


@pytest.mark.parametrize("blank", ["", "   ", "\n\t"])
def test_an_empty_text_is_refused_not_embedded(embedder: Embedder, blank: str) -> None:
    with pytest.raises(DocumentError) as caught:
        embedder.embed(["fine", blank], kind="document")
    assert (caught.value.stage, caught.value.cause) == ("embed", "empty")


def test_a_text_that_does_not_fit_is_refused_never_cut(embedder: Embedder) -> None:
    word = "river "
    fits = word * (embedder.limits.tokens_per_text // embedder.count_tokens(word))
    assert len(embedder.embed([fits], kind="document").vectors) == 1
    with pytest.raises(DocumentError) as caught:
        embedder.embed([fits + word * 7], kind="document")
    assert (caught.value.stage, caught.value.cause) == ("embed", "too_long")


def test_a_lone_surrogate_is_refused(embedder: Embedder) -> None:
    with pytest.raises(DocumentError) as caught:
        embedder.embed(["half a pair: \ud83d"], kind="document")
    assert (caught.value.stage, caught.value.cause) == ("embed", "bad_text")


def test_a_refusal_survives_pickling(embedder: Embedder) -> None:
    with pytest.raises(DocumentError) as caught:
        embedder.embed([""], kind="document")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.cause) == (str(caught.value), "empty")
