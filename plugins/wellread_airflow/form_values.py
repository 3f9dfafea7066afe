"""Options that may come from a form: what a template renders is text, and an empty field means no value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from wellread.errors import SettingsError

_EMPTY = {"", "none", "null"}
_FLAGS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def text_or_none(value: object) -> str | None:
    """The text without white space around it; ``None`` for an empty one and for what templates make of ``None``."""
    if value is None:
        return None
    text = str(value).strip()
    return None if text.lower() in _EMPTY else text


def number_or_none(value: object, name: str) -> float | None:
    """A number. Raises ``SettingsError``."""
    text = text_or_none(value)
    try:
        return None if text is None else float(text)
    except ValueError as error:
        raise _refused(name, text, "Give a number, or nothing.") from error


def count_or_none(value: object, name: str) -> int | None:
    """A whole number. Raises ``SettingsError``."""
    text = text_or_none(value)
    try:
        return None if text is None else int(text)
    except ValueError as error:
        raise _refused(name, text, "Give a whole number, or nothing.") from error


def moment_or_none(value: object, name: str) -> datetime | None:
    """An aware moment; one without a zone is taken as UTC, as Airflow's templates write it. ``SettingsError``."""
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    text = text_or_none(value)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _refused(name, text, "Give a moment like 2026-01-31T08:00:00Z, or nothing.") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def is_set(value: object, name: str) -> bool:
    """A box that is ticked or not. Raises ``SettingsError``."""
    text = text_or_none(value)
    if text is None:
        return False
    if text.lower() not in _FLAGS:
        raise _refused(name, text, "Give true or false.")
    return _FLAGS[text.lower()]


def one_of(value: object, allowed: Sequence[str], name: str) -> str | None:
    """One of the words that are allowed. Raises ``SettingsError``."""
    text = text_or_none(value)
    if text is not None and text not in allowed:
        raise _refused(name, text, f"Give one of {', '.join(allowed)}, or nothing.")
    return text


def _refused(name: str, text: str | None, remedy: str) -> SettingsError:
    return SettingsError(f"read the option {name}", found=f"it is {text!r}", remedy=remedy)
