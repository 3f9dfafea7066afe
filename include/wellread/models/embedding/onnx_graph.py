"""A BERT sentence encoder as an ONNX graph of plain operators, written from its weights.

Only standard operators of opset 20: the runtime fuses what it can, and hand-written fused ones were three
times slower on the same weights. Pooling (mean over the attended tokens) and L2 normalisation are inside.
The architecture is that of Devlin et al., "BERT" (2019), with post-layer normalisation and the exact
(erf) GELU. Needs ``onnx`` and ``safetensors`` at set-up only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

OPSET = 20
IR_VERSION = 9
"""The intermediate representation that came with opset 20, so that old runtimes read the file."""

_MASKED = -1e9
"""Added to the scores of padding: its softmax weight is exactly 0 in float32."""


@dataclass(frozen=True, slots=True)
class BertShape:
    """Sizes of a BERT encoder, from its ``config.json``."""

    layers: int
    heads: int
    hidden: int
    positions: int
    epsilon: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> BertShape:
        """The shape that a Hugging Face ``config.json`` states."""
        return cls(
            layers=int(config["num_hidden_layers"]),
            heads=int(config["num_attention_heads"]),
            hidden=int(config["hidden_size"]),
            positions=int(config["max_position_embeddings"]),
            epsilon=float(config["layer_norm_eps"]),
        )


Weights = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class PackedTable:
    """Word vectors of 4 bits, in blocks: a value is ``(half byte - 8) * scale``. Unpacked when looked up.

    A vocabulary of 250,000 words is 384 MB in float32 and 54 MB so, to the bit the same vectors.
    """

    halves: npt.NDArray[np.uint8]
    """Shape (words, blocks, half a block): low halves are a block's first values, high halves its last."""
    scales: npt.NDArray[np.float16]
    """Shape (words, blocks)."""


class _GraphWriter:
    """Collects nodes and constants; every method returns the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._known: dict[str, str] = {}

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        if name not in self._known:
            self._known[name] = name
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant("ints_" + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def node(
        self, operator: str, inputs: Sequence[str], *, output: str = "", **attributes: float | str | list[int]
    ) -> str:
        from onnx import helper

        name = output or f"{operator.lower()}_{len(self.nodes)}"
        node = helper.make_node(operator, list(inputs), [name], name=f"node_{name}")
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        self.nodes.append(node)
        return name

    def linear(self, x: str, name: str, weight: npt.NDArray[Any], bias: npt.NDArray[Any]) -> str:
        product = self.node("MatMul", [x, self.constant(f"{name}.weight", weight.T)])
        return self.node("Add", [product, self.constant(f"{name}.bias", bias)])


def build_bert_graph(weights: Weights, shape: BertShape, *, words: PackedTable | None = None) -> bytes:
    """The serialised model; its word vectors are in ``weights``, or packed in ``words``.

    Inputs ``input_ids`` and ``attention_mask``, int64 of shape (batch, tokens); output
    ``sentence_embedding``, float32 of shape (batch, hidden), unit length.
    """
    from onnx import TensorProto, checker, helper

    writer = _GraphWriter()
    looked_up = _unpacked_words(writer, words, shape) if words is not None else _words(writer, weights)
    hidden = _embeddings(writer, weights, shape, looked_up)
    mask = writer.node("Cast", ["attention_mask"], to=TensorProto.FLOAT)
    bias = _attention_bias(writer, mask)
    for layer in range(shape.layers):
        hidden = _layer(writer, weights, shape, hidden, bias, f"encoder.layer.{layer}")
    _pool(writer, hidden, mask)
    tokens = ["batch", "tokens"]
    graph = helper.make_graph(
        writer.nodes,
        "sentence_encoder",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, tokens)
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", shape.hidden])],
        writer.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    content: bytes = model.SerializeToString()
    checker.check_model(content)
    return content


def build_from_folder(folder: Path, config: Mapping[str, Any]) -> bytes:
    """The graph of the weights in ``folder/model.safetensors``."""
    from safetensors.numpy import load_file

    return build_bert_graph(load_file(folder / "model.safetensors"), BertShape.from_config(config))


def _norm(writer: _GraphWriter, x: str, weights: Weights, name: str, epsilon: float) -> str:
    scale = writer.constant(f"{name}.weight", weights[f"{name}.weight"])
    bias = writer.constant(f"{name}.bias", weights[f"{name}.bias"])
    return writer.node("LayerNormalization", [x, scale, bias], axis=-1, epsilon=epsilon)


def _words(writer: _GraphWriter, weights: Weights) -> str:
    words = writer.constant("words", weights["embeddings.word_embeddings.weight"])
    return writer.node("Gather", [words, "input_ids"], axis=0)


def _unpacked_words(writer: _GraphWriter, words: PackedTable, shape: BertShape) -> str:
    from onnx import TensorProto

    halves = writer.node("Gather", [writer.constant("words.halves", words.halves), "input_ids"], axis=0)
    scales = writer.node("Gather", [writer.constant("words.scales", words.scales), "input_ids"], axis=0)
    low = writer.node("BitwiseAnd", [halves, writer.constant("low_half", np.array(15, dtype=np.uint8))])
    shift = writer.constant("half_byte", np.array(4, dtype=np.uint8))
    high = writer.node("BitShift", [halves, shift], direction="RIGHT")
    values = writer.node("Cast", [writer.node("Concat", [low, high], axis=3)], to=TensorProto.FLOAT)
    centred = writer.node("Sub", [values, writer.constant("centre", np.array(8, dtype=np.float32))])
    scale = writer.node("Unsqueeze", [writer.node("Cast", [scales], to=TensorProto.FLOAT), writer.integers(3)])
    return writer.node("Reshape", [writer.node("Mul", [centred, scale]), writer.integers(0, 0, shape.hidden)])


def _embeddings(writer: _GraphWriter, weights: Weights, shape: BertShape, looked_up: str) -> str:
    # One segment only, so its row is the same for every token: folded into the positions.
    table = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    positions = writer.constant("positions", table[: shape.positions].astype(np.float32))
    length = writer.node("Shape", ["input_ids"], start=1, end=2)
    used = writer.node("Slice", [positions, writer.integers(0), length, writer.integers(0)])
    summed = writer.node("Add", [looked_up, used])
    return _norm(writer, summed, weights, "embeddings.LayerNorm", shape.epsilon)


def _attention_bias(writer: _GraphWriter, mask: str) -> str:
    one = writer.constant("one", np.array(1.0, dtype=np.float32))
    padding = writer.node("Sub", [one, mask])
    scaled = writer.node("Mul", [padding, writer.constant("masked", np.array(_MASKED, dtype=np.float32))])
    return writer.node("Unsqueeze", [scaled, writer.integers(1, 2)])


def _heads(
    writer: _GraphWriter, x: str, weights: Weights, shape: BertShape, name: str, *, order: list[int], scale: float
) -> str:
    projected = writer.linear(
        x, name, weights[f"{name}.weight"] * np.float32(scale), weights[f"{name}.bias"] * np.float32(scale)
    )
    split = writer.node("Reshape", [projected, writer.integers(0, 0, shape.heads, shape.hidden // shape.heads)])
    return writer.node("Transpose", [split], perm=order)


def _layer(writer: _GraphWriter, weights: Weights, shape: BertShape, x: str, bias: str, name: str) -> str:
    attended = _attention(writer, weights, shape, x, bias, f"{name}.attention")
    x = _norm(
        writer, writer.node("Add", [attended, x]), weights, f"{name}.attention.output.LayerNorm", shape.epsilon
    )
    widened = _dense(writer, x, weights, f"{name}.intermediate.dense")
    active = writer.node("Gelu", [widened], approximate="none")
    narrowed = _dense(writer, active, weights, f"{name}.output.dense")
    return _norm(writer, writer.node("Add", [narrowed, x]), weights, f"{name}.output.LayerNorm", shape.epsilon)


def _attention(writer: _GraphWriter, weights: Weights, shape: BertShape, x: str, bias: str, name: str) -> str:
    # 1/sqrt(head size) is folded into the query's weights: one pass less over the scores.
    scale = 1.0 / math.sqrt(shape.hidden / shape.heads)
    query = _heads(writer, x, weights, shape, f"{name}.self.query", order=[0, 2, 1, 3], scale=scale)
    key = _heads(writer, x, weights, shape, f"{name}.self.key", order=[0, 2, 3, 1], scale=1.0)
    value = _heads(writer, x, weights, shape, f"{name}.self.value", order=[0, 2, 1, 3], scale=1.0)
    scores = writer.node("Add", [writer.node("MatMul", [query, key]), bias])
    mixed = writer.node("MatMul", [writer.node("Softmax", [scores], axis=-1), value])
    joined = writer.node("Transpose", [mixed], perm=[0, 2, 1, 3])
    flat = writer.node("Reshape", [joined, writer.integers(0, 0, shape.hidden)])
    return _dense(writer, flat, weights, f"{name}.output.dense")


def _dense(writer: _GraphWriter, x: str, weights: Weights, name: str) -> str:
    return writer.linear(x, name, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _pool(writer: _GraphWriter, hidden: str, mask: str) -> str:
    column = writer.node("Unsqueeze", [mask, writer.integers(2)])
    summed = writer.node("ReduceSum", [writer.node("Mul", [hidden, column]), writer.integers(1)], keepdims=0)
    counted = writer.node("ReduceSum", [mask, writer.integers(1)], keepdims=1)
    least = writer.constant("least_count", np.array(1e-9, dtype=np.float32))
    mean = writer.node("Div", [summed, writer.node("Max", [counted, least])])
    norm = writer.node("ReduceL2", [mean, writer.integers(1)], keepdims=1)
    floor = writer.constant("least_norm", np.array(1e-12, dtype=np.float32))
    return writer.node("Div", [mean, writer.node("Max", [norm, floor])], output="sentence_embedding")
