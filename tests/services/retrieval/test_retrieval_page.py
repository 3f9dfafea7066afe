"""The Python of `docs/how-to/retrieval.md` runs, on a real deployment."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from wellread.sources.declarations import declaration_for_folder
from wellread.workspace import Workspace

pytestmark = pytest.mark.weaviate

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "retrieval.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def names_of(word: str) -> dict[str, Any]:
    """What the one snippet with this word defines."""
    (source,) = (snippet for snippet in SNIPPETS if word in snippet)
    names: dict[str, Any] = {}
    exec(compile(source, str(PAGE), "exec"), names)
    return names


def test_the_snippets_find_passages(
    deployment: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "amber.txt").write_text(
        "The amber harbour has nine cranes, and each of them is painted red.", "utf-8"
    )
    home = Path(deployment["home"])
    home.mkdir(parents=True, exist_ok=True)
    (home / "wellread.yaml").write_text(json.dumps({**deployment, "home": str(home)}), "utf-8")
    monkeypatch.setenv("WELLREAD_HOME", str(home))
    question = "Which colour are the cranes of the amber harbour?"
    with Workspace.open() as workspace:
        workspace.runner.run(declaration_for_folder(folder, collection=workspace.settings.collection))
        first = asyncio.run(names_of("async def first_passage")["first_passage"](workspace, question))
    assert "painted red" in first
    ((document, page, score, text),) = names_of("def passages(question)")["passages"](question)
    assert (document, page) == ("amber.txt", None)
    assert score > 0
    assert text == first
