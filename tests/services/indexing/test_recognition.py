"""Quarantined scans are read as soon as there is something to read them with."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wellread.parsing import ParserPool, ParsingSettings

pytestmark = [pytest.mark.weaviate, pytest.mark.usefixtures("tesseract")]


def _scan(make_scan: Callable[..., Any]) -> bytes:
    buffer = io.BytesIO()
    page = make_scan(
        "The ferry leaves the island at seven every morning",
        "and returns before the evening bell rings in the harbour.",
        "Passengers with bicycles wait behind the white line",
        "on the pier until the last cart has left the deck.",
        "Dogs travel free, goats pay half, and the mayor pays twice.",
    )
    page.save(buffer, "PDF", resolution=200)
    return buffer.getvalue()


def test_a_scan_is_tried_again_when_tesseract_appears_and_nothing_is_embedded_twice(
    world: Any, make_scan: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.files.write("birch.txt", world.prose("birch"))
    world.files.write("ferry.pdf", _scan(make_scan))
    (tmp_path / "no-programs").mkdir()
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path / "no-programs"))
        with ParserPool(ParsingSettings(worker_count=1)) as pool:
            world.pool = pool
            first, second = world.ingest(), world.ingest()
    assert (first.outcomes["committed"], first.outcomes["quarantined"]) == (1, 1)
    assert (second.outcomes["unchanged"], second.outcomes["quarantined"], second.parsed) == (1, 1, 0)
    (problem,) = second.problems
    assert problem["cause"] == "no_text"
    with ParserPool(ParsingSettings(worker_count=1)) as pool:
        world.pool = pool
        third, fourth = world.ingest(), world.ingest()
    assert "quarantined" not in third.outcomes
    assert third.chunks_inserted == third.embeddings_computed == 1
    assert (fourth.outcomes["unchanged"], fourth.parsed, fourth.index_writes) == (2, 0, 0)
    assert world.search("when does the ferry leave the island")[0] == "ferry.pdf"
