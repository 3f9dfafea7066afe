"""What the architecture tests look at: every Python file of the repository, parsed once."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE_FOLDERS = ("include", "plugins", "dags", "demo", "benchmarks")


@dataclass(frozen=True)
class Module:
    path: Path
    text: str
    tree: ast.Module

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


@cache
def parsed(*folders: str) -> tuple[Module, ...]:
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    texts = [(path, path.read_text(encoding="utf-8")) for path in paths]
    return tuple(Module(path, text, ast.parse(text)) for path, text in texts)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def code() -> tuple[Module, ...]:
    """All that is not a test."""
    modules = parsed(*CODE_FOLDERS)
    assert len(modules) > 20
    return modules


@pytest.fixture(scope="session")
def tests() -> tuple[Module, ...]:
    return parsed("tests")


@pytest.fixture(scope="session")
def dag_files() -> tuple[Module, ...]:
    return parsed("dags")
