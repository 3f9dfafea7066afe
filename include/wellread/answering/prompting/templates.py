"""Prompts as files: front matter that declares the variables, then one Markdown section for each message.

Rendered by Jinja2's immutable sandbox with strict undefined variables. Documents are only ever *values*: no
retrieved text is parsed as a template. A deployment overrides a prompt, its schema or its examples by a file of
the same name in a folder of its own.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wellread.answering.prompting.examples import PromptExample, parse_examples
from wellread.answering.prompting.schemas import schema_fault
from wellread.errors import SettingsError
from wellread.identities import sha256_json, sha256_text

_PARTS = re.compile(r"\A---\n(?P<front>.*?)\n---\n(?P<body>.*)\Z", re.DOTALL)
_SECTION = re.compile(r"^# (system|user)[ \t]*\n", re.MULTILINE)
_FILE_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"

ReadCompanion = Callable[[str], str]
"""The text of a file beside a prompt, by its name. Raises ``SettingsError``."""


class ModelHints(BaseModel):
    """What a prompt wants of the model; a deployment's own settings win."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    output_tokens: int | None = Field(default=None, ge=1, description="A reply needs at most so many tokens.")
    temperature: float | None = Field(default=None, ge=0, le=2, description="None: whatever the model has.")


class PromptFrontMatter(BaseModel):
    """The head of a prompt file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="What the prompt is for.")
    version: int = Field(ge=1, description="Raised with every change of the wording.")
    variables: tuple[str, ...] = Field(description="What must be given to render it, no more and no less.")
    reply_schema: Mapping[str, Any] | str | None = Field(
        default=None,
        alias="schema",
        description="The JSON Schema that the reply follows, or NAME of a file NAME.schema.json beside the prompt.",
    )
    model: ModelHints = Field(default=ModelHints(), description="Hints for the model.")
    examples: str | None = Field(
        default=None, pattern=_FILE_NAME, description="A JSONL file of worked examples beside the prompt."
    )


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A prompt that can be rendered."""

    front_matter: PromptFrontMatter
    sections: tuple[tuple[str, str], ...]
    """(role, source) in order."""
    sha256: str
    """Of the whole file, with its schema and its examples: kept with every answer that it made."""
    schema: Mapping[str, Any] | None = None
    """What the reply must follow."""
    examples: tuple[PromptExample, ...] = ()
    """All of its file: which ones a question is given is chosen later."""

    def render(self, values: Mapping[str, str]) -> tuple[Mapping[str, str], ...]:
        """The messages. Raises ``SettingsError`` where a variable is missing or unknown."""
        declared = set(self.front_matter.variables)
        if set(values) != declared:
            raise SettingsError(
                f"render the prompt {self.front_matter.name!r}",
                found=f"it was given {sorted(values)}",
                remedy=f"Give exactly its variables: {sorted(declared)}.",
            )
        environment = _environment()
        try:
            return tuple(
                {"role": role, "content": environment.from_string(source).render(values).strip()}
                for role, source in self.sections
            )
        except TemplateError as error:
            raise _broken(self.front_matter.name, str(error)) from error

    def render_declared(self, values: Mapping[str, str]) -> tuple[Mapping[str, str], ...]:
        """The messages from those of the values that it declares: a deployment's prompt may do without some."""
        declared = self.front_matter.variables
        return self.render({name: value for name, value in values.items() if name in declared})


def load_prompt(name: str, *, folder: Path | None = None) -> PromptTemplate:
    """The prompt ``name``: the deployment's file in ``folder`` where there is one, else the package's.

    Raises ``SettingsError`` for a prompt that is missing, malformed, or uses what it does not declare.
    """

    def read(file_name: str) -> str:
        return _read_text(name, file_name, folder)

    return parse_prompt(name, read(f"{name}.md"), read=read)


def _read_text(name: str, file_name: str, folder: Path | None) -> str:
    if re.match(_FILE_NAME, file_name) is None:
        raise _broken(name, f"{file_name!r} is no plain file name")
    own = folder / file_name if folder is not None else None
    packaged = importlib.resources.files("wellread.prompts").joinpath(file_name)
    try:
        return own.read_text("utf-8") if own is not None and own.exists() else packaged.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"load the prompt {name!r}",
            found=str(error),
            remedy="Check its name, and that the file is UTF-8.",
        ) from error


def parse_prompt(name: str, text: str, *, read: ReadCompanion | None = None) -> PromptTemplate:
    """The prompt in a text; ``read`` gets the files that it names. Raises ``SettingsError``."""
    parts = _PARTS.match(text.replace("\r\n", "\n"))
    if parts is None:
        raise _broken(name, "it does not begin with front matter between two lines of ---")
    try:
        front: Any = yaml.safe_load(parts.group("front"))
        front_matter = PromptFrontMatter.model_validate(front)
    except (yaml.YAMLError, ValidationError) as error:
        raise _broken(name, f"its front matter is wrong: {error}") from error
    pieces = _SECTION.split(parts.group("body"))
    sections = tuple(zip(pieces[1::2], pieces[2::2], strict=True))
    if pieces[0].strip() or not sections:
        raise _broken(name, "its body does not begin with a line '# system' or '# user'")
    _check_variables(name, front_matter, sections)
    schema = _schema_of(name, front_matter, read)
    examples = _companion(name, front_matter.examples, read) if front_matter.examples else ""
    return PromptTemplate(
        front_matter,
        sections,
        sha256_json([text, schema, examples]) if schema or examples else sha256_text(text),
        schema=schema,
        examples=parse_examples(examples, name=str(front_matter.examples), schema=schema),
    )


def _schema_of(name: str, front_matter: PromptFrontMatter, read: ReadCompanion | None) -> Mapping[str, Any] | None:
    schema = front_matter.reply_schema
    if isinstance(schema, str):
        try:
            schema = json.loads(_companion(name, f"{schema}.schema.json", read))
        except ValueError as error:
            raise _broken(name, f"its schema is no JSON ({error})") from error
    fault = schema_fault(schema) if schema is not None else None
    if fault is not None:
        raise _broken(name, f"its schema is wrong: {fault}")
    return schema


def _companion(name: str, file_name: str, read: ReadCompanion | None) -> str:
    if read is None:
        raise _broken(name, f"it names the file {file_name!r}, but was not read from a folder")
    return read(file_name)


def _check_variables(name: str, front_matter: PromptFrontMatter, sections: tuple[tuple[str, str], ...]) -> None:
    environment = _environment()
    used: set[str] = set()
    for _, source in sections:
        try:
            used |= meta.find_undeclared_variables(environment.parse(source))
        except TemplateError as error:
            raise _broken(name, str(error)) from error
    if used != set(front_matter.variables):
        raise _broken(name, f"it declares {sorted(front_matter.variables)} but uses {sorted(used)}")


def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


def _broken(name: str, found: str) -> SettingsError:
    return SettingsError(f"read the prompt {name!r}", found=found, remedy="Mend the prompt file.")
