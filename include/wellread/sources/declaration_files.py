"""The YAML form of a source declaration, and errors that say where it is wrong."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from wellread.errors import SettingsError
from wellread.runs import AccessRules, SourceDeclaration
from wellread.sources.globs import PathRules

_PRESETS = ("@once", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly", "@continuous")
_CRON = re.compile(r"\S+( \S+){4,5}")
_S3_LOCATION = re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9.-]{1,61}[A-Za-z0-9](/.*)?", re.DOTALL)
_FieldValue = str | int | float | bool


class AccessFields(BaseModel):
    """The fields of ``access``; the meaning of each is at ``AccessRules``."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    read_from: Literal["sidecar", "tag", "metadata"] = Field(alias="from")
    name: str = Field(default="acl", min_length=1)
    missing: Literal["default", "hide"] = "default"
    unreadable: Literal["hide", "keep"] = "hide"


class DeclarationFile(BaseModel):
    """The fields of a declaration file; the meaning of each is at ``SourceDeclaration``."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    kind: Literal["folder", "s3"]
    location: str = Field(min_length=1)
    collection: str = Field(default="Documents", pattern=r"^[A-Z][A-Za-z0-9]{0,62}$")
    tenant: str = Field(default="default", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")
    schedule: str | None = None
    include: tuple[str, ...] = Field(default=("**/*",), min_length=1)
    exclude: tuple[str, ...] = ()
    hidden_files: bool = False
    follow_symlinks: bool = False
    acl: tuple[str, ...] = Field(default=("*",), min_length=1)
    access: AccessFields | None = None
    fields: dict[str, _FieldValue] = Field(default_factory=dict)
    endpoint_url: str | None = Field(default=None, pattern=r"^https?://[^/\s]")
    connection_id: str | None = None
    profile: str = Field(default="default", min_length=1)
    description: str = ""
    owner: str = Field(default="wellread", min_length=1)
    on_failure: Literal["keep", "hide"] = "keep"
    declared_at: datetime | None = None

    @field_validator("schedule")
    @classmethod
    def _check_schedule(cls, schedule: str | None) -> str | None:
        if schedule is None or schedule in _PRESETS or _CRON.fullmatch(schedule):
            return schedule
        raise ValueError(
            f"not a cron line of five fields, nor one of {', '.join(_PRESETS)}{_hint(schedule, _PRESETS)}"
        )

    @field_validator("include", "exclude")
    @classmethod
    def _check_patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        if "" in patterns:
            raise ValueError("an empty pattern matches nothing")
        try:
            PathRules(include=patterns, exclude=())
        except re.error as error:
            raise ValueError(f"a pattern cannot be read: {error}") from error
        return patterns

    @field_validator("acl")
    @classmethod
    def _sort_acl(cls, acl: tuple[str, ...]) -> tuple[str, ...]:
        if any(group.startswith("!") for group in acl):
            raise ValueError("no group's name begins with !")
        return tuple(sorted(set(acl)))

    @field_validator("fields")
    @classmethod
    def _check_fields(cls, fields: dict[str, _FieldValue]) -> dict[str, _FieldValue]:
        bad = [name for name in fields if not re.fullmatch(r"[a-z][A-Za-z0-9_]{0,62}", name)]
        if bad:
            raise ValueError(f"a field's name is a lower-case letter, then letters, digits and _; not {bad[0]!r}")
        return fields

    @field_validator("declared_at")
    @classmethod
    def _as_utc(cls, declared_at: datetime | None) -> datetime | None:
        if declared_at is None:
            return None
        return declared_at.replace(tzinfo=UTC) if declared_at.tzinfo is None else declared_at.astimezone(UTC)

    @model_validator(mode="after")
    def _check_kind(self) -> DeclarationFile:
        is_s3 = self.location.startswith("s3://")
        if self.kind == "s3" and not _S3_LOCATION.fullmatch(self.location):
            raise ValueError("location: with kind s3 it reads s3://bucket or s3://bucket/prefix")
        if self.kind == "folder" and is_s3:
            raise ValueError("kind: location is an S3 address; write kind: s3")
        if self.access is not None and self.access.read_from != "sidecar" and self.kind == "folder":
            raise ValueError(f"access: files of a folder have no {self.access.read_from}; write from: sidecar")
        of_other_kind = {"folder": ("endpoint_url",), "s3": ("hidden_files", "follow_symlinks")}[self.kind]
        for name in of_other_kind:
            if getattr(self, name):
                raise ValueError(f"{name}: has no meaning with kind {self.kind}; leave it out")
        return self


def read_declaration(path: Path) -> SourceDeclaration:
    """The checked declaration of one file. Raises ``SettingsError`` with every fault of the file."""
    content, lines = _read_yaml(path)
    try:
        file = DeclarationFile.model_validate(content)
    except ValidationError as error:
        faults = [_explain(detail, lines) for detail in error.errors(include_url=False)]
        raise _refused(path, faults) from error
    values = file.model_dump()
    values["access"] = None if file.access is None else AccessRules(**values["access"])
    if file.kind == "folder":
        values["location"] = str((path.parent / Path(file.location).expanduser()).resolve())
    return SourceDeclaration(**values)


def _read_yaml(path: Path) -> tuple[object, dict[str, int]]:
    """The content, and for each top-level key the line on which it stands (from 1)."""
    try:
        text = path.read_text("utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content: object = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(path, [f"it cannot be read ({type(error).__name__}: {error})"]) from error
    except (yaml.YAMLError, ValueError) as error:
        raise _refused(path, [f"it is not valid YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(node, yaml.MappingNode):
        raise _refused(path, ["it holds no fields; write `id: …` and so on, one field a line"])
    lines: dict[str, int] = {}
    for key, _ in node.value:
        name = str(key.value)
        if name in lines:
            raise _refused(
                path, [f"line {key.start_mark.line + 1}: {name} stands twice (also on line {lines[name]})"]
            )
        lines[name] = key.start_mark.line + 1
    return content, lines


def _explain(detail: ErrorDetails, lines: dict[str, int]) -> str:
    names = tuple(DeclarationFile.model_fields)
    where = ".".join(str(part) for part in detail["loc"])
    message = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:  # a rule over several fields begins with the field's name
        where, _, message = message.partition(": ")
    top = where.split(".")[0]
    line = f"line {lines[top]}: " if top in lines else ""
    if detail["type"] == "extra_forbidden":
        return f"{line}{where} is not a field{_hint(where, names)}; the fields are {', '.join(names)}"
    if detail["type"] == "missing":
        return f"{where} is missing{_example(where)}"
    return f"{line}{where}: {message}{_choices(detail)}; found {_shown(detail, top)}"


def _example(name: str) -> str:
    examples = {
        "id": " (a permanent name of lower-case letters, digits, - and _)",
        "kind": " (folder or s3)",
        "location": " (a folder's path, or s3://bucket/prefix)",
    }
    return examples.get(name, "")


def _choices(detail: ErrorDetails) -> str:
    if detail["type"] != "literal_error" or not isinstance(detail["input"], str):
        return ""
    return _hint(detail["input"], ("folder", "s3"))


def _shown(detail: ErrorDetails, top: str) -> str:
    found: Any = detail["input"]
    if isinstance(found, dict) and not detail["loc"]:
        found = found.get(top)
    text = repr(found)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _hint(word: str, choices: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _refused(path: Path, faults: list[str]) -> SettingsError:
    return SettingsError(
        f"the source declaration {path}",
        found="; ".join(faults),
        remedy="Mend the file; the other sources are not touched",
    )
