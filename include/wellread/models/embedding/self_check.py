"""Two checks of a model: against stored vectors at set-up, and against its own past in every run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wellread.errors import ModelMismatchError
from wellread.models.embedding.pinned_models import pinned_model
from wellread.models.embedding.vectors import cosine
from wellread.models.protocol import Embedder, Vectors
from wellread.models.settings import LocalModelName

SELF_TEST_COSINE = 0.9999
"""float32 stays above 0.999999; int8 weights already fall to 0.994."""

CANARY_TEXT = "The canary sings the same song every morning: 7 rivers, 3 bridges, one mill."
CANARY_COSINE = 0.999
"""Hosted models answer the same text with cosines above 0.9999 from day to day; another model does not."""


def reference_file(model: LocalModelName) -> Path:
    """Texts with the vectors that ``model`` gives them as documents, computed in float64 by independent means."""
    return Path(__file__).with_name(f"reference_vectors_{model}.json")


def reference_vectors(model: LocalModelName) -> dict[str, npt.NDArray[np.float64]]:
    """The stored texts and their vectors, in the file's order."""
    rows = json.loads(reference_file(model).read_text(encoding="utf-8"))
    return {row["text"]: np.array(row["vector"], dtype=np.float64) for row in rows}


def write_reference_vectors(model: LocalModelName, vectors: Mapping[str, npt.NDArray[np.float64]]) -> None:
    """Replace the stored file. Used by the test that computes the vectors, not at run time."""
    rows = [{"text": text, "vector": [round(float(x), 8) for x in vector]} for text, vector in vectors.items()]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    reference_file(model).write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def self_test(embedder: Embedder, *, model: LocalModelName) -> float:
    """The smallest cosine between the stored vectors of ``model`` and those of ``embedder``.

    Raises:
        ModelMismatchError: It is below ``SELF_TEST_COSINE``: wrong weights, graph or tokenizer.
    """
    stored = reference_vectors(model)
    result = embedder.embed(list(stored), kind="document")
    cosines = [cosine(one, other) for one, other in zip(stored.values(), result.vectors, strict=True)]
    if min(cosines) < SELF_TEST_COSINE:
        raise ModelMismatchError(
            f"the stored vectors of {model}",
            found=f"a cosine of {min(cosines):.6f} where {SELF_TEST_COSINE} is the least",
            remedy=f"Delete the model's cache folder and run `{pinned_model(model).make_target}` again; if it "
            "stays, report it.",
        )
    return min(cosines)


def canary_check(embedder: Embedder, stored_vector: npt.ArrayLike | None) -> Vectors:
    """The vector of a fixed text, shape (dimensions,), compared with the one of an earlier run.

    A provider may replace a model behind an unchanged name; half an index of each is worse than an error.
    Store what comes back where there is none yet (``stored_vector`` None), and keep the *first* one: a slow
    drift adds up.

    Raises:
        ModelMismatchError: Another dimension, or a cosine below ``CANARY_COSINE``.
    """
    now: Vectors = embedder.embed([CANARY_TEXT], kind="document").vectors[0]
    if stored_vector is None:
        return now
    before = np.asarray(stored_vector, dtype=np.float32)
    similarity = cosine(before, now) if before.shape == now.shape else 0.0
    if similarity < CANARY_COSINE:
        raise ModelMismatchError(
            f"the same vectors as before from {embedder.identity.provider} {embedder.identity.model}",
            found=f"the canary text now has cosine {similarity:.4f} to its stored vector",
            remedy="The model behind this name was changed: migrate the collection, or go back to the old model.",
        )
    return now
