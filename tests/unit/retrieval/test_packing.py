from __future__ import annotations

import uuid

from wellread.documents import Passage
from wellread.retrieval.packing import merged, within_words


def passage(
    rank: int, start: int, text: str, *, document: str = "a", neighbour_of: int | None = None, repeated: int = 0
) -> Passage:
    return Passage(
        rank=rank,
        score=1.0 / rank,
        text=text,
        chunk_key=uuid.uuid5(uuid.NAMESPACE_URL, f"{document}{start}"),
        doc_id=uuid.uuid5(uuid.NAMESPACE_URL, document),
        document=document,
        title="",
        headings=(),
        page=None,
        start_char=start,
        end_char=start + len(text) - repeated,
        repeated_chars=repeated,
        version_hash="v",
        neighbour_of=neighbour_of,
    )


def test_chunks_that_follow_one_another_become_one_text() -> None:
    runs = merged(
        [passage(1, 20, "second part"), passage(2, 0, "the very first part"), passage(3, 500, "elsewhere")]
    )
    assert [run.text for run in runs] == ["the very first part\nsecond part", "elsewhere"]


def test_a_repeated_table_header_stands_once_in_a_run() -> None:
    runs = merged([passage(1, 0, "Year | Sales\n2019 | 4"), passage(2, 22, "Year | Sales\n2020 | 5", repeated=13)])
    assert runs[0].text == "Year | Sales\n2019 | 4\n2020 | 5"


def test_chunks_of_two_documents_never_join() -> None:
    assert len(merged([passage(1, 0, "one two"), passage(2, 8, "three", document="b")])) == 2


def test_neighbours_come_right_after_their_hit() -> None:
    hits = [passage(1, 0, "one two three"), passage(2, 900, "four five six")]
    beside = passage(3, 14, "seven eight nine", neighbour_of=1)
    runs = within_words([*hits, beside], 6)
    assert [run.text for run in runs] == ["one two three\nseven eight nine"]


def test_the_budget_ends_at_the_first_passage_that_does_not_fit() -> None:
    hits = [passage(1, 0, "one two"), passage(2, 100, "a b c d e"), passage(3, 200, "x")]
    assert [run.text for run in within_words(hits, 3)] == ["one two"]
    assert [run.text for run in within_words(hits, 8)] == ["one two", "a b c d e", "x"]


def test_runs_come_in_the_order_of_their_best_hit() -> None:
    hits = [passage(1, 900, "late but best"), passage(2, 0, "early")]
    assert [run.text for run in within_words(hits, 100)] == ["late but best", "early"]


def test_nothing_packs_into_nothing() -> None:
    assert within_words([], 100) == []
