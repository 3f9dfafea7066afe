"""A pool for whole document sets, and their manifests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wellread.documents import ParsedDocument
from wellread.errors import DocumentError
from wellread.parsing import ParserPool, ParsingSettings

Outcome = ParsedDocument | DocumentError


@pytest.fixture(scope="session")
def pool() -> Iterator[ParserPool]:
    with ParserPool(ParsingSettings()) as opened:
        yield opened


@pytest.fixture(scope="session")
def manifest(corpora: Path) -> Callable[[str], list[dict[str, Any]]]:
    def rows(name: str) -> list[dict[str, Any]]:
        lines = (corpora / name / "manifest.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    return rows


@pytest.fixture(scope="session")
def outcomes(pool: ParserPool, corpora: Path) -> Callable[[str, list[str]], dict[str, Outcome]]:
    """Parses files of a set, each once; anything but a document or a document's error fails the test."""
    known: dict[Path, Outcome] = {}

    def parse_all(name: str, paths: list[str]) -> dict[str, Outcome]:
        files = {path: corpora / name / path for path in paths}
        new = {file: pool.submit(file.read_bytes(), path) for path, file in files.items() if file not in known}
        for file, future in new.items():
            try:
                known[file] = future.result()
            except DocumentError as error:
                known[file] = error
        return {path: known[file] for path, file in files.items()}

    return parse_all
