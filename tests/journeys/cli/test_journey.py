"""A person at the shell: ingest, search, ask, change, hold, approve, quarantine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.weaviate

TOPICS = ("amber", "birch", "cedar", "dogwood", "elm", "fir", "grape", "hazel")


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    for topic in TOPICS:
        text = (
            f"The {topic} harbour has nine cranes. Each crane of {topic} is painted red every spring by its crew."
        )
        (folder / f"{topic}.txt").write_text(text, "utf-8")
    return folder


def test_the_whole_way(shell: Any, deployed: Any, papers: Path) -> None:
    planned = shell("ingest", str(papers), "--dry-run", "--json")
    assert planned.code == 0
    assert planned.said["work"] == {"new": 8}
    first = shell("ingest", str(papers), "--json")
    assert first.code == 0, first.out
    sheet = first.said
    assert (sheet["published"], sheet["documents"]["committed"]) == (True, 8)
    assert set(sheet["documents"]) == {
        *("listed", "unchanged", "committed", "moved", "deleted", "held"),
        *("quarantined", "unsupported", "failed_transient", "pending", "gone"),
    }
    found = shell("search", "amber cranes painted red", "--k", "3", "--json").said
    assert found["passages"][0]["document"] == "amber.txt"
    status = shell("status", "--json").said
    assert status["sources"][0]["documents"] == 8

    for topic in TOPICS[:6]:
        (papers / f"{topic}.txt").unlink()
    (papers / "broken.pdf").write_bytes(b"%PDF-1.4\nnothing\n")
    held = shell("ingest", str(papers), "--json")
    assert held.code == 0
    assert (held.said["documents"]["held"], held.said["documents"]["quarantined"]) == (6, 1)
    assert "wellread approve papers" in " ".join(held.said["notes"])
    assert shell("quarantine", "--json").said["quarantine"][0]["document"] == "broken.pdf"
    assert shell("approve", "papers", "--json").said["approved"] == 6
    after = shell("ingest", str(papers), "--json").said
    assert after["documents"]["deleted"] == 6
    found = shell("search", "amber cranes painted red", "--json").said
    assert {one["document"] for one in found["passages"]} <= {"grape.txt", "hazel.txt"}


def test_a_search_before_the_first_ingest_says_what_to_do(shell: Any, deployed: Any) -> None:
    ended = shell("search", "anything", "--json")
    assert ended.code == 1
    assert "Ingest" in ended.said["remedy"]


def test_people_read_a_balance_sheet(shell: Any, deployed: Any, papers: Path) -> None:
    ended = shell("ingest", str(papers))
    assert ended.code == 0
    assert "committed" in ended.out
    assert "revision" in ended.out
