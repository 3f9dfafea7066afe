"""What goes into the store comes back: arrangements, heads, filter tokens, requests."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from wellread.documents import Placement
from wellread.snapshots import Head, ModelIdentity, Projection, Snapshot
from wellread.stores.settings import StoreSettings
from wellread.stores.weaviate_objects import (
    LONGEST_FIELD_CHARS,
    PLACEMENTS_PER_PART,
    field_token,
    head_body,
    head_from,
    placement_parts,
    placements_from,
    printable,
)
from wellread.stores.weaviate_writes import Row, batches

ANY_TEXT = st.text(st.characters(exclude_categories=()))
NUMBERS = st.integers(0, 10**9)
VALUES = st.one_of(ANY_TEXT, st.integers(-(2**53), 2**53), st.floats(), st.booleans())

placements = st.builds(
    Placement, chunk_key=st.uuids(), start_char=NUMBERS, end_char=NUMBERS, page=st.none() | st.integers(1, 9_999)
)
heads = st.builds(
    Head,
    seq=NUMBERS,
    projection=st.builds(
        Projection,
        collection=st.just("Documents"),
        number=st.integers(1, 99),
        model=st.builds(ModelIdentity, dimensions=st.integers(1, 4096)),
        store_epoch=st.text(max_size=40),
    ),
    snapshot=st.builds(Snapshot, NUMBERS, st.frozensets(NUMBERS, max_size=20)),
    oldest_readable=NUMBERS,
    denied=st.frozensets(st.uuids(), max_size=20),
    denied_sources=st.frozensets(st.text(), max_size=5),
)


@given(st.lists(placements, max_size=30), st.integers(1, 90))
def test_an_arrangement_comes_back_in_order(some: list[Placement], times: int) -> None:
    arrangement = tuple(some * times)
    parts = placement_parts(arrangement)
    assert placements_from(parts) == arrangement
    assert len(parts) == -(-len(arrangement) // PLACEMENTS_PER_PART)


@given(heads)
def test_a_head_comes_back_as_it_was(head: Head) -> None:
    assert head_from(head_body(head)) == head


@given(ANY_TEXT)
def test_every_text_can_be_sent_and_keeps_its_length(text: str) -> None:
    printable(text).encode("utf-8")
    assert len(printable(text)) == len(text)
    if text.isprintable():
        assert printable(text) == text


@given(VALUES, VALUES)
def test_filter_tokens_are_equal_only_for_equal_values(one: object, other: object) -> None:
    tokens = [field_token("name", value) for value in (one, other)]  # type: ignore[arg-type]  # drawn of the four
    texts = [printable(value) if isinstance(value, str) else value for value in (one, other)]
    kinds = [bool if isinstance(value, bool) else str if isinstance(value, str) else float for value in texts]
    same = kinds[0] is kinds[1] and (texts[0] == texts[1] or (texts[0] != texts[0] and texts[1] != texts[1]))
    assert (tokens[0] == tokens[1]) == same
    assert all(len(token) <= LONGEST_FIELD_CHARS + 20 for token in tokens)


@given(st.lists(st.integers(0, 30_000), max_size=60), st.integers(1, 20))
def test_requests_keep_order_and_bounds(sizes: list[int], most: int) -> None:
    settings = StoreSettings(batch_objects=most, batch_bytes=20_000)
    rows = [Row(uuid.UUID(int=index), {"text": "x" * size}, None) for index, size in enumerate(sizes)]
    made = list(batches(rows, settings))
    assert [row for batch in made for row in batch] == rows
    for batch in made:
        assert len(batch) <= most
        assert len(batch) == 1 or sum(row.estimated_bytes() for row in batch) <= settings.batch_bytes
