"""The stored vectors, computed a second time by other means: tokenizers and BERT in plain Python and float64.

Nothing here shares code with the graph, onnxruntime, the tokenizers package or the reader of packed weights.
Rewrite a stored file with ``python tests/golden/models/test_reference_vectors.py MODEL`` when its texts change.
"""

from __future__ import annotations

import json
import math
import struct
import sys
import unicodedata
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from wellread.errors import SettingsError
from wellread.models.embedding import self_check
from wellread.models.embedding.local_onnx import LocalEmbedder
from wellread.models.embedding.pinned_models import package_folder, pinned_model, verify_files
from wellread.models.settings import LocalModelName, LocalModelSettings

TEXTS: dict[LocalModelName, tuple[str, ...]] = {
    "all-MiniLM-L6-v2": (
        "Wellread keeps an index in step with its documents.",
        "What is the notice period for termination without cause?",
        "Der Vertrag beginnt am 1. März 2024; die Kündigungsfrist beträgt sechs Wochen.",
        "Total revenue rose by 12.4 % to $3,482.7 million (2022: $3,098.5 million), naïve café re-\u200bentry.",
        " ".join(f"Sentence number {n} tells of rivers, tides and the moon." for n in range(17)),
    ),
    "multilingual-e5-small": (
        "Wellread keeps an index in step with its documents.",
        "Der Vertrag beginnt am 1. März 2024; die Kündigungsfrist beträgt sechs Wochen.",
        "合同自2024年3月1日起生效；通知期为六周，９～１１月除外。",
        "يَبْدَأُ العقدُ في ١ مارس ٢٠٢٤، ومُدَّةُ الإشعار ستّةُ أسابيع.",
        "Договор начинается 1 марта 2024 года; срок уведомления — шесть недель. №\u00a07, ½ ставки",
        "अनुबंध 1 मार्च 2024 से शुरू होता है; सूचना की अवधि छह सप्ताह है। 契約は三月に始まります。",
        " ".join(f"Satz Nummer {n} handelt von Flüssen, Gezeiten und dem Mond." for n in range(24)),
    ),
}
NOT_STORED: dict[LocalModelName, tuple[str, ...]] = {
    "all-MiniLM-L6-v2": (
        "A",
        "tables, figures & footnotes",
        "e\u0301tude in C\u266f minor",
        "x" * 40 + " unknownwordium",
    ),
    "multilingual-e5-small": (
        "A",
        "tables, figures & footnotes",
        "Ｆｕｌｌ　ｗｉｄｔｈ ①② 🜁🜂 x",
        "สัญญาเริ่มต้นในเดือนมีนาคม",
    ),
}


class PlainBert:
    """BERT after Devlin et al. 2019, written from the paper, in float64, one text at a time."""

    document_prefix = ""

    def __init__(self, weights: dict[str, np.ndarray], *, heads: int, epsilon: float) -> None:
        self.weights = {name: value.astype(np.float64) for name, value in weights.items()}
        self.heads, self.epsilon = heads, epsilon

    def tokens(self, text: str) -> list[int]:
        """Ids with the special ones."""
        raise NotImplementedError

    def words(self, ids: list[int]) -> np.ndarray:
        return self.weights["embeddings.word_embeddings.weight"][ids]

    def vector(self, text: str) -> np.ndarray:
        ids = self.tokens(self.document_prefix + text)
        w = self.weights
        x = self.words(ids) + w["embeddings.position_embeddings.weight"][: len(ids)]
        x = self.norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for number in range(sum(name.endswith("attention.self.query.bias") for name in w)):
            x = self.layer(x, f"encoder.layer.{number}")
        mean = x.mean(axis=0)
        return mean / math.sqrt(float(mean @ mean))

    def layer(self, x: np.ndarray, name: str) -> np.ndarray:
        size = x.shape[1] // self.heads
        q, k, v = (self.dense(x, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
        mixed = np.empty_like(x)
        for head in range(self.heads):
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
        spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + self.epsilon)
        return centred / spread * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


class PlainMiniLM(PlainBert):
    """all-MiniLM-L6-v2 with WordPiece."""

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file

        config = json.loads((folder / "config.json").read_text())
        super().__init__(
            load_file(folder / "model.safetensors"),
            heads=config["num_attention_heads"],
            epsilon=config["layer_norm_eps"],
        )
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


def split_words(text: str) -> list[str]:
    """BERT's basic tokenisation: lower case, no accents, no control characters, punctuation stands alone."""
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    bare = "".join(c for c in unicodedata.normalize("NFD", kept.lower()) if unicodedata.category(c) != "Mn")
    spaced = "".join(f" {c} " if is_punctuation(c) else c for c in bare)
    return spaced.split()


def is_punctuation(character: str) -> bool:
    ascii_symbol = character.isascii() and not character.isalnum() and not character.isspace()
    return ascii_symbol or unicodedata.category(character).startswith("P")


class PlainE5(PlainBert):
    """multilingual-e5-small with SentencePiece's Unigram model, from the packed file."""

    document_prefix = "passage: "

    def __init__(self, folder: Path) -> None:
        self.content = (folder / "e5-small-q4.bin").read_bytes()
        self.at = 8
        hidden, layers, heads, wide, _, _, _, epsilon, _ = self.read("<7ifi")
        self.read_vocabulary()
        self.tensors = {}
        for _ in range(self.read("<i")[0]):
            name = self.read(f"<{self.read('<H')[0]}s")[0].decode()
            _, _, offset, size = self.read("<BIQQ")
            self.tensors[name] = self.content[offset : offset + size]
        weights = {
            "embeddings.position_embeddings.weight": self.floats("emb.pos").reshape(-1, hidden),
            "embeddings.token_type_embeddings.weight": self.floats("emb.type").reshape(-1, hidden),
            "embeddings.LayerNorm.weight": self.floats("emb.ln.w"),
            "embeddings.LayerNorm.bias": self.floats("emb.ln.b"),
        }
        names = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value"}
        names |= {"ao": "attention.output.dense", "fi": "intermediate.dense", "fo": "output.dense"}
        for layer in range(layers):
            for short, name in names.items():
                matrix, width = (
                    halves_unpacked(self.tensors[f"l{layer}.{short}.w"]),
                    wide if short == "fo" else hidden,
                )
                weights[f"encoder.layer.{layer}.{name}.weight"] = matrix.reshape(-1, width)
                weights[f"encoder.layer.{layer}.{name}.bias"] = self.floats(f"l{layer}.{short}.b")
            for short, name in (("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm")):
                weights[f"encoder.layer.{layer}.{name}.weight"] = self.floats(f"l{layer}.{short}.w")
                weights[f"encoder.layer.{layer}.{name}.bias"] = self.floats(f"l{layer}.{short}.b")
        super().__init__(weights, heads=heads, epsilon=epsilon)
        self.row_bytes = hidden // 32 * 18

    def read(self, layout: str) -> tuple:
        self.at += struct.calcsize(layout)
        return struct.unpack_from(layout, self.content, self.at - struct.calcsize(layout))

    def floats(self, name: str) -> np.ndarray:
        return np.frombuffer(self.tensors[name], dtype="<f4")

    def read_vocabulary(self) -> None:
        count, self.begin, self.end, _, self.unknown, size = self.read("<5iQ")
        offsets, scores = self.read(f"<{count + 1}I"), self.read(f"<{count}f")
        (letters,) = self.read(f"<{size}s")
        names = [letters[offsets[n] : offsets[n + 1]].decode() for n in range(count)]
        self.scores = {name: (score, n) for n, (name, score) in enumerate(zip(names, scores, strict=True)) if score}
        self.unknown_score = min(scores) - 10.0
        self.longest = max(map(len, self.scores))
        self.characters = {}
        for _ in range(self.read("<iI")[0]):
            character, length = self.read("<IB")
            self.characters[chr(character)] = "".join(map(chr, self.read(f"<{length}I")))

    def words(self, ids: list[int]) -> np.ndarray:
        table, size = self.tensors["emb.word"], self.row_bytes
        return np.stack([halves_unpacked(table[n * size : (n + 1) * size]) for n in ids])

    def tokens(self, text: str) -> list[int]:
        """The best way through the text (Viterbi); a letter that is no piece is unknown, a row of such is one."""
        normal = "".join(self.characters.get(character, character) for character in text)
        text = "▁" + "▁".join(part for part in normal.split(" ") if part)
        best = [(0.0, 0, -1)] + [(-math.inf, 0, -1)] * len(text)
        for start in range(len(text)):
            for end in range(start + 1, min(len(text), start + self.longest) + 1):
                score, piece = self.scores.get(text[start:end], (-math.inf, -1))
                if end == start + 1 and piece < 0:
                    score, piece = self.unknown_score, self.unknown
                if best[start][0] + score > best[end][0]:
                    best[end] = (best[start][0] + score, start, piece)
        found, at = [self.end], len(text)
        while at:
            if not (best[at][2] == found[-1] == self.unknown):
                found.append(best[at][2])
            at = best[at][1]
        return [self.begin, *reversed(found)]


def halves_unpacked(content: bytes) -> np.ndarray:
    """Blocks of a float16 and 32 halves of bytes: the low ones first."""
    blocks = np.frombuffer(content, dtype=np.uint8).reshape(-1, 18)
    scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float64)
    values = np.empty((len(blocks), 32))
    values[:, :16], values[:, 16:] = blocks[:, 2:] % 16, blocks[:, 2:] // 16
    return ((values - 8) * scales).ravel()


@cache
def plain_model(model: LocalModelName) -> PlainBert:
    folder = package_folder(pinned_model(model))
    verify_files(folder, pinned_model(model))
    return PlainMiniLM(folder) if model == "all-MiniLM-L6-v2" else PlainE5(folder)


@pytest.fixture(params=list(TEXTS))
def model(request: pytest.FixtureRequest) -> LocalModelName:
    try:
        plain_model(request.param)
    except SettingsError as missing:
        pytest.skip(f"the weights package is not installed: {missing}")
    return request.param


def test_stored_vectors_equal_an_independent_computation(model: LocalModelName) -> None:
    stored = self_check.reference_vectors(model)
    assert tuple(stored) == TEXTS[model]
    for text, vector in stored.items():
        assert np.abs(plain_model(model).vector(text) - vector).max() < 1e-6


def test_embedder_equals_an_independent_computation_on_texts_that_are_not_stored(model: LocalModelName) -> None:
    vectors = LocalEmbedder(LocalModelSettings(model=model)).embed(NOT_STORED[model], kind="document").vectors
    for text, vector in zip(NOT_STORED[model], vectors, strict=True):
        assert float(plain_model(model).vector(text) @ vector) > 0.99999


def test_tokens_equal_an_independent_count(model: LocalModelName) -> None:
    embedder = LocalEmbedder(LocalModelSettings(model=model))
    for text in (*TEXTS[model], *NOT_STORED[model]):
        assert embedder.count_tokens(text) == len(plain_model(model).tokens(text)) - 2


if __name__ == "__main__":
    name: LocalModelName = "multilingual-e5-small" if "multilingual" in sys.argv[1] else "all-MiniLM-L6-v2"
    self_check.write_reference_vectors(name, {text: plain_model(name).vector(text) for text in TEXTS[name]})
