"""`wellread search` narrowed: by filter, by source, by score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.weaviate


def documents(ended: Any) -> set[str]:
    assert ended.code == 0, ended.out
    return {passage["document"] for passage in ended.said["passages"]}


def test_a_search_is_narrowed_by_filter_source_and_score(shell: Any, deployed: Any, tmp_path: Path) -> None:
    for source, topics in {"north": ("amber", "birch"), "south": ("cedar", "dogwood")}.items():
        (tmp_path / source).mkdir()
        for topic in topics:
            text = f"The {topic} harbour has nine cranes, and each of them is painted red."
            (tmp_path / source / f"{topic}.txt").write_text(text, "utf-8")
        assert shell("ingest", str(tmp_path / source), "--json").code == 0
    query = "red cranes of the amber harbour"
    everything = shell("search", query, "--json")
    assert documents(everything) == {"amber.txt", "birch.txt", "cedar.txt", "dogwood.txt"}

    assert documents(shell("search", query, "--source", "south", "--json")) == {"cedar.txt", "dogwood.txt"}
    either = {"or": [{"field": "document", "equals": "amber.txt"}, {"field": "document", "starts_with": "ced"}]}
    assert documents(shell("search", query, "--filter", json.dumps(either), "--json")) == {"amber.txt", "cedar.txt"}
    both = shell("search", query, "--filter", json.dumps(either), "--source", "south", "--json")
    assert documents(both) == {"cedar.txt"}

    best = everything.said["passages"][0]
    above = shell("search", query, "--least-score", str(best["score"]), "--json")
    assert documents(above) == {best["document"]}
    assert above.said["left_out_count"] == 3
    none = shell("search", query, "--least-score", "99")
    assert none.code == 3
    assert "4 are below" in none.out


@pytest.mark.parametrize("text", ["year = 2020", "{}", '{"field": "year"}', '{"field": "year", "equal": 1}'])
def test_a_faulty_filter_is_refused_before_anything_is_opened(shell: Any, text: str) -> None:
    ended = shell("search", "anything", "--filter", text, "--json")
    assert ended.code == 1
    assert ended.said["error"] == "SettingsError"
    assert ended.said["asked"].startswith("read ")
