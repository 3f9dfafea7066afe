"""An operator at the shell: why is it so, is the index true, make it true again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wellread.workspace import Workspace

pytestmark = pytest.mark.weaviate


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    for topic in ("amber", "birch", "cedar"):
        text = (
            f"The {topic} harbour has nine cranes. Each crane of {topic} is painted red every spring by its crew."
        )
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


def test_reconcile_finds_nothing_then_a_loss_and_repairs_it(shell: Any, deployed: Any, papers: Path) -> None:
    assert shell("ingest", str(papers), "--json").code == 0
    clean = shell("reconcile", "--json")
    assert (clean.code, clean.said["differences"], clean.said["compared"]["chunks"]) == (0, {}, 3)
    with Workspace.open() as workspace:
        head = workspace.store.read_head(deployed["WELLREAD_COLLECTION"])
        assert head is not None
        lost = next(iter(workspace.store.iterate_objects(head.projection, "chunks")))
        workspace.store.delete_objects(head.projection, "chunks", [lost.object_id])
    seen = shell("reconcile", "--no-repair", "--json")
    assert (seen.code, seen.said["differences"], seen.said["repaired"]) == (1, {"missing": 1}, 0)
    assert "--no-repair" in shell("reconcile", "--no-repair").out
    mended = shell("reconcile", "--json")
    assert (mended.code, mended.said["repaired"], mended.said["true"]) == (0, 1, True)
    assert mended.said["seconds_per_million_objects"] > 0
    assert "0 embeddings" in shell("reconcile").out


def test_reconcile_before_the_first_ingest_says_what_to_do(shell: Any, deployed: Any) -> None:
    ended = shell("reconcile", "--json")
    assert (ended.code, "Ingest" in ended.said["remedy"]) == (1, True)


def test_a_lost_index_is_refused_then_rebuilt(shell: Any, deployed: Any, papers: Path) -> None:
    collection = deployed["WELLREAD_COLLECTION"]
    assert shell("ingest", str(papers), "--json").code == 0
    with Workspace.open() as workspace:
        head = workspace.store.read_head(collection)
        assert head is not None
        workspace.store.drop_projection(head.projection)
    refused = shell("ingest", str(papers), "--json")
    assert (refused.code, f"wellread rebuild {collection}" in refused.said["remedy"]) == (1, True)
    for path in papers.iterdir():
        path.rename(papers.parent / path.name)
    ended = shell("rebuild", collection, "--json")
    assert ended.code == 0, ended.out
    assert ended.said["objects"] == {"chunks": 3, "versions": 3}
    assert (ended.said["projection"], ended.said["dropped"], ended.said["embeddings"]) == (2, [1], 0)
    found = shell("search", "amber cranes painted red", "--json").said
    assert found["passages"][0]["document"] == "amber.txt"
    assert shell("rebuild", "Nowhere", "--json").code == 1


def test_a_bad_run_is_listed_confirmed_undone_and_its_source_released(
    shell: Any, deployed: Any, papers: Path
) -> None:
    assert shell("ingest", str(papers), "--json").code == 0
    (papers / "amber.txt").write_text("Nonsense about nothing, written by nobody in particular.", "utf-8")
    (papers / "spam.txt").write_text("Buy now, the cranes are cheap, said the spam.", "utf-8")
    revision = shell("ingest", str(papers), "--json").said["revision"]
    run = shell("status", "--json").said["runs"][0]["run_id"]
    listed = shell("undo", run, "--dry-run", "--json")
    assert (listed.code, listed.said["restored"], listed.said["removed"]) == (0, ["amber.txt"], ["spam.txt"])
    assert "put back" in shell("undo", run, "--dry-run").out
    refused = shell("undo", run, "--json")
    assert (refused.code, "--yes" in refused.said["remedy"]) == (1, True)
    done = shell("undo", str(revision), "--yes", "--json")
    assert done.code == 0, done.out
    assert (done.said["held"], done.said["parsed"], done.said["embeddings"]) == (True, 0, 0)
    found = shell("search", "amber cranes painted red", "--json").said
    assert found["passages"][0]["document"] == "amber.txt"
    assert "spam.txt" not in {one["document"] for one in found["passages"]}
    held = shell("ingest", str(papers), "--json")
    assert (held.code, "wellread release papers" in held.said["remedy"]) == (1, True)
    assert shell("release", "papers", "--json").said == {"source": "papers", "held": False}
    assert shell("ingest", str(papers), "--json").said["documents"]["committed"] == 2
    assert shell("release", "nobody", "--json").code == 1
