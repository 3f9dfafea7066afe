"""What the pages say exists: links, settings, variables, commands, options, snippets."""

from __future__ import annotations

import json
import re
import shlex
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
import yaml
from pydantic import BaseModel, SecretStr

from wellread.cli.commands import app
from wellread.filter_json import filter_from_text
from wellread.sources.declarations import load_declaration
from wellread.workspace import Settings, load_settings
from wellread.workspace.settings import _OWN_VARIABLES
from wellread.workspace.settings_reference import reference

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
HOW_TOS = tuple(path for path in PAGES if path.parent.name == "how-to")
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<target>[^)\s]+)\)")
_FENCED = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_SETTING = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+")
_VARIABLE = re.compile(r"\bWELLREAD_[A-Z0-9_]+\b")
_OF_AIRFLOW = re.compile(r"AIRFLOW_CONN_WELLREAD_\w+")
DECLARATION = "# dags/sources/"
NO_SETTINGS = {"server.url", "server.openai_url"}
"""Of the testing server."""


@dataclass(frozen=True)
class Block:
    page: Path
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.stem}: {self.text.strip().splitlines()[0][:50]}"


def blocks(*languages: str, pages: tuple[Path, ...] = PAGES) -> Iterator[Block]:
    for page in pages:
        for found in _FENCED.finditer(page.read_text("utf-8")):
            if found["language"] in languages:
                yield Block(page, found["language"], found["text"])


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", text), re.MULTILINE)
    plain = (unicodedata.normalize("NFC", heading).lower().replace("`", "") for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def field_of(path: str) -> bool:
    """Whether a dotted path names a setting."""
    model: Any = Settings
    for part in path.split("."):
        if not (isinstance(model, type) and issubclass(model, BaseModel)) or part not in model.model_fields:
            return False
        annotation = model.model_fields[part].annotation
        inner = [one for one in get_args(annotation) if isinstance(one, type) and issubclass(one, BaseModel)]
        model = inner[0] if inner else annotation
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for found in _LINK.finditer(_FENCED.sub("", page.read_text("utf-8"))):
        target, _, anchor = found["target"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and anchor not in anchors(path.read_text("utf-8"))):
            dead.append(found["target"])
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_settings_and_variables_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    named = {word.split(":")[0] for word in _INLINE.findall(text)}
    dotted = {name for name in named if _SETTING.fullmatch(name) and name.split(".")[0] in Settings.model_fields}
    unknown = {name for name in dotted - NO_SETTINGS if not name.endswith((".md", ".py")) and not field_of(name)}
    assert unknown == set()
    compose = "".join(path.read_text("utf-8") for path in sorted((ROOT / "docker").glob("*.yaml")))
    variables = set(_VARIABLE.findall(_OF_AIRFLOW.sub("", text))) - _OWN_VARIABLES - set(_VARIABLE.findall(compose))
    paths = {name: name.removeprefix("WELLREAD_").lower().replace("__", ".") for name in variables}
    paths = {name: path for name, path in paths.items() if path.strip("._")}  # WELLREAD_* and WELLREAD_<ROOM>
    assert {name for name, path in paths.items() if not field_of(path)} == set()


def _commands_of(block: str) -> Iterator[list[str]]:
    for line in block.splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True) if line.strip() else []
        if words and words[0] == "wellread":
            yield words[1:]


def _command(words: list[str]) -> tuple[Any, list[str]] | None:
    group: Any = typer.main.get_command(app)
    while words and hasattr(group, "commands") and words[0] in group.commands:
        group, words = group.commands[words[0]], words[1:]
    return None if hasattr(group, "commands") else (group, words)


def test_commands_and_options_that_the_pages_show_exist() -> None:
    commands = [words for words in _all_commands() if "|" not in words]  # but for the README's list of them
    assert len(commands) > 10
    wrong = []
    for words in commands:
        found = _command(words)
        options = found[0].params if found is not None else ()
        known = {name for option in options for name in (*option.opts, *option.secondary_opts)}
        if found is None or {word for word in found[1] if word.startswith("--")} - known - {"--help"}:
            wrong.append(" ".join(words))
    assert wrong == []


def test_commands_that_a_sentence_names_exist() -> None:
    inline = {line for page in PAGES for line in _INLINE.findall(page.read_text("utf-8"))}
    named = {line.split()[1] for line in inline if line.startswith("wellread ") and "<" not in line}
    assert "doctor" in named
    assert named <= set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def _assert_arrived(given: Mapping[str, Any], found: BaseModel) -> None:
    for name, value in given.items():
        field = getattr(found, name)
        if isinstance(field, BaseModel):
            _assert_arrived(value, field)
        elif isinstance(value, str | int | float):
            text = field.get_secret_value() if isinstance(field, SecretStr) else field
            assert str(text).rstrip("/") == str(type(field)(value) if isinstance(value, int) else value)


@pytest.mark.parametrize("block", list(blocks("yaml", pages=HOW_TOS)), ids=str)
def test_a_yaml_block_is_what_a_deployment_may_write(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if block.text.startswith(DECLARATION):
        path = tmp_path / block.text.split("\n", 1)[0].rpartition("/")[2]
        path.write_text(block.text, "utf-8")
        assert load_declaration(path).id == path.stem
        return
    path = tmp_path / "wellread.yaml"
    path.write_text(block.text, "utf-8")
    monkeypatch.setenv("WELLREAD_SETTINGS", str(path))
    settings = load_settings()
    _assert_arrived(yaml.safe_load(block.text), settings)


def test_variables_that_a_page_exports_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    exported = 0
    for block in blocks("sh", "console", pages=HOW_TOS):
        with monkeypatch.context() as patch:
            for line in block.text.splitlines():
                if line.startswith("export WELLREAD_"):
                    name, _, value = shlex.split(line, comments=True)[1].partition("=")
                    patch.setenv(name, value)
                    exported += 1
            load_settings()
    assert exported >= 4


def test_filters_that_a_page_shows_are_read() -> None:
    (block,) = (one for one in blocks("json") if one.page.stem == "retrieval")
    lines = block.text.strip().splitlines()
    assert len(lines) >= 10
    for line in lines:
        filter_from_text(line)
    shown = [words[words.index("--filter") + 1] for words in _all_commands() if "--filter" in words]
    assert shown
    for text in shown:
        filter_from_text(text)


def _all_commands() -> Iterator[list[str]]:
    for block in blocks("sh", "console", ""):
        yield from _commands_of(block.text)


def test_the_reference_of_settings_is_made_of_the_settings() -> None:
    page = ROOT / "docs" / "reference" / "settings.md"
    again = "make it again: python -m wellread.workspace.settings_reference > docs/reference/settings.md"
    assert page.read_text("utf-8") == reference(), again


def test_decisions_are_short_and_numbered_in_order() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    lengths = {name: len((ROOT / "docs" / "decisions" / name).read_text("utf-8").splitlines()) for name in names}
    assert {name: lines for name, lines in lengths.items() if lines > 25} == {}


def test_every_json_block_of_a_page_is_json_or_lines_of_it() -> None:
    for block in blocks("json"):
        try:
            json.loads(block.text)
        except ValueError:
            for line in block.text.strip().splitlines():
                json.loads(line)
