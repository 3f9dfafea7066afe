"""The stored vectors, computed a second time by other means: WordPiece and BERT in plain Python and float64.

Nothing here shares code with the graph, onnxruntime or the tokenizers package. Rewrite the stored file with
``python tests/golden/models/test_reference_vectors.py`` (only when its texts change).
"""

from __future__ import annotations

import json
import math
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from wellread.errors import SettingsError
from wellread.models import self_check
from wellread.models.embedding.local_onnx import LocalEmbedder
from wellread.models.embedding.local_weights import PINNED_SHA256, package_folder, verify_files

try:
    verify_files(package_folder(), PINNED_SHA256)
except SettingsError as missing:
    pytest.skip(f"the weights package is not installed: {missing}", allow_module_level=True)

TEXTS = (
    "Wellread keeps an index in step with its documents.",
    "What is the notice period for termination without cause?",
    "Der Vertrag beginnt am 1. März 2024; die Kündigungsfrist beträgt sechs Wochen.",
    "Total revenue rose by 12.4 % to $3,482.7 million (2022: $3,098.5 million), naïve café re-\u200bentry.",
    " ".join(f"Sentence number {n} tells of rivers, tides and the moon." for n in range(17)),
)


class PlainBert:
    """BERT after Devlin et al. 2019, written from the paper, in float64, one text at a time."""

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file

        self.weights = {
            name: value.astype(np.float64) for name, value in load_file(folder / "model.safetensors").items()
        }
        self.config = json.loads((folder / "config.json").read_text())
        lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self.vocabulary = {word: number for number, word in enumerate(lines)}

    def tokens(self, text: str) -> list[int]:
        pieces = [piece for word in split_words(text) for piece in self.pieces(word)]
        return [self.vocabulary[piece] for piece in ["[CLS]", *pieces, "[SEP]"]]

    def pieces(self, word: str) -> list[str]:
        found, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in self.vocabulary:
                    found.append(piece)
                    start = end
                    break
            else:
                return ["[UNK]"]
        return found

    def vector(self, text: str) -> np.ndarray:
        ids = self.tokens(text)
        w = self.weights
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
        x = self.norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for number in range(self.config["num_hidden_layers"]):
            x = self.layer(x, f"encoder.layer.{number}")
        mean = x.mean(axis=0)
        return mean / math.sqrt(float(mean @ mean))

    def layer(self, x: np.ndarray, name: str) -> np.ndarray:
        heads = self.config["num_attention_heads"]
        size = x.shape[1] // heads
        q, k, v = (self.dense(x, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
        mixed = np.empty_like(x)
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            scores = q[:, part] @ k[:, part].T / math.sqrt(size)
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            mixed[:, part] = weights / weights.sum(axis=1, keepdims=True) @ v[:, part]
        x = self.norm(x + self.dense(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
        wide = self.dense(x, f"{name}.intermediate.dense")
        erf = np.vectorize(math.erf)(wide / math.sqrt(2.0))
        return self.norm(
            x + self.dense(wide * (1.0 + erf) / 2.0, f"{name}.output.dense"), f"{name}.output.LayerNorm"
        )

    def dense(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(axis=1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + self.config["layer_norm_eps"])
        return centred / spread * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


def split_words(text: str) -> list[str]:
    """BERT's basic tokenisation: lower case, no accents, no control characters, punctuation stands alone."""
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    bare = "".join(c for c in unicodedata.normalize("NFD", kept.lower()) if unicodedata.category(c) != "Mn")
    spaced = "".join(f" {c} " if is_punctuation(c) else c for c in bare)
    return spaced.split()


def is_punctuation(character: str) -> bool:
    ascii_symbol = character.isascii() and not character.isalnum() and not character.isspace()
    return ascii_symbol or unicodedata.category(character).startswith("P")


@pytest.fixture(scope="module")
def plain_bert() -> PlainBert:
    return PlainBert(package_folder())


def test_stored_vectors_equal_an_independent_computation(plain_bert: PlainBert) -> None:
    stored = self_check.reference_vectors()
    assert tuple(stored) == TEXTS
    for text, vector in stored.items():
        assert np.abs(plain_bert.vector(text) - vector).max() < 1e-6


def test_embedder_equals_an_independent_computation_on_texts_that_are_not_stored(plain_bert: PlainBert) -> None:
    texts = ["A", "tables, figures & footnotes", "e\u0301tude in C\u266f minor", "x" * 40 + " unknownwordium"]
    vectors = LocalEmbedder().embed(texts, kind="document").vectors
    for text, vector in zip(texts, vectors, strict=True):
        assert float(plain_bert.vector(text) @ vector) > 0.99999


def test_tokens_equal_an_independent_count(plain_bert: PlainBert) -> None:
    embedder = LocalEmbedder()
    for text in TEXTS:
        assert embedder.count_tokens(text) == len(plain_bert.tokens(text)) - 2


if __name__ == "__main__":
    model = PlainBert(package_folder())
    self_check.write_reference_vectors({text: model.vector(text) for text in TEXTS})
