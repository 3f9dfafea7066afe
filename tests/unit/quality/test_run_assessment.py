"""Great Expectations judges a run: each rule blocks one run and lets another pass."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from wellread.errors import QualityError
from wellread.quality.document_statistics import document_statistics, mark_duplicates, unextracted_statistics
from wellread.quality.run_assessment import assess_run, raise_if_blocked
from wellread.quality.settings import QualitySettings, RunRules
from wellread.runs import DocumentStatistics

COUNT = 30
HTML, PDF = "text/html", "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def sound_row(number: int, media_type: str = "text/plain") -> DocumentStatistics:
    return document_statistics(
        natural_key=f"doc-{number:03}",
        media_type=media_type,
        size_bytes=1000,
        text=f"Minutes of meeting number {number}. " * 20,
        element_count=5,
        chunk_word_counts=(100, 80),
    )


def rows_of(
    spoil: Callable[[DocumentStatistics], DocumentStatistics], *, spoilt_count: int, media_type: str = "text/plain"
) -> list[DocumentStatistics]:
    sound = [sound_row(number, media_type) for number in range(COUNT)]
    return [spoil(row) for row in sound[:spoilt_count]] + sound[spoilt_count:]


def failed(row: DocumentStatistics) -> DocumentStatistics:
    return unextracted_statistics(natural_key=row.natural_key, outcome="quarantined", cause="timeout")


def emptied(row: DocumentStatistics) -> DocumentStatistics:
    return replace(row, text_chars=0, chunk_count=0, chunk_words_mean=0.0, chunk_words_max=0)


def hollow(row: DocumentStatistics) -> DocumentStatistics:
    return unextracted_statistics(natural_key=row.natural_key, outcome="quarantined", cause="empty_text")


def repeated(row: DocumentStatistics) -> DocumentStatistics:
    return replace(row, text_sha256="0" * 64)


def undecoded(row: DocumentStatistics) -> DocumentStatistics:
    return replace(row, replacement_chars=row.text_chars // 10)


def uncut(row: DocumentStatistics) -> DocumentStatistics:
    return replace(row, chunk_words_mean=2_000.0)


def shredded(row: DocumentStatistics) -> DocumentStatistics:
    return replace(row, chunk_words_mean=1.0)


def sparse(row: DocumentStatistics) -> DocumentStatistics:
    return replace(row, size_bytes=100_000_000)


@pytest.mark.parametrize(
    ("spoil", "rule", "media_type", "tolerated_count", "blocked_count"),
    [
        (failed, "failed_share", "text/plain", 24, 25),
        (emptied, "empty_share", "text/plain", 9, 10),
        (hollow, "empty_share", "text/plain", 9, 10),
        (repeated, "duplicate_share", "text/plain", 16, 17),
        (undecoded, "replacement_ratio", "text/plain", 5, 7),
        (uncut, "chunk_words", "text/plain", 4, 6),
        (shredded, "chunk_words", "text/plain", 20, 30),
        (sparse, "chars_per_byte_text", "text/plain", 14, 16),
        (sparse, "chars_per_byte_markup", HTML, 14, 16),
        (sparse, "chars_per_byte_pdf", PDF, 14, 16),
        (sparse, "chars_per_byte_office", DOCX, 14, 16),
    ],
)
def test_each_rule_blocks_a_bad_run_and_passes_a_tolerable_one(
    spoil: Callable[[DocumentStatistics], DocumentStatistics],
    rule: str,
    media_type: str,
    tolerated_count: int,
    blocked_count: int,
) -> None:
    tolerated = assess_run(mark_duplicates(rows_of(spoil, spoilt_count=tolerated_count, media_type=media_type)))
    assert tolerated.passed, tolerated.failed_rules
    raise_if_blocked(tolerated)

    verdict = assess_run(mark_duplicates(rows_of(spoil, spoilt_count=blocked_count, media_type=media_type)))
    assert [failure.rule for failure in verdict.failed_rules] == [rule]
    with pytest.raises(QualityError, match=rule) as caught:
        raise_if_blocked(verdict)
    assert "Nothing was embedded" in caught.value.remedy


def test_a_failure_names_what_was_observed_the_limit_and_the_worst_documents() -> None:
    rows = rows_of(undecoded, spoilt_count=20)
    rows[3] = replace(rows[3], replacement_chars=rows[3].text_chars)
    (failure,) = assess_run(rows).failed_rules
    assert failure.limit == 0.02
    assert failure.observed > 0.06
    assert failure.examples[0] == "doc-003"
    assert len(failure.examples) == QualitySettings().examples_count


def test_a_small_run_is_not_blocked_by_shares_and_says_so() -> None:
    rows = [failed(sound_row(0)), *(sound_row(number) for number in range(1, 5))]
    verdict = assess_run(rows, QualitySettings(run=RunRules(failed_share_max=0.0)))
    assert verdict.passed
    assert verdict.report_uri is None
    assert any("failed_share not judged: 5 documents" in note for note in verdict.notes)


def test_the_small_run_limit_is_a_setting() -> None:
    rows = [failed(sound_row(0)), *(sound_row(number) for number in range(1, 5))]
    verdict = assess_run(rows, QualitySettings(run=RunRules(failed_share_max=0.1, documents_count_min=5)))
    assert [failure.rule for failure in verdict.failed_rules] == ["failed_share"]


def test_unsupported_and_vanished_documents_are_not_failures() -> None:
    away = [
        unextracted_statistics(natural_key=f"x{number}", outcome=outcome, cause=None)
        for number in range(50)
        for outcome in ("unsupported", "gone")
    ]
    verdict = assess_run([*away, *rows_of(failed, spoilt_count=0)])
    assert verdict.passed
    assert verdict.documents_count == COUNT


def test_the_report_is_written_as_pages_that_name_the_rules(tmp_path: Path) -> None:
    folder = tmp_path / "report with space"
    verdict = assess_run(rows_of(emptied, spoilt_count=20), report_folder=folder)
    assert verdict.report_uri == (folder / "index.html").as_uri()
    (page,) = folder.rglob("validations/**/*.html")
    text = page.read_text()
    assert "empty" in text
    assert "0.6666666667" in text


def test_the_library_is_quiet_and_its_logger_is_left_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("great_expectations")
    before = logger.level
    assess_run(rows_of(failed, spoilt_count=0))
    assert logger.level == before
    assert "Calculating" not in "".join(capfd.readouterr())


def test_importing_the_room_imports_neither_pandas_nor_the_library() -> None:
    code = (
        "import sys, wellread.quality.run_assessment, wellread.quality.document_checks; "
        "sys.exit(bool({'pandas', 'great_expectations'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
