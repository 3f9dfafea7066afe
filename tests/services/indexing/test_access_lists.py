"""Access lists that the source gives: only facts change, and who loses a document loses it at once."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from wellread.documents import NOBODY
from wellread.errors import QualityError, TransientError
from wellread.indexing.access import has_narrowed
from wellread.indexing.running import Runner
from wellread.runs import AccessRules

pytestmark = pytest.mark.weaviate

SIDECAR = AccessRules("sidecar")


def states(sheet: Any) -> dict[str, int]:
    return {name: count for name, count in sheet.outcomes.items() if count}


def finds(world: Any, topic: str, *groups: str) -> bool:
    world.options = {**world.options, "groups": groups}
    found = f"{topic}.txt" in world.search(f"{topic} council quay ropes", k=30)
    world.options = {name: value for name, value in world.options.items() if name != "groups"}
    return found


def seen_acls(world: Any) -> dict[str, set[tuple[str, ...]]]:
    index = world.index()
    keys = {item.properties["doc_id"]: item.properties["natural_key"] for item in index.versions}
    found: dict[str, set[tuple[str, ...]]] = {}
    for item in (*index.chunks, *index.versions):
        found.setdefault(keys[item.properties["doc_id"]], set()).add(tuple(item.properties["acl"]))
    return found


def test_a_changed_sidecar_costs_nothing_and_reaches_every_object(library: Any) -> None:
    library.files.write("amber.txt.wellread.yaml", "acl: [staff, board]")
    assert states(library.ingest(access=SIDECAR, acl=("staff",))) == {"committed": 6}
    library.embedding.reset()
    library.files.write("amber.txt.wellread.yaml", "acl: [board]\nmetadata: {year: 2021}")
    sheet = library.ingest(access=SIDECAR, acl=("staff",))
    assert states(sheet) == {"committed": 1, "unchanged": 5}
    assert (sheet.parsed, sheet.embeddings_computed, sheet.chunks_inserted) == (0, 0, 0)
    assert library.embedding.meter().requests_count == 0
    assert seen_acls(library)["amber.txt"] == {("board",)}
    assert finds(library, "amber", "board")
    assert not finds(library, "amber", "staff")
    assert finds(library, "birch", "staff")
    assert states(library.ingest(access=SIDECAR, acl=("staff",))) == {"unchanged": 6}


def test_a_malformed_sidecar_hides_or_keeps_and_the_sheet_says_so(library: Any) -> None:
    library.files.write("amber.txt.wellread.yaml", "acl: [staff]")
    library.ingest(access=SIDECAR)
    library.files.write("amber.txt.wellread.yaml", "acl: [staff")
    keep = library.ingest(access=AccessRules("sidecar", unreadable="keep"))
    assert states(keep) == {"unchanged": 6}
    assert [(one["document"], one["cause"]) for one in keep.problems] == [("amber.txt", "access_unreadable")]
    assert seen_acls(library)["amber.txt"] == {("staff",)}
    hidden = library.ingest(access=SIDECAR)
    assert [one["outcome"] for one in hidden.problems] == ["hidden"]
    assert seen_acls(library)["amber.txt"] == {NOBODY}
    assert not finds(library, "amber", "staff", "board")
    library.files.write("amber.txt.wellread.yaml", "acl: [staff]")
    assert library.ingest(access=SIDECAR).problems == ()
    assert finds(library, "amber", "staff")


def test_a_new_document_with_a_malformed_sidecar_is_hidden_from_everybody(library: Any) -> None:
    library.files.write("amber.txt.wellread.yaml", "nonsense")
    library.ingest(access=AccessRules("sidecar", unreadable="keep"))
    assert seen_acls(library)["amber.txt"] == {NOBODY}


def test_a_revocation_waits_neither_for_the_gate_nor_for_a_quarantined_document(library: Any) -> None:
    library.ingest(acl=("staff",))
    library.files.write("amber.txt", b"")  # its last good version stays
    library.ingest(acl=("staff",))

    def blocked(*_: Any, **__: Any) -> str:
        raise QualityError("judge", found="bad", remedy="Mend.")

    library.files.write("grape.txt", library.prose("grape"))
    with library.open() as workspace:
        parts = dataclasses.replace(workspace.parts, quality_gate=blocked)
        with pytest.raises(QualityError):
            Runner(parts, workspace.open_source).run(library.declaration(acl=("board",)))
    assert set(map(frozenset, seen_acls(library).values())) == {frozenset({("board",)})}
    assert states(library.ingest(acl=("board",))) == {"committed": 6, "quarantined": 1}
    assert {one for acls in seen_acls(library).values() for one in acls} == {("board",)}


def test_a_run_that_dies_while_it_patches_leaves_the_document_withdrawn(library: Any) -> None:
    library.ingest(acl=("staff",))

    class Dies:
        def __init__(self, store: Any) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        def set_acl(self, *_: Any, **_options: Any) -> Any:
            raise TransientError("patch", found="the line is cut", remedy="Run again.")

    library.options = {"indexing": {"write_attempts": 1}}
    with library.open() as workspace:
        parts = dataclasses.replace(workspace.parts, store=Dies(workspace.store))
        with pytest.raises(TransientError):
            Runner(parts, workspace.open_source).run(library.declaration(acl=("board",)))
    assert library.search("amber council quay ropes", k=30) == []
    library.ingest(acl=("board",))
    assert library.search("amber council quay ropes", k=30) != []
    with library.open() as workspace:
        assert not workspace.store.read_head(library.collection).denied
    library.assert_exact()


@pytest.mark.parametrize(
    ("before", "after", "narrowed"),
    [
        (("*",), ("a",), True),
        (("a",), ("*",), False),
        (("a",), ("a", "b"), False),
        (("a", "b"), ("a",), True),
        (("a",), NOBODY, True),
        ((), ("a",), True),
        ((), ("*",), False),
    ],
)
def test_what_takes_readers_away(before: Any, after: Any, narrowed: bool) -> None:
    assert has_narrowed(before, after) is narrowed
