"""The page ``docs/reference/settings.md``, made of the settings classes: ``python -m`` this module prints it.

A test holds the page equal to what is printed here.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, HttpUrl, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from wellread.models.chat.settings import ChatModelSettings
from wellread.workspace.settings import PREFIX, Settings

_INTRODUCTION = f"""# Settings

Made by `python -m wellread.workspace.settings_reference`; edit the settings classes, not this page.

`room.field` is a nested key of `wellread.yaml` in `WELLREAD_HOME` (or of the file in `WELLREAD_SETTINGS`), and the
variable `{PREFIX}<ROOM>__<FIELD>`: `chat.price.batch_ratio` is `{PREFIX}CHAT__PRICE__BATCH_RATIO`. The environment
wins over the file; lists and mappings are JSON there. An unknown name is refused with the one it may have meant.
"""
_HEAD = "| setting | values | default | |\n|---|---|---|---|"
_WORDS: dict[Any, str] = {
    bool: "true, false",
    int: "integer",
    float: "number",
    str: "text",
    Path: "path",
    SecretStr: "secret",
    HttpUrl: "URL",
}
_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def reference() -> str:
    """The whole page."""
    rooms = {name: field for name, field in Settings.model_fields.items() if _model_of(field.annotation)}
    alone = [_row(name, field) for name, field in Settings.model_fields.items() if name not in rooms]
    parts = [_INTRODUCTION, "\n".join(["## The deployment", "", _HEAD, *alone])]
    for name, field in rooms.items():
        model = _model_of(field.annotation)
        assert model is not None
        parts.append("\n".join([f"## `{name}`", "", _summary(model), "", _HEAD, *_rows(model, f"{name}.")]))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def main() -> int:
    """Print the page."""
    sys.stdout.write(reference())
    return 0


def _rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = _model_of(field.annotation)
        if inner is None:
            yield _row(prefix + name, field)
        elif inner is ChatModelSettings:
            yield _row(prefix + name, field, values="as `chat`")
        else:
            if field.description:
                yield _row(prefix + name, field, values="as below")
            yield from _rows(inner, f"{prefix}{name}.")


def _row(name: str, field: FieldInfo, *, values: str | None = None) -> str:
    shown = values if values is not None else _values(field.annotation) + _bounds(field)
    cells = [f"`{name}`", shown, _default(field), field.description or ""]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _summary(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The settings class in an annotation, also in an optional or a repeated one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [model for part in get_args(annotation) if (model := _model_of(part)) is not None]
    return found[0] if found else None


def _values(annotation: Any) -> str:
    origin, parts = get_origin(annotation), [part for part in get_args(annotation) if part is not type(None)]
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in {Union, types.UnionType}:
        return " or ".join(dict.fromkeys(_values(part) for part in parts))
    if origin is tuple:
        inner = _values(parts[0])
        return f"list of {inner}" if parts[0] in _WORDS else f"some of {inner}"
    if origin is not None:
        return "mapping"
    return _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _bounds(field: FieldInfo) -> str:
    found = [
        f"{sign} {getattr(one, name):g}"
        for one in field.metadata
        for name, sign in _SIGNS.items()
        if getattr(one, name, None) is not None
    ]
    return f" {', '.join(found)}" if found else ""


def _default(field: FieldInfo) -> str:
    default = field.default
    if field.default_factory is not None:
        return "a per-user folder" if field.annotation is Path else "none"
    if isinstance(default, BaseModel) or default is PydanticUndefined:
        return "" if isinstance(default, BaseModel) else "must be set"
    if default in (None, (), ""):
        return "none"
    values = default if isinstance(default, tuple) else (default,)
    return ", ".join(f"`{str(one).lower() if isinstance(one, bool) else one}`" for one in values)


if __name__ == "__main__":
    sys.exit(main())
