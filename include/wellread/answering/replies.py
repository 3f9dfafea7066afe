"""A model's reply as JSON, whatever it wrapped it in; and the error of one that is none."""

from __future__ import annotations

import json
import re
from typing import Any

from wellread.errors import DocumentError

_FENCED = re.compile(r"```(?:json)?\s*\n(?P<inside>.*?)\n?```", re.DOTALL)


def json_in(text: str) -> dict[str, Any]:
    """The one object in a reply; a code fence around it, or words before and after it, are looked past.

    Raises ``DocumentError`` with the cause ``malformed_response``.
    """
    fenced = _FENCED.search(text)
    candidates = [text, fenced.group("inside") if fenced else "", text[text.find("{") : text.rfind("}") + 1]]
    for candidate in candidates:
        try:
            value = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    raise malformed("it is no JSON object")


def malformed(found: str, *, cause: str = "malformed_response") -> DocumentError:
    """A reply that makes no sense."""
    return DocumentError(
        "read the reply of a language model",
        found=found,
        remedy="Ask a model that follows JSON schemas, or raise chat.output_tokens where replies are cut.",
        stage="answer",
        cause=cause,
    )
