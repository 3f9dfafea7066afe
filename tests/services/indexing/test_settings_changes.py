"""A change of settings that would embed much again is held, and everything else of the run goes on."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.weaviate


def states(sheet: Any) -> dict[str, int]:
    return {name: count for name, count in sheet.outcomes.items() if count}


def cut_smaller(world: Any, words: int = 40, **limits: Any) -> None:
    world.options = {
        "chunking": {"max_words": words},
        "embedder": {"price_usd_per_million": 1_000.0},
        "indexing": {"settings_changes": limits},
    }


@pytest.mark.parametrize("limits", [{"hold_above_embeddings": 5}, {"hold_above_usd": 0.5}])
def test_a_dear_change_waits_and_the_rest_goes_on(library: Any, limits: dict[str, Any]) -> None:
    library.ingest()
    paid = library.embedding.meter().texts_count
    cut_smaller(library, **limits)
    library.files.remove("fir.txt")
    library.files.edit("elm.txt", "and counts the ropes", "and counts the long ropes")
    library.files.write("grape.txt", library.prose("grape"))
    sheet = library.ingest()
    assert states(sheet) == {"held": 4, "committed": 2, "deleted": 1}
    assert "settings" in str(sheet.holds[0]["reason"])
    after_first = library.embedding.meter().texts_count
    assert after_first > paid
    assert states(library.ingest()) == {"held": 4, "unchanged": 2}
    assert library.embedding.meter().texts_count == after_first
    assert library.shell("approve", "papers", "--collection", library.collection).returncode == 0
    assert states(library.ingest()) == {"committed": 4, "unchanged": 2}
    assert states(library.ingest()) == {"unchanged": 6}
    library.assert_exact()


def test_a_cheap_change_is_not_held(library: Any) -> None:
    library.ingest()
    cut_smaller(library, hold_above_embeddings=1_000)
    assert states(library.ingest()) == {"committed": 6}


def test_holds_lapse_when_the_settings_go_back_and_approval_is_for_one_change(library: Any) -> None:
    library.ingest()
    cut_smaller(library, hold_above_embeddings=5)
    assert states(library.ingest()) == {"held": 6}
    assert library.shell("approve", "papers", "--collection", library.collection).returncode == 0
    cut_smaller(library, words=50, hold_above_embeddings=5)
    assert states(library.ingest()) == {"held": 6}
    library.options = {}
    assert states(library.ingest()) == {"unchanged": 6}
    assert library.shell("approve", "papers", "--collection", library.collection).returncode != 0


def test_approval_of_settings_is_no_approval_of_a_deletion(library: Any) -> None:
    library.ingest()
    cut_smaller(library, hold_above_embeddings=5)
    assert states(library.ingest()) == {"held": 6}
    assert library.shell("approve", "papers", "--collection", library.collection).returncode == 0
    for topic in ("amber", "birch", "cedar", "dogwood", "elm", "fir"):
        library.files.remove(f"{topic}.txt")
    assert states(library.ingest()) == {"held": 6}
    assert len(library.index().visible_versions()) == 6


def test_touched_files_and_revoked_access_do_not_slip_by_or_wait(library: Any) -> None:
    library.ingest(acl=("staff",))
    cut_smaller(library, hold_above_embeddings=5)
    for topic in ("amber", "birch"):
        library.files.touch(f"{topic}.txt")
    assert states(library.ingest(acl=("staff",))) == {"held": 6}
    # Who may read does not wait for a person; the new access brings the new cut along.
    assert states(library.ingest(acl=("board",))) == {"committed": 6}
    assert {tuple(item.properties["acl"]) for item in library.index().chunks} == {("board",)}
