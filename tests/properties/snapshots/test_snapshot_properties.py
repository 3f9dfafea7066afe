"""The visibility rule against a model that replays history."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wellread.snapshots import OPEN, Snapshot

Events = list[tuple[str, int]]


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, frozenset[int], frozenset[int]]:
    """(first number not given out, published numbers, numbers that are open or abandoned)."""
    following = draw(st.integers(min_value=1, max_value=30))
    published = draw(st.frozensets(st.integers(min_value=1, max_value=following), max_size=30))
    inside = frozenset(number for number in published if number < following)
    return following, inside, frozenset(range(1, following)) - inside


@given(histories(), st.integers(min_value=1, max_value=40), st.integers(min_value=0, max_value=40))
def test_an_object_shows_when_its_opening_counts_and_its_closing_does_not(
    history: tuple[int, frozenset[int], frozenset[int]], rev_from: int, rev_to: int
) -> None:
    following, published, excluded = history
    expected = rev_from in published and rev_to not in published
    assert Snapshot(following, excluded).shows(rev_from, rev_to) is expected


@given(histories())
def test_a_snapshot_comes_back_from_its_text(history: tuple[int, frozenset[int], frozenset[int]]) -> None:
    snapshot = Snapshot(history[0], history[2])
    assert Snapshot.from_text(snapshot.as_text()) == snapshot


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=25))
def test_every_document_has_exactly_one_version_under_every_snapshot_ever_taken(
    runs: list[tuple[int, bool]],
) -> None:
    """Each run replaces one of four documents; some are given up. Old snapshots go on showing what they showed."""
    objects: list[list[int]] = []
    current = {document: _opened(objects, document, 1) for document in range(4)}
    shown: list[tuple[Snapshot, dict[int, int]]] = []
    excluded: set[int] = set()
    for number, (document, is_published) in enumerate(runs, start=2):
        old = current[document]
        new = _opened(objects, document, number)
        objects[old][2] = number
        if is_published:
            current[document] = new
        else:
            excluded.add(number)
            shown.append((Snapshot(number + 1, frozenset(excluded)), dict(current)))
            objects[old][2] = OPEN  # cleaned: nobody can tell the difference
            objects[new] = [document, number, number]
        shown.append((Snapshot(number + 1, frozenset(excluded)), dict(current)))
        for snapshot, wanted in shown:
            visible = [index for index, (_, start, end) in enumerate(objects) if snapshot.shows(start, end)]
            assert sorted(visible) == sorted(wanted.values())


def _opened(objects: list[list[int]], document: int, number: int) -> int:
    objects.append([document, number, OPEN])
    return len(objects) - 1
