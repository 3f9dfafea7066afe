"""The service of the documentation, over HTTP in this process, on a real deployment."""

from __future__ import annotations

import asyncio
import json
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from wellread.sources.declarations import declaration_for_folder
from wellread.workspace import Workspace

pytestmark = pytest.mark.weaviate

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "answering_service.py"


@pytest.fixture
def service(deployment: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example's application, with a deployment that holds three documents."""
    pytest.importorskip("fastapi", reason="the example is for services built on FastAPI")
    folder = tmp_path / "papers"
    folder.mkdir()
    for topic in ("amber", "birch", "cedar"):
        (folder / f"{topic}.txt").write_text(f"The {topic} harbour has nine cranes, painted red.", "utf-8")
    with Workspace.open(deployment) as workspace:
        assert workspace.runner.run(
            declaration_for_folder(folder, collection=workspace.settings.collection)
        ).published
    home = Path(deployment["home"])
    (home / "wellread.yaml").write_text(json.dumps({**deployment, "home": str(home)}), "utf-8")
    monkeypatch.setenv("WELLREAD_HOME", str(home))
    return runpy.run_path(str(EXAMPLE))["app"]


def test_one_warm_deployment_answers_many_callers_at_once(service: Any) -> None:
    import httpx

    async def calls() -> list[httpx.Response]:
        transport = httpx.ASGITransport(service)
        async with (
            service.router.lifespan_context(service),
            httpx.AsyncClient(transport=transport, base_url="http://service") as client,
        ):

            async def post(path: str, **asked: Any) -> httpx.Response:
                return await client.post(path, json={"question": "red cranes of the amber harbour", **asked})

            wanted: Mapping[str, Any] = {"filter": {"field": "document", "any_of": ["birch.txt", "cedar.txt"]}}
            return await asyncio.gather(
                post("/passages", k=1),
                post("/passages", **wanted),
                post("/passages", filter={"field": "acl"}),
                post("/passages", question=" "),
                post("/answers"),
                *(post("/passages") for _ in range(20)),
            )

    best, narrowed, faulty, blank, answer, *others = asyncio.run(calls())
    assert [passage["document"] for passage in best.json()] == ["amber.txt"]
    assert {passage["document"] for passage in narrowed.json()} == {"birch.txt", "cedar.txt"}
    for refused in (faulty, blank):
        assert (refused.status_code, refused.json()["error"]) == (422, "SettingsError")
    assert answer.json()["status"] in {"answered", "abstained"}
    assert all(len(other.json()) == 3 for other in others)
