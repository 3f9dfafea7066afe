"""Whatever the passages, counter and settings: within the budget, nothing lost, nothing cut mid-sentence."""

from __future__ import annotations

import itertools
import math
import uuid
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from wellread.answering.prompting.evidence import fence_evidence, pack_evidence
from wellread.answering.prompting.settings import PackingSettings
from wellread.documents import Passage
from wellread.sentences import split_sentences

COUNTERS: list[Callable[[str], int]] = [
    len,
    lambda text: len(text.encode("utf-8", "surrogatepass")),
    lambda text: len(text.split()),
    lambda text: math.ceil(len(text) / 3.7),
    lambda text: len(text) + len(text) ** 2 // 500,  # more in the whole than in its parts
]
SENTENCES = st.lists(
    st.sampled_from(
        ["Loans last 28 days.", "Why not?", "It is so. ", "\u200b\n", "日本語です。", "e.g. this", "x" * 40]
    ),
    max_size=6,
).map(" ".join)
SETTINGS = st.builds(
    PackingSettings,
    trim=st.booleans(),
    fill=st.booleans(),
    least_score_ratio=st.sampled_from([0.0, 0.5]),
    per_document_count=st.sampled_from([None, 1, 2]),
)


@st.composite
def passage_lists(draw: st.DrawFn) -> list[Passage]:
    passages: list[Passage] = []
    for number in range(1, draw(st.integers(0, 8)) + 1):
        document = draw(st.sampled_from("abc"))
        text = draw(SENTENCES)
        start = draw(st.integers(0, 50))
        passages.append(
            Passage(
                rank=number,
                score=draw(st.floats(-1, 1)),
                text=text,
                chunk_key=uuid.UUID(int=number),
                doc_id=uuid.uuid5(uuid.NAMESPACE_URL, document),
                document=document,
                title=draw(st.sampled_from(["", "A title"])),
                headings=(),
                page=None,
                start_char=start,
                end_char=start + len(text),
                repeated_chars=draw(st.sampled_from([0, 0, 3])),
                version_hash="1",
                neighbour_of=draw(st.sampled_from([None, 1])) if number > 1 else None,
            )
        )
    return passages


@given(passage_lists(), st.sampled_from(COUNTERS), st.integers(0, 600), SETTINGS, st.sets(st.integers(0, 8)))
def test_packing_keeps_its_promises(
    passages: list[Passage],
    count_tokens: Callable[[str], int],
    budget: int,
    settings: PackingSettings,
    withdrawn: set[int],
) -> None:
    packed = pack_evidence(
        passages, budget_tokens=budget, count_tokens=count_tokens, settings=settings, withdrawn=withdrawn
    )
    fenced = fence_evidence(passages, packed, key=b"key")
    assert count_tokens(fenced) == packed.tokens <= budget
    assert sorted([*packed.positions, *(left.position for left in packed.left_out)]) == [*range(len(passages))]
    assert not withdrawn & {*packed.positions}
    for item in packed.items:
        text = passages[item.position].text
        if (item.start, item.end) != (0, len(text)):
            assert settings.trim
            sentences = split_sentences(text)
            assert item.start in {0, *(start for start, _ in sentences)}
            assert item.end in {len(text), *(end for _, end in sentences)}
            assert item.start < item.end
    places = [(passages[position].doc_id, passages[position].start_char) for position in packed.positions]
    assert len({doc for doc, _ in places}) == sum(
        1 for index, (doc, _) in enumerate(places) if index == 0 or places[index - 1][0] != doc
    )
    assert all(a[1] <= b[1] for a, b in itertools.pairwise(places) if a[0] == b[0])


@given(passage_lists(), st.integers(0, 600))
def test_without_filling_no_passage_is_shown_that_is_worse_than_one_left_out_for_want_of_room(
    passages: list[Passage], budget: int
) -> None:
    packed = pack_evidence(passages, budget_tokens=budget, count_tokens=len, settings=PackingSettings())
    order = sorted(
        range(len(passages)),
        key=lambda at: (passages[at].neighbour_of or passages[at].rank, passages[at].neighbour_of is not None, at),
    )
    squeezed = [order.index(left.position) for left in packed.left_out if left.reason == "budget"]
    shown = [order.index(position) for position in packed.positions]
    assert not squeezed or not shown or max(shown) < min(squeezed)
