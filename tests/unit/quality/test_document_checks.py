"""One document's text is refused, with a cause, before anything is paid for it."""

from __future__ import annotations

import random

import pytest

from wellread.errors import DocumentError
from wellread.quality.document_checks import check_document
from wellread.quality.document_statistics import document_statistics, mark_duplicates, unextracted_statistics
from wellread.quality.settings import DocumentRules
from wellread.runs import DocumentStatistics

PROSE = "The board met on Tuesday and approved the budget of 2024 without a dissenting vote. " * 20


def row_of(
    text: str, *, media_type: str = "text/plain", size_bytes: int | None = None, words: tuple[int, ...] = (90, 100)
) -> DocumentStatistics:
    return document_statistics(
        natural_key="minutes.txt",
        media_type=media_type,
        size_bytes=len(text.encode()) if size_bytes is None else size_bytes,
        text=text,
        element_count=3,
        chunk_word_counts=words,
    )


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        "理事会は火曜日に開かれ、予算を承認した。" * 30,
        "اجتمع المجلس يوم الثلاثاء ووافق على الميزانية. " * 30,
        "| 1,204.50 | -3 % | 2024-01-05 |\n" * 50,
        "for (int i = 0; i < n; ++i) { sum += a[i] * b[i]; }\n" * 20,
        "Yes.",
        "One \ufffd here.",
        "!!! ??? ---",
    ],
)
def test_ordinary_texts_pass(text: str) -> None:
    check_document(row_of(text), text=text)


@pytest.mark.parametrize(
    ("row", "text", "cause"),
    [
        (row_of("", words=()), "", "empty_text"),
        (row_of(PROSE, words=()), PROSE, "no_chunks"),
        (row_of("a\ufffd" * 200), "a\ufffd" * 200, "undecodable"),
        (row_of(PROSE, size_bytes=10_000_000), PROSE, "sparse_text"),
        (row_of(PROSE, media_type="text/html", size_bytes=10_000_000), PROSE, "sparse_text"),
        (row_of(PROSE, words=(90, 6_000)), PROSE, "chunk_too_long"),
        (row_of(PROSE, words=(1,) * 100_001), PROSE, "too_many_chunks"),
        (row_of("%&$§!?(/)=" * 100), "%&$§!?(/)=" * 100, "garbled_text"),
        (row_of("abc\ue012\ue034\ue000" * 100), "abc\ue012\ue034\ue000" * 100, "garbled_text"),
    ],
)
def test_text_that_cannot_be_right_is_refused_with_its_cause(
    row: DocumentStatistics, text: str, cause: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        check_document(row, text=text)
    assert (caught.value.stage, caught.value.cause) == ("quality", cause)
    assert "minutes.txt" in str(caught.value)


def test_a_large_picture_book_in_pdf_passes() -> None:
    check_document(row_of(PROSE, media_type="application/pdf", size_bytes=10_000_000), text=PROSE)


def test_limits_are_settings() -> None:
    text = "%&$§!?(/)=" * 100
    check_document(row_of(text), DocumentRules(letters_ratio_min=0.0), text=text)


def test_a_garbled_half_counts_wherever_it_stands() -> None:
    letters = random.Random(3).choices("abcdefgh ", k=30_000)
    text = "".join(letters) + "\ue012" * 60_000
    with pytest.raises(DocumentError, match="stand for nothing"):
        check_document(row_of(text), DocumentRules(letters_ratio_min=0.0), text=text)


def test_statistics_count_what_they_say() -> None:
    row = row_of("a\ufffdb", words=(2, 4))
    assert (row.text_chars, row.replacement_chars, row.chunk_count, row.chunk_words_mean, row.chunk_words_max) == (
        3,
        1,
        2,
        3.0,
        4,
    )


def test_only_the_later_of_equal_texts_is_a_duplicate_and_empty_texts_never_are() -> None:
    bad = unextracted_statistics(natural_key="x", outcome="quarantined", cause="encrypted")
    rows = mark_duplicates([row_of(PROSE), row_of(PROSE), row_of("", words=()), row_of("", words=()), bad, bad])
    assert [row.is_duplicate for row in rows] == [False, True, False, False, False, False]
