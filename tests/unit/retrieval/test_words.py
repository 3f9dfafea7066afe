from __future__ import annotations

import threading

from wellread.retrieval.words import content_terms, terms, words


def test_words_are_runs_of_letters_and_digits_case_folded() -> None:
    assert words("Straße_No. 5, IFITM3—yes") == ["strasse", "no", "5", "ifitm3", "yes"]


def test_terms_keep_stop_words_so_that_distances_stay_true() -> None:
    assert terms("the parties of the contracts") == ["the", "parti", "of", "the", "contract"]


def test_content_terms_leave_stop_words_out_unless_nothing_else_is_left() -> None:
    assert content_terms("What is the renewal of the contract?") == {"renew", "contract"}
    assert content_terms("who is it") == {"who", "is", "it"}


def test_a_language_without_an_algorithm_keeps_whole_words() -> None:
    assert terms("قانون العقد", language="ar-EG") == ["قانون", "العقد"]


def test_each_language_has_its_own_stems() -> None:
    assert terms("Verträge", language="de") == ["vertrag"]
    assert terms("Verträge", language="en") != ["vertrag"]


def test_stemming_in_many_threads_gives_what_one_thread_gives() -> None:
    texts = [f"licensing{number} terminations{number} obligations{number}" for number in range(300)]
    expected = [[f"licensing{n}", f"terminations{n}", f"obligations{n}"] for n in range(300)]
    alone = [terms(" ".join(part)) for part in expected]
    together: list[list[list[str]]] = []
    workers = [
        threading.Thread(target=lambda: together.append([terms(text, language="en-GB") for text in texts]))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert together == [alone] * 4
