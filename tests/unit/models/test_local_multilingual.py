"""The multilingual model: found by other languages, tokens that text cannot forge, refusals that say what to do."""

from __future__ import annotations

import json
import shutil
import struct
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydantic import ValidationError

from wellread.errors import SettingsError
from wellread.models.embedding import pinned_models
from wellread.models.embedding.local_onnx import LocalEmbedder
from wellread.models.embedding.local_weights import find_local_model
from wellread.models.embedding.onnx_graph import BertShape, PackedTable, build_bert_graph
from wellread.models.embedding.packed_weights import read_packed_model, unpacked
from wellread.models.embedding.pinned_models import MULTILINGUAL, package_folder, verify_files
from wellread.models.embedding.self_check import self_test
from wellread.models.embedding.tokenization import load_tokenizer, token_ids
from wellread.models.settings import LocalModelSettings

if TYPE_CHECKING:
    from tokenizers import Tokenizer

try:
    PACKAGE = package_folder(MULTILINGUAL)
except SettingsError as missing:
    pytest.skip(f"the weights package is not installed: {missing}", allow_module_level=True)

SETTINGS = LocalModelSettings(model="multilingual-e5-small", threads_count=1)


@pytest.fixture(scope="module")
def embedder() -> LocalEmbedder:
    return LocalEmbedder(SETTINGS)


@cache
def tokenizer() -> Tokenizer:
    return load_tokenizer(find_local_model(SETTINGS).tokenizer)


def ids(text: str) -> list[int]:
    return token_ids(tokenizer(), [text], special_tokens=True)[0]


def test_the_model_says_who_it_is_and_gives_its_stored_vectors(embedder: LocalEmbedder) -> None:
    identity = embedder.identity
    assert (identity.provider, identity.model) == ("local", "multilingual-e5-small")
    assert identity.revision == MULTILINGUAL.revision
    assert (identity.dimensions, identity.max_input_tokens, identity.pooling) == (384, 512, "mean")
    assert (identity.document_prefix, identity.query_prefix) == ("passage: ", "query: ")
    assert self_test(embedder, model="multilingual-e5-small") > 0.99999


@pytest.mark.parametrize(
    "question",
    [
        "Wie lange ist die Kündigungsfrist?",
        "合同的通知期是多久？",
        "كم مدة الإشعار بإنهاء العقد؟",
        "Какой срок уведомления о расторжении?",
        "नोटिस की अवधि कितनी है?",
        "¿Cuánto dura el preaviso?",
    ],
)
def test_a_question_of_another_language_is_nearest_to_its_english_passage(
    embedder: LocalEmbedder, question: str
) -> None:
    passages = [
        "Either party may end this contract with a notice period of six weeks.",
        "The railway carried 148,230 passengers in the year under review.",
        "Photosynthesis fixes carbon dioxide with the enzyme RuBisCO.",
    ]
    documents = embedder.embed(passages, kind="document").vectors
    asked = embedder.embed([question], kind="query").vectors[0]
    assert int(np.argmax(documents @ asked)) == 0


def test_a_prefix_that_is_set_replaces_the_models_own() -> None:
    bare = LocalEmbedder(SETTINGS.model_copy(update={"document_prefix": "", "query_prefix": ""}))
    own = LocalEmbedder(SETTINGS)
    assert bare.identity != own.identity
    assert bare.limits.tokens_per_text == 510
    assert own.limits.tokens_per_text == 510 - max(map(own.count_tokens, ("passage: ", "query: ")))
    written = bare.embed(["passage: mill"], kind="query").vectors
    assert np.array_equal(written, own.embed(["mill"], kind="document").vectors)


def test_limits_are_exact(embedder: LocalEmbedder) -> None:
    fitting = "水"
    while embedder.count_tokens(fitting + "，水") <= embedder.limits.tokens_per_text:
        fitting += "，水"
    assert embedder.count_tokens(fitting) >= embedder.limits.tokens_per_text - 1
    embedder.embed([fitting], kind="document")


def test_text_cannot_forge_special_tokens() -> None:
    begin, end = 0, 2
    for text in ("<s>", "</s>", "a <mask> b", "<pad><unk>", "\x01<s>", "<\x01s>"):
        found = ids(text)
        assert (found[0], found[-1]) == (begin, end)
        assert not {0, 1, 2, 250001} & set(found[1:-1]), text


def test_every_special_piece_is_out_of_reach_and_no_other() -> None:
    stored = json.loads(find_local_model(SETTINGS).tokenizer.read_text(encoding="utf-8"))
    renamed = [piece for piece, _ in stored["model"]["vocab"] if piece.startswith("\x01")]
    assert renamed == [f"\x01{name}" for name in ("<s>", "<pad>", "</s>", "<unk>", "<mask>")]


def test_letters_are_normalised_as_the_model_was_trained() -> None:
    content = (PACKAGE / "e5-small-q4.bin").read_bytes()
    normaliser = tokenizer().normalizer
    wrong = {
        character: (expected, found)
        for character, expected in characters_of(content).items()
        if (found := normaliser.normalize_str(f"7{character}7")) != f"7{expected}7".replace("  ", " ")
    }
    assert wrong == {}


def characters_of(content: bytes) -> dict[str, str]:
    """The map in the file itself: each character with what it becomes."""
    pieces, size = struct.unpack_from("<i16xQ", content, 44)
    at = 72 + (pieces + 1) * 4 + pieces * 4 + size
    (count,), at, found = struct.unpack_from("<i", content, at), at + 8, {}
    for _ in range(count):
        character, length = struct.unpack_from("<IB", content, at)
        found[chr(character)] = "".join(map(chr, struct.unpack_from(f"<{length}I", content, at + 5)))
        at += 5 + 4 * length
    return found


def test_composed_and_decomposed_letters_are_the_same_tokens() -> None:
    text = "Fußgängerübergänge, naïve café, Việt Nam, 각하"
    assert ids(unicodedata.normalize("NFD", text)) == ids(text)


def test_the_full_width_tilde_and_the_order_of_arabic_marks_are_kept() -> None:
    normaliser = tokenizer().normalizer
    for text in ("９～１１", "مُدَّةُ"):
        kept = [c for c in normaliser.normalize_str(text) if c in "～\u0651\u064e"]
        assert kept == [c for c in text if c in "～\u0651\u064e"]


def test_a_packed_vocabulary_gives_the_bits_of_an_unpacked_one() -> None:
    random = np.random.default_rng(7)
    shape = BertShape(layers=0, heads=1, hidden=64, positions=4, epsilon=1e-12)
    table = PackedTable(
        halves=random.integers(0, 256, (9, 2, 16), dtype=np.uint8),
        scales=random.normal(size=(9, 2)).astype(np.float16),
    )
    blocks = np.concatenate([table.scales[..., None].view(np.uint8), table.halves], axis=2)
    ones, zeros = np.ones(64, dtype=np.float32), np.zeros(64, dtype=np.float32)
    weights = {
        "embeddings.word_embeddings.weight": unpacked(blocks.tobytes(), width=64),
        "embeddings.position_embeddings.weight": random.normal(size=(4, 64)).astype(np.float32),
        "embeddings.token_type_embeddings.weight": np.zeros((2, 64), dtype=np.float32),
        "embeddings.LayerNorm.weight": ones,
        "embeddings.LayerNorm.bias": zeros,
    }
    import onnxruntime

    asked = {"input_ids": np.array([[0, 8, 3]]), "attention_mask": np.ones((1, 3), dtype=np.int64)}
    one, other = (
        onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(None, asked)[0]
        for graph in (build_bert_graph(weights, shape), build_bert_graph(weights, shape, words=table))
    )
    assert np.array_equal(one, other)


def test_a_missing_package_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pinned_models.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="make multilingual"):
        find_local_model(SETTINGS.model_copy(update={"cache_folder": tmp_path}))


def test_a_changed_byte_in_the_package_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "e5-small-q4.bin"
    shutil.copyfile(PACKAGE / copy.name, copy)
    with copy.open("r+b") as stream:
        stream.seek(50_000_000)
        stream.write(b"\x00\x01\x02")
    with pytest.raises(SettingsError, match=MULTILINGUAL.revision):
        verify_files(tmp_path, MULTILINGUAL)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(SettingsError, match="E5S1"):
        read_packed_model(tmp_path / "weights.bin")


def test_two_models_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="set one of them"):
        LocalModelSettings(model="multilingual-e5-small", folder=tmp_path)
