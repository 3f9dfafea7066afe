"""A real llama.cpp server over a model of random weights, until standard input is closed.

    serve_tiny_model.py FOLDER [--embedding]

It prints its port. The model is 2 layers of a Llama with 259 tokens: one for each byte, and three of control. So a
text has as many tokens as UTF-8 bytes, and what the model says means nothing: only the wire is real.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gguf
import numpy as np
import xllamacpp

CONTEXT_TOKENS, EMBEDDING, HEADS, LAYERS, FEED_FORWARD = 4096, 64, 4, 2, 128
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_letters() -> list[str]:
    """The letter that stands for each byte in a byte-level vocabulary (GPT-2's table)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


def write_model(path: Path) -> None:
    """The model file, the same on every machine."""
    letters = byte_letters()
    tokens = [*letters, "th", *CONTROL]
    kinds = [gguf.TokenType.NORMAL] * 257 + [gguf.TokenType.CONTROL] * len(CONTROL)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(EMBEDDING)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(EMBEDDING // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["t h"])
    writer.add_bos_token_id(257)
    writer.add_eos_token_id(259)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    draw = np.random.default_rng(7)

    def weights(name: str, *shape: int) -> None:
        writer.add_tensor(name, draw.normal(0, 0.05, shape).astype(np.float32))

    weights("token_embd.weight", len(tokens), EMBEDDING)
    writer.add_tensor("output_norm.weight", np.ones(EMBEDDING, dtype=np.float32))
    for layer in range(LAYERS):
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{norm}.weight", np.ones(EMBEDDING, dtype=np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weights(f"blk.{layer}.{name}.weight", EMBEDDING, EMBEDDING)
        for name in ("ffn_gate", "ffn_up"):
            weights(f"blk.{layer}.{name}.weight", FEED_FORWARD, EMBEDDING)
        weights(f"blk.{layer}.ffn_down.weight", EMBEDDING, FEED_FORWARD)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Write, serve, and end with standard input."""
    path = Path(sys.argv[1]) / "tiny.gguf"
    write_model(path)
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = 1024
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.warmup = False
    params.use_jinja = True
    params.port = 0
    if "--embedding" in sys.argv:
        params.embedding = True
        params.n_ubatch = params.n_batch = 1024
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(params)
    print(str(server.listening_address).rstrip("/").rpartition(":")[2], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
