"""The local model's files: proven, built once, healed, or refused with a reason."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from wellread.errors import ModelMismatchError, SettingsError
from wellread.models.embedding.local_onnx import LocalEmbedder
from wellread.models.embedding.local_weights import find_local_model
from wellread.models.embedding.pinned_models import ENGLISH, package_folder, verify_files
from wellread.models.embedding.self_check import CANARY_COSINE, canary_check, self_test
from wellread.models.prepare import prepare_local_model
from wellread.models.settings import LocalModelSettings

try:
    PACKAGE = package_folder(ENGLISH)
except SettingsError as missing:
    pytest.skip(f"the weights package is not installed: {missing}", allow_module_level=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> LocalModelSettings:
    settings = LocalModelSettings(cache_folder=tmp_path_factory.mktemp("cache"), threads_count=1)
    prepare_local_model(settings)
    return settings


@pytest.fixture
def folder(built: LocalModelSettings, tmp_path: Path) -> Path:
    """The default model, laid out as a folder of one's own."""
    files, home = find_local_model(built), tmp_path / "my-encoder"
    (home / "onnx").mkdir(parents=True)
    os.link(files.graph, home / "onnx" / "model.onnx")
    for name in ("tokenizer.json", "config.json", "sentence_bert_config.json"):
        shutil.copyfile(PACKAGE / name, home / name)
    (home / "1_Pooling").mkdir()
    shutil.copyfile(PACKAGE / "1_Pooling" / "config.json", home / "1_Pooling" / "config.json")
    return home


def test_a_changed_byte_in_the_package_is_refused(tmp_path: Path) -> None:
    for name in ENGLISH.files:
        shutil.copyfile(PACKAGE / name, tmp_path / name)
    verify_files(tmp_path, ENGLISH)
    with (tmp_path / "model.safetensors").open("r+b") as stream:
        stream.seek(50_000_000)
        stream.write(b"\x00\x01")
    with pytest.raises(SettingsError, match=ENGLISH.revision):
        verify_files(tmp_path, ENGLISH)


def test_a_missing_file_of_the_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no file"):
        verify_files(tmp_path, ENGLISH)


def test_the_default_model_says_who_it_is(built: LocalModelSettings) -> None:
    embedder = LocalEmbedder(built)
    identity = embedder.identity
    assert (identity.provider, identity.model, identity.revision) == ("local", "all-MiniLM-L6-v2", ENGLISH.revision)
    assert (identity.dimensions, identity.max_input_tokens, identity.pooling) == (384, 256, "mean")
    assert embedder.limits.tokens_per_text == 254
    assert self_test(embedder, model=ENGLISH.name) > 0.99999


def test_a_built_graph_is_used_again(built: LocalModelSettings) -> None:
    graph = find_local_model(built).graph
    before = graph.stat().st_mtime_ns
    assert find_local_model(built).graph == graph
    assert graph.stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "manifest.json"])
def test_a_damaged_cache_is_built_again(tmp_path: Path, built: LocalModelSettings, name: str) -> None:
    home = find_local_model(built).graph.parent
    settings = LocalModelSettings(cache_folder=tmp_path, threads_count=1)
    copy = tmp_path / home.name
    shutil.copytree(home, copy)
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2])
    assert find_local_model(settings).graph.read_bytes() == (home / "model.onnx").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [home.name], "nothing half-built is left"


def test_two_builders_at_once_are_both_content(tmp_path: Path) -> None:
    settings, graphs = LocalModelSettings(cache_folder=tmp_path), []
    threads = [threading.Thread(target=lambda: graphs.append(find_local_model(settings).graph)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(graphs) == 2
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("package", ["onnx", "safetensors.numpy"])
def test_a_missing_extra_is_a_setting(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SettingsError, match=rf"package {package} is not installed"):
        find_local_model(LocalModelSettings(cache_folder=tmp_path))


def test_a_cache_folder_that_cannot_be_written_is_a_setting(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(SettingsError, match="cache_folder"):
        find_local_model(LocalModelSettings(cache_folder=blocked / "models"))


def test_a_folder_of_ones_own_gives_the_same_vectors_under_its_own_identity(
    built: LocalModelSettings, folder: Path
) -> None:
    own, default = LocalEmbedder(LocalModelSettings(folder=folder)), LocalEmbedder(built)
    texts = ["The mill by the river.", "Rivers " * 200]
    assert np.allclose(
        own.embed(texts, kind="document").vectors, default.embed(texts, kind="document").vectors, atol=1e-6
    )
    assert (own.identity.model, own.identity.max_input_tokens, own.identity.pooling) == ("my-encoder", 256, "mean")
    assert own.identity.revision != default.identity.revision
    prepare_local_model(LocalModelSettings(folder=folder))


def test_another_tokenizer_is_another_identity(folder: Path) -> None:
    before = LocalEmbedder(LocalModelSettings(folder=folder)).identity
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace('"lowercase":true', '"lowercase":false', 1) + "\n")
    assert LocalEmbedder(LocalModelSettings(folder=folder)).identity.revision != before.revision


def test_prefixes_are_part_of_input_identity_and_limits(folder: Path) -> None:
    plain = LocalEmbedder(LocalModelSettings(folder=folder))
    e5 = LocalEmbedder(LocalModelSettings(folder=folder, document_prefix="passage: ", query_prefix="query: "))
    assert e5.identity != plain.identity
    assert e5.limits.tokens_per_text == plain.limits.tokens_per_text - 2
    prefixed = e5.embed(["mill"], kind="query").vectors[0]
    assert np.allclose(prefixed, plain.embed(["query: mill"], kind="document").vectors[0], atol=1e-6)
    assert not np.allclose(prefixed, e5.embed(["mill"], kind="document").vectors[0], atol=1e-3)


@pytest.mark.parametrize("name", ["onnx/model.onnx", "tokenizer.json", "config.json"])
def test_a_folder_without_its_files_says_which(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(SettingsError, match=name):
        find_local_model(LocalModelSettings(folder=folder))


def test_a_pooling_that_is_not_known_is_refused(folder: Path) -> None:
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(SettingsError, match="pooling_mode_max_tokens"):
        find_local_model(LocalModelSettings(folder=folder))
    assert find_local_model(LocalModelSettings(folder=folder, pooling="cls")).pooling == "cls"


def test_a_damaged_graph_is_a_setting(folder: Path) -> None:
    (folder / "onnx" / "model.onnx").unlink()
    (folder / "onnx" / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(SettingsError, match=r"model\.onnx"):
        LocalEmbedder(LocalModelSettings(folder=folder)).embed(["mill"], kind="query")


def test_the_canary_passes_for_the_same_model_and_sings_for_another(built: LocalModelSettings) -> None:
    embedder = LocalEmbedder(built)
    first = canary_check(embedder, None)
    assert first.shape == (384,)
    canary_check(embedder, first.tolist())
    other = first.copy()
    other[:40] *= -1
    assert float(other @ first) < CANARY_COSINE
    with pytest.raises(ModelMismatchError, match="canary"):
        canary_check(embedder, other)
    with pytest.raises(ModelMismatchError, match="canary"):
        canary_check(embedder, first[:128])


def test_the_self_test_refuses_another_model(folder: Path) -> None:
    prefixed = LocalEmbedder(LocalModelSettings(folder=folder, document_prefix="query: "))
    with pytest.raises(ModelMismatchError, match="stored vectors"):
        self_test(prefixed, model=ENGLISH.name)


def test_the_embedder_works_in_a_forked_child_and_in_its_parent(built: LocalModelSettings) -> None:
    embedder = LocalEmbedder(LocalModelSettings(cache_folder=built.cache_folder, threads_count=2))
    before = embedder.embed(["before the fork"], kind="document").vectors
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # The child must neither hang nor run its parent's exit handlers.
        vector = embedder.embed(["before the fork"], kind="document").vectors
        os.write(writer, vector.tobytes())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        received = np.frombuffer(stream.read(), dtype=np.float32)
    assert os.waitpid(child, 0)[1] == 0
    assert np.array_equal(received, before[0])
    assert np.array_equal(embedder.embed(["before the fork"], kind="document").vectors, before)


def test_threads_may_share_an_embedder(built: LocalModelSettings) -> None:
    embedder, results = LocalEmbedder(built), {}
    texts = [f"thread number {number}" for number in range(4)]

    def work(text: str) -> None:
        results[text] = embedder.embed([text], kind="document").vectors[0]

    threads = [threading.Thread(target=work, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for text in texts:
        assert np.allclose(results[text], embedder.embed([text], kind="document").vectors[0], atol=1e-6)
