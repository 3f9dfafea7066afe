"""Source declarations: one YAML file a source, checked field by field.

Imports only PyYAML and pydantic: DAG files read declarations in every parse.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

from wellread.errors import SettingsError, SourceUnavailableError, WellreadError
from wellread.runs import SourceDeclaration
from wellread.sources.declaration_files import read_declaration

_ID_LENGTH_CHARS = 63


def load_declaration(path: Path) -> SourceDeclaration:
    """The source that one YAML file declares.

    A relative folder is taken from the file's own place, because Airflow's working directory is anybody's guess.
    Raises ``SettingsError``, which names the file and, for every fault, the line, the field and the choices.
    """
    return read_declaration(path)


def declaration_paths(folder: Path) -> tuple[Path, ...]:
    """The ``.yaml`` and ``.yml`` files directly in a folder, sorted. Raises ``SettingsError`` without it."""
    if not folder.is_dir():
        raise SettingsError(
            f"the source declarations in {folder}",
            found="there is no such folder",
            remedy="Create it with one YAML file for each source, or set the folder that holds them",
        )
    found = (path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"} and path.is_file())
    return tuple(sorted(path for path in found if not path.name.startswith(".")))


def sound_declarations(folder: Path) -> tuple[dict[str, SourceDeclaration], list[SettingsError]]:
    """The declarations of a folder by id, and what is wrong with the others."""
    declared: dict[str, SourceDeclaration] = {}
    faults: list[SettingsError] = []
    for path in declaration_paths(folder):
        try:
            declaration = load_declaration(path)
        except SettingsError as error:
            faults.append(error)
        else:
            declared[declaration.id] = declaration
    return declared, faults


def load_declarations(folder: Path) -> tuple[SourceDeclaration, ...]:
    """All sources of a folder, by id.

    Raises one ``SettingsError`` with the faults of all files, so that they are mended in one go. To go on with the
    sound ones (one bad file must not take every DAG away), call :func:`sound_declarations`.
    """
    by_id: dict[str, tuple[SourceDeclaration, Path]] = {}
    faults: list[str] = []
    for path in declaration_paths(folder):
        try:
            declaration = read_declaration(path)
        except SettingsError as error:
            faults.append(f"{path.name}: {error.found}")
            continue
        if declaration.id in by_id:
            faults.append(f"{path.name}: id {declaration.id!r} is taken by {by_id[declaration.id][1].name}")
            continue
        by_id[declaration.id] = (declaration, path)
    if faults:
        raise SettingsError(
            f"the source declarations in {folder}",
            found="; ".join(faults),
            remedy="Mend the fields that are named; an id belongs to one file for ever",
        )
    return tuple(declaration for _, (declaration, _) in sorted(by_id.items()))


def declaration_for_folder(
    path: Path, *, collection: str = "Documents", tenant: str = "default"
) -> SourceDeclaration:
    """A folder given on the command line, as a source named after it.

    ``location`` is the absolute path with links resolved. Two folders with one name have one id: where the ledger
    knows the id with another location, the caller refuses, or takes :func:`distinct`. Raises
    ``SourceUnavailableError`` when it is no folder.
    """
    try:
        folder = path.expanduser().resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise _no_folder(path, f"{type(error).__name__}: {error}") from error
    if not folder.is_dir():
        raise _no_folder(path, "it is a file" if folder.is_file() else "it is not a folder")
    return SourceDeclaration(
        id=source_id_for_name(folder.name),
        kind="folder",
        location=str(folder),
        collection=collection,
        tenant=tenant,
    )


def distinct(declaration: SourceDeclaration) -> SourceDeclaration:
    """The same source under an id that no folder elsewhere can have: the name and eight digits of its place."""
    digest = _digest(declaration.location)
    return replace(declaration, id=f"{declaration.id[: _ID_LENGTH_CHARS - 9]}-{digest}")


def source_id_for_name(name: str) -> str:
    """A folder's name as a source id: ``Board Minutes (2024)`` becomes ``board-minutes-2024``.

    A name with nothing that an id may hold (another script) becomes ``folder-`` and eight digits of its hash.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:_ID_LENGTH_CHARS].rstrip("-_")
    return slug or f"folder-{_digest(name)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _no_folder(path: Path, found: str) -> WellreadError:
    return SourceUnavailableError(
        f"the folder {path}", found=found, remedy="Give a folder that exists, or the id of a declared source"
    )
