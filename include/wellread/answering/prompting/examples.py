"""Worked examples for a prompt: read strictly from a file, chosen for a question.

A file has one JSON object a line: ``{"question", "evidence": [{"title", "text"}, ...], "answer": {...}}``, where
``answer`` is the reply that a model should have given. In a prompt an example is a turn of the user and one of the
assistant, made with the same template as the question itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wellread.answering.prompting.schemas import schema_problem
from wellread.errors import SettingsError

ExampleChoice = Literal["fixed", "similar"]
Embed = Callable[[Sequence[str]], Any]
"""Texts to vectors: an array of shape (texts, dimensions), or as many sequences of numbers."""


class ExampleEvidence(BaseModel):
    """One passage of an example."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: str = ""
    text: str = Field(min_length=1)


class PromptExample(BaseModel):
    """A question with its evidence and the reply that it should get."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    question: str = Field(min_length=1)
    evidence: list[ExampleEvidence] = Field(default_factory=list)
    answer: dict[str, Any]


def parse_examples(
    text: str, *, name: str, schema: Mapping[str, object] | None = None
) -> tuple[PromptExample, ...]:
    """The examples in the text of a JSONL file called ``name``; blank lines are skipped.

    Raises ``SettingsError`` with the file and the line for anything that is not an example, or whose answer does
    not follow the schema.
    """
    examples = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            example = PromptExample.model_validate(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise _broken(name, number, _told(error)) from error
        problem = schema_problem(example.answer, schema) if schema is not None else None
        if problem is not None:
            raise _broken(name, number, f"its answer does not follow the schema: {problem}")
        examples.append(example)
    return tuple(examples)


def choose_examples(
    examples: Sequence[PromptExample],
    question: str,
    *,
    count: int,
    how: ExampleChoice = "fixed",
    embed: Embed | None = None,
) -> tuple[PromptExample, ...]:
    """At most ``count`` examples: the first ones, or those whose questions are most like this one.

    ``similar`` puts the most similar last, next to the question; ties go by the order of the file. Raises
    ``SettingsError`` where it has no embedder.
    """
    if count <= 0 or not examples:
        return ()
    if how == "fixed":
        return tuple(examples[:count])
    if embed is None:
        raise SettingsError(
            "choose examples like the question",
            found="there is no embedder",
            remedy="Choose the examples 'fixed', or configure an embedder.",
        )
    vectors = np.asarray(embed([question, *(example.question for example in examples)]), dtype=np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    vectors = vectors / np.where(lengths > 0, lengths, 1.0)[:, None]
    nearest = np.argsort(-(vectors[1:] @ vectors[0]), kind="stable")[:count]
    return tuple(examples[int(index)] for index in reversed(nearest))


def _told(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc']) or 'the line'}: {first['msg']}"
    return f"it is no JSON ({error})"


def _broken(name: str, line: int, found: str) -> SettingsError:
    return SettingsError(
        f"read the examples {name}, line {line}",
        found=found,
        remedy='Write one {"question": ..., "evidence": [{"title": ..., "text": ...}], "answer": {...}} a line.',
    )
