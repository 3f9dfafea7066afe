"""When documents leave: neighbours, holds, approvals, incomplete listings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from wellread.documents import SourceObject
from wellread.errors import SettingsError
from wellread.indexing.deletions import Guard
from wellread.indexing.running import Runner
from wellread.indexing.settings import DeletionSettings
from wellread.ledger import documents as ledger_documents
from wellread.sources.protocol import Listing

pytestmark = pytest.mark.weaviate


def states(sheet: Any) -> dict[str, int]:
    return {name: count for name, count in sheet.outcomes.items() if count}


def approve(world: Any) -> int:
    with world.open() as workspace, workspace.ledger.transaction() as tx:
        return ledger_documents.approve_holds(tx, world.collection, world.files.path.name, None)


@pytest.mark.parametrize("change", ["edited", "removed"])
def test_a_file_whose_name_begins_like_its_neighbours_leaves_it_untouched(world: Any, change: str) -> None:
    world.files.write("guide-3.md", "# Guide 3\n\n" + world.prose("amber"))
    world.files.write("guide-3-appendix.md", "# Guide 3, appendix\n\n" + world.prose("amber"))
    world.ingest()
    before = world.index().of_document("guide-3-appendix.md")
    assert len(before) > 2
    if change == "edited":
        world.files.edit("guide-3.md", "and counts the ropes", "and slowly counts the ropes")
    else:
        world.files.remove("guide-3.md")
    world.ingest()
    assert world.assert_exact().of_document("guide-3-appendix.md") == before


def test_a_mass_deletion_is_held_until_a_person_approves_it(world: Any) -> None:
    for number in range(12):
        world.files.write(f"note-{number:02}.txt", world.prose(f"topic{number}", 1))
    world.ingest()
    for number in range(6):
        world.files.remove(f"note-{number:02}.txt")
    gone = frozenset(f"note-{number:02}.txt" for number in range(6))
    held = world.ingest()
    assert states(held) == {"unchanged": 6, "held": 6}
    assert {hold["document"] for hold in held.holds} == gone
    assert len(world.index().visible_versions()) == 12
    assert states(world.ingest()) == {"unchanged": 6, "held": 6}
    assert approve(world) == 6
    assert states(world.ingest()) == {"unchanged": 6, "deleted": 6}
    world.assert_exact()


def test_a_hold_lapses_when_its_document_returns(library: Any) -> None:
    library.ingest()
    text = library.files.read("amber.txt")
    for topic in ("amber", "birch", "cedar", "dogwood", "elm", "fir"):
        library.files.remove(f"{topic}.txt")
    library.files.write("new.txt", library.prose("new"))
    assert states(library.ingest()) == {"held": 6, "committed": 1}
    library.files.write("amber.txt", text)
    library.ingest()
    library.files.remove("amber.txt")
    with library.open() as workspace, workspace.ledger.reading() as reading:
        kept = ledger_documents.list_holds(reading, library.collection)
    assert ("papers", "amber.txt") not in kept
    assert len(kept) == 5


def test_an_emptied_folder_deletes_nothing_by_itself(library: Any) -> None:
    library.ingest()
    for topic in ("amber", "birch", "cedar", "dogwood", "elm", "fir"):
        library.files.remove(f"{topic}.txt")
    sheet = library.ingest()
    assert states(sheet) == {"held": 6}
    assert len(library.index().visible_versions()) == 6


@pytest.mark.parametrize(
    ("live", "lately", "deletions", "is_held"),
    [
        (1000, 0, 50, False),
        (1000, 0, 51, True),
        (1000, 30, 21, True),
        (40, 0, 4, False),
        (40, 0, 5, True),
        (50, 0, 5, False),
        (3, 0, 2, False),
        (3, 0, 3, True),
    ],
)
def test_the_limits_of_deletions(live: int, lately: int, deletions: int, is_held: bool) -> None:
    reason = Guard(live, lately).reason_to_hold(deletions, DeletionSettings())
    assert (reason is not None) is is_held


class CutListing:
    """A source whose listing breaks off after some objects, without an error, as a dying share does."""

    def __init__(self, source: Any, *, after: int, complete: bool = False) -> None:
        self._source, self._after, self._complete = source, after, complete

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def list_objects(self) -> Listing:
        whole = self._source.list_objects()
        cut = Listing(objects=iter(()))

        def objects() -> Iterator[SourceObject]:
            for number, item in enumerate(whole.objects):
                if number == self._after:
                    cut.is_complete = self._complete
                    return
                yield item

        cut.objects = objects()
        return cut


def test_an_incomplete_listing_deletes_nothing_and_keeps_the_quarantine(library: Any) -> None:
    library.files.write("zebra.pdf", b"%PDF-1.4\nnothing\n")
    library.ingest()
    library.files.remove("fir.txt")
    with library.open() as workspace:
        runner = Runner(workspace.parts, lambda item: CutListing(workspace.open_source(item), after=2))
        sheet = runner.run(library.declaration())
    assert states(sheet) == {"unchanged": 6, "quarantined": 1}
    assert len(library.index().visible_versions()) == 6
    again = library.ingest()
    assert states(again) == {"unchanged": 5, "deleted": 1, "quarantined": 1}
    assert again.parsed == 0


def test_a_listing_that_lies_is_not_believed_by_the_second_look(library: Any) -> None:
    library.ingest()
    with library.open() as workspace:
        runner = Runner(
            workspace.parts, lambda item: CutListing(workspace.open_source(item), after=5, complete=True)
        )
        sheet = runner.run(library.declaration())
    assert states(sheet) == {"unchanged": 5, "failed_transient": 1}
    assert [problem["cause"] for problem in sheet.problems] == ["listing_disagrees"]
    library.assert_exact()


def test_two_folders_of_one_name_are_not_mixed_up(library: Any) -> None:
    library.ingest()
    other = library.root / "elsewhere" / "papers"
    other.mkdir(parents=True)
    (other / "new.txt").write_text(library.prose("new"), "utf-8")
    with library.open() as workspace, pytest.raises(SettingsError) as caught:
        workspace.runner.run(library.declaration(other), source_may_move=False)
    assert str(library.files.path) in caught.value.found
    library.assert_exact()
    assert states(library.ingest()) == {"unchanged": 6}
