"""Bodies are checked where they come in and understood where they are read, for every provider alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from wellread.errors import DocumentError, ResponseUnknownError
from wellread.models.chat.protocol import ChatRequest


def refuse_bad_text(request: ChatRequest, *, asked: str) -> None:
    """Raise ``DocumentError`` (stage ``answer``, cause ``bad_text``) where a text is no Unicode.

    A lone surrogate cannot be sent; left to the SDKs it looks like a broken connection.
    """
    for text in _texts(request):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise DocumentError(
                asked,
                found="no Unicode text (a lone surrogate)",
                remedy="Clean the question or the document.",
                stage="answer",
                cause="bad_text",
            ) from error


def checked_body(body: bytes, *, asked: str) -> Mapping[str, object]:
    """The JSON object in a body that has just come in.

    Raises:
        ResponseUnknownError: It is damaged: the reply was computed, and perhaps billed.
    """
    try:
        return _json_object(body)
    except ValueError as error:
        raise ResponseUnknownError(
            asked, found=f"a damaged body ({error})"[:300], remedy="Ask again; if it stays, look at the server."
        ) from error


def stored_body(body: bytes, *, asked: str) -> Mapping[str, object]:
    """The JSON object in a stored body; raises as ``malformed`` says."""
    try:
        return _json_object(body)
    except ValueError as error:
        raise malformed(asked, f"a damaged body ({error})"[:300]) from error


def malformed(asked: str, found: str) -> DocumentError:
    """The error of a body that is no reply: stage ``answer``, cause ``malformed_response``."""
    return DocumentError(
        asked,
        found=found,
        remedy="Look at the stored response; ask again without it.",
        stage="answer",
        cause="malformed_response",
    )


def mapping(value: object) -> Mapping[str, object]:
    """``value`` where it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Iterable[Mapping[str, object]]:
    """The objects in ``value`` where it is a list, else none."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def count(value: object) -> int:
    """``value`` where it is a number of things, else 0. Cohere counts tokens in floats."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return max(0, int(value)) if is_number else 0  # type: ignore[call-overload]  # it is a number


def _json_object(body: bytes) -> Mapping[str, object]:
    value = json.loads(body)
    if not isinstance(value, dict):
        raise ValueError(f"{type(value).__name__} where an object belongs")  # noqa: TRY004 - as any damage
    return value


def _texts(request: ChatRequest) -> Iterable[str]:
    yield from (message.content for message in request.messages)
    for document in request.documents:
        yield from (document.id, document.title, document.text)
