"""Where a local model's files are: built once from a pinned package into the cache, or in a folder of one's own."""

from __future__ import annotations

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
from wellread.models.embedding.pinned_models import (
    PinnedModel,
    package_folder,
    pinned_model,
    sha256_file,
    verify_files,
)
from wellread.models.embedding.tokenization import extra_missing
from wellread.models.settings import LocalModelSettings, Pooling
from wellread.telemetry import get_logger

_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LocalModelFiles:
    """A model that is ready to run."""

    name: str
    revision: str
    """SHA-256 of the weights (a pinned model) or of all files that matter (a folder)."""
    graph: Path
    tokenizer: Path
    max_input_tokens: int
    """With special tokens."""
    pooling: Pooling
    """How token vectors become one; a graph that pools by itself was told the same."""
    document_prefix: str
    """Put before documents, and the other before queries: some models were trained with such words."""
    query_prefix: str


def find_local_model(settings: LocalModelSettings) -> LocalModelFiles:
    """The files of the model that ``settings`` names; builds a pinned model where it is missing.

    Raises:
        SettingsError: Files are missing, unreadable or not the pinned ones.
    """
    if settings.folder is not None:
        return _from_folder(settings.folder, settings)
    return _from_package(pinned_model(settings.model), settings)


def cache_folder(settings: LocalModelSettings) -> Path:
    """The folder that holds built graphs."""
    return settings.cache_folder or platformdirs.user_cache_path("wellread", appauthor=False) / "models"


def _from_package(model: PinnedModel, settings: LocalModelSettings) -> LocalModelFiles:
    home = cache_folder(settings) / f"{model.name}-{model.revision[:16]}-{model.builder_version}"
    if not _is_intact(home):
        _build(model, home)
    return LocalModelFiles(
        name=model.name,
        revision=model.revision,
        graph=home / "model.onnx",
        tokenizer=home / "tokenizer.json",
        max_input_tokens=settings.max_input_tokens or model.max_input_tokens,
        pooling=settings.pooling or "mean",
        document_prefix=_stated(settings.document_prefix, model.document_prefix),
        query_prefix=_stated(settings.query_prefix, model.query_prefix),
    )


def _stated(setting: str | None, otherwise: str) -> str:
    return otherwise if setting is None else setting


def _is_intact(home: Path) -> bool:
    try:
        manifest = json.loads((home / "manifest.json").read_text(encoding="utf-8"))
        return bool(manifest) and all(sha256_file(home / name) == wanted for name, wanted in manifest.items())
    except (OSError, ValueError, AttributeError):
        return False  # Nothing there, or a half-written or damaged folder: it is built again.


def _build(model: PinnedModel, home: Path) -> None:
    source = package_folder(model)
    verify_files(source, model)
    _logger.info("building the graph of %s in %s", model.name, home)
    try:
        built = model.build(source)
    except ImportError as error:
        raise extra_missing(error.name or "onnx") from error
    contents = {"model.onnx": built.graph, "tokenizer.json": built.tokenizer}
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent, prefix=".building-") as scratch:
            folder = Path(scratch) / "model"
            folder.mkdir()
            for name, content in contents.items():
                (folder / name).write_bytes(content)
            manifest = {name: sha256_file(folder / name) for name in contents}
            (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
            _move_into_place(folder, home)
    except OSError as error:
        raise SettingsError(
            f"the graph of {model.name} in {home}",
            found=str(error),
            remedy=f"Free some space ({model.size_megabytes} MB are needed), or set cache_folder to one that can "
            "be written.",
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
        document_prefix=settings.document_prefix or "",
        query_prefix=settings.query_prefix or "",
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
