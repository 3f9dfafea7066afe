"""Sentences come verbatim, scored by what they say, and no two of them say the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from wellread.answering.extractive.assessment import Assessor
from wellread.answering.extractive.extraction import (
    add_similarity,
    candidate_sentences,
    choose_sentences,
    in_document_order,
    shortlist,
)
from wellread.answering.protocol import AnswerRequest
from wellread.answering.settings import ExtractionSettings
from wellread.documents import Passage

Make = Callable[..., Passage]
SETTINGS = ExtractionSettings()


def test_a_candidate_is_the_verbatim_text_at_its_offsets(passage: Make) -> None:
    found = passage("First sentence here.  Second one (see Fig. 3) goes on.\n\nA third, after a blank line?")
    candidates = candidate_sentences([found], SETTINGS)
    assert [candidate.text for candidate in candidates] == [
        "First sentence here.",
        "Second one (see Fig. 3) goes on.",
        "A third, after a blank line?",
    ]
    assert all(found.text[one.start : one.end] == one.text for one in candidates)


def test_a_table_row_is_one_candidate_and_is_read_with_its_header(passage: Make) -> None:
    table = passage("Year | Sales\n2023 | 15 m. Euro\n2024 | 17 m. Euro", repeated_chars=len("Year | Sales\n"))
    candidates = candidate_sentences([table], SETTINGS)
    assert [candidate.text for candidate in candidates] == ["2023 | 15 m. Euro", "2024 | 17 m. Euro"]
    assert candidates[0].read_as == "Year | Sales\n2023 | 15 m. Euro"


def test_neighbours_and_scraps_without_letters_are_no_candidates(passage: Make) -> None:
    hit = passage("A hit. ***", rank=1)
    beside = passage("A neighbour.", rank=2, neighbour_of=1)
    assert [candidate.text for candidate in candidate_sentences([hit, beside], SETTINGS)] == ["A hit."]


def test_no_more_is_read_than_the_settings_allow(passage: Make) -> None:
    passages = [passage("One. Two. Three.", rank=rank, document=f"{rank}.md") for rank in range(1, 9)]
    few = ExtractionSettings(passage_count=2, candidate_count=2)
    candidates = candidate_sentences(passages, few)
    assert {one.passage_index for one in candidates} == {0, 1}
    best = shortlist(candidates, passages, term_weights={"two": 1.0}, language="en", settings=few)
    assert [(one.candidate.passage_index, one.candidate.text) for one in best] == [(0, "Two."), (1, "Two.")]


def test_a_heading_is_no_candidate(passage: Make) -> None:
    found = passage("The loan desk\n\nA loan lasts 28 days.", headings=("Rules", "The loan desk"))
    assert [one.text for one in candidate_sentences([found], SETTINGS)] == ["A loan lasts 28 days."]


@pytest.fixture
def scored(passage: Make) -> Callable[..., list[str]]:
    def choose(*texts: str, cosines: list[float], settings: ExtractionSettings = SETTINGS) -> list[str]:
        passages = [
            passage(text, rank=rank, document=f"{rank}.md", signals={"cosine": 0.5})
            for rank, text in enumerate(texts, 1)
        ]
        candidates = candidate_sentences(passages, settings)
        vectors = np.array([[cosine, (1 - cosine**2) ** 0.5] for cosine in cosines], dtype=np.float32)
        sentences = add_similarity(
            shortlist(
                candidates,
                passages,
                term_weights={"loan": 2.0, "day": 1.0},
                language="en",
                settings=settings,
            ),
            question_vector=np.array([1, 0], dtype=np.float32),
            vectors=vectors,
            settings=settings,
        )
        chosen = in_document_order(choose_sentences(sentences, settings), passages)
        return [one.candidate.text for one in chosen]

    return choose


def test_the_best_sentences_come_in_document_order(scored: Callable[..., list[str]]) -> None:
    text = "Nothing to see here at all. Loans last many days for members. Days are short in the winter months."
    assert scored(text, cosines=[0.1, 0.9, 0.5], settings=ExtractionSettings(sentence_count=2)) == [
        "Loans last many days for members.",
        "Days are short in the winter months.",
    ]


def test_a_repeated_sentence_is_given_once(scored: Callable[..., list[str]]) -> None:
    same = "Loans last many days for members."
    other = "The building has two floors."
    assert scored(same, same, other, cosines=[0.9, 0.9, 0.1]) == [same, other]


def test_words_of_the_question_decide_between_equal_cosines(scored: Callable[..., list[str]]) -> None:
    text = "The cat sat on the mat today. The loan runs for one day only."
    one = ExtractionSettings(sentence_count=1)
    assert scored(text, cosines=[0.5, 0.5], settings=one) == ["The loan runs for one day only."]


def test_an_assessment_is_the_same_each_time(assessor: Assessor, passage: Make) -> None:
    request = AnswerRequest("How long is a loan?", (passage("A loan lasts 28 days. " * 3),), {"loan": 1.0})
    assert assessor.assess(request) == assessor.assess(request)


def test_a_sentence_longer_than_the_model_reads_is_cut_for_it_but_not_in_the_answer(
    assessor: Assessor, passage: Make
) -> None:
    long = "A loan " + "and again a loan " * 300 + "lasts 28 days."
    assessed = assessor.assess(AnswerRequest("How long is a loan?", (passage(long),), {"loan": 1.0}))
    assert [sentence.candidate.text for sentence in assessed.sentences] == [long]


def test_no_passage_gives_no_sentence_and_little_confidence(assessor: Assessor) -> None:
    assessed = assessor.assess(AnswerRequest("How long is a loan?", (), {}))
    assert assessed.sentences == ()
    assert assessed.confidence < 0.3
