"""What tasks are given to work on: questions and filters, as a file, a list, a mapping or a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wellread.errors import SettingsError
from wellread.questions import Question
from wellread_airflow.files import read_question_file
from wellread_airflow.form_values import text_or_none

if TYPE_CHECKING:
    from wellread.filters import Filter


def questions_of(given: str | Sequence[Any], *, what: str = "questions") -> list[Question]:
    """Questions of a file (its path or URI), or of a list of texts or of mappings with ``question``.

    Raises ``QuestionsFileError``, ``SettingsError``.
    """
    if isinstance(given, str):
        return read_question_file(given)
    return [_question(number, item, what) for number, item in enumerate(given, 1)]


def _question(number: int, item: Any, what: str) -> Question:
    if isinstance(item, str):
        return Question(id=f"row-{number}", text=item.strip())
    if isinstance(item, dict) and isinstance(item.get("question"), str):
        others = {str(name): str(value) for name, value in item.items() if name not in {"id", "question"}}
        return Question(id=str(item.get("id") or f"row-{number}"), text=item["question"].strip(), columns=others)
    raise SettingsError(
        f"read {what}, item {number}",
        found=f"it is a {type(item).__name__}",
        remedy="Give texts, or mappings with a text under 'question'.",
    )


def filter_of(given: dict[str, Any] | str | None) -> Filter | None:
    """The filter that a mapping or a JSON text means; ``None`` for nothing. Raises ``SettingsError``."""
    from wellread.filter_json import filter_from_text, from_json

    if isinstance(given, dict):
        return from_json(given)
    text = text_or_none(given)
    return None if text is None else filter_from_text(text)
