"""An operator at the shell: why is it so, is the index true, make it true again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.weaviate


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    for topic in ("amber", "birch", "cedar"):
        text = f"The {topic} harbour has nine cranes. Each crane of {topic} is painted red every spring by its crew."
        (folder / f"{topic}.txt").write_text(text, "utf-8")
    return folder


def test_explain_says_why(shell: Any, deployed: Any, papers: Path) -> None:
    assert shell("ingest", str(papers), "--json").code == 0
    ended = shell("explain", "amber.txt", "--json")
    assert ended.code == 0, ended.out
    told = ended.said["explanations"][0]
    assert (told["source"], told["visible"], told["listing"]["listed"]) == ("papers", True, True)
    assert ended.said["head"]["snapshot"] == ended.said["snapshot"]
    for_people = shell("explain", "amber.txt")
    assert "papers/amber.txt: visible" in for_people.out
    assert "as the source lists it" in for_people.out


def test_explain_of_an_unknown_name_has_an_exit_code_of_its_own(shell: Any, deployed: Any, papers: Path) -> None:
    assert shell("ingest", str(papers), "--json").code == 0
    assert shell("explain", "nothing.txt", "--json").code == 3
    assert "known: birch.txt" in shell("explain", "elsewhere/birch.txt").out
    assert shell("explain", "anything", "--collection", "Nowhere", "--json").code == 3
