"""Prompts as files: front matter that declares the variables, then one Markdown section for each message.

Rendered by Jinja2's immutable sandbox with strict undefined variables. Documents are only ever *values*: no
retrieved text is parsed as a template. A deployment overrides a prompt by a file of the same name in a folder
of its own.
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wellread.errors import SettingsError
from wellread.identities import sha256_text

_PARTS = re.compile(r"\A---\n(?P<front>.*?)\n---\n(?P<body>.*)\Z", re.DOTALL)
_SECTION = re.compile(r"^# (system|user)[ \t]*\n", re.MULTILINE)


class PromptFrontMatter(BaseModel):
    """The head of a prompt file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="What the prompt is for.")
    version: int = Field(ge=1, description="Raised with every change of the wording.")
    variables: tuple[str, ...] = Field(description="What must be given to render it, no more and no less.")


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A prompt that can be rendered."""

    front_matter: PromptFrontMatter
    sections: tuple[tuple[str, str], ...]
    """(role, source) in order."""
    sha256: str
    """Of the whole file: kept with every answer that it made."""

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


def load_prompt(name: str, *, folder: Path | None = None) -> PromptTemplate:
    """The prompt ``name``: the deployment's file in ``folder`` where there is one, else the package's.

    Raises ``SettingsError`` for a prompt that is missing, malformed, or uses what it does not declare.
    """
    own = folder / f"{name}.md" if folder is not None else None
    packaged = importlib.resources.files("wellread.prompts").joinpath(f"{name}.md")
    try:
        text = own.read_text("utf-8") if own is not None and own.exists() else packaged.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"load the prompt {name!r}",
            found=str(error),
            remedy="Check its name, and that the file is UTF-8.",
        ) from error
    return parse_prompt(name, text)


def parse_prompt(name: str, text: str) -> PromptTemplate:
    """The prompt in a text. Raises ``SettingsError``."""
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
    return PromptTemplate(front_matter, sections, sha256_text(text))


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
