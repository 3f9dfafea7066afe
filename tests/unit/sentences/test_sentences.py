import pytest

from wellread.sentences import split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "parts",
    [
        ["Dr. Smith of ABC, Inc. shall pay.", "The fee is due."],
        ["3.2 The fee is $3.5 million (see Fig. 2).", "It works!", '"Really?" he said.'],
        ["1. Definitions and terms.", "J. K. Rowling wrote (cf. Miller et al. 2019).", "Why?"],
        ["Filed by ABC, Inc.", "The Company agrees."],
        ["It began at 5 p.m. on Monday, i.e. late.", "Then it ended..."],
        ["你好。", "世界！"],
        ["यह ठीक है।", "और वह भी।"],
        ["هل هذا صحيح؟", "نعم."],
    ],
)
def test_sentences_end_where_a_reader_would_end_them(parts: list[str]) -> None:
    text = " ".join(parts)
    assert sentences(text) == parts


def test_marks_without_a_space_need_none_in_chinese() -> None:
    assert sentences("你好。世界！") == ["你好。", "世界！"]


def test_a_line_break_ends_a_sentence() -> None:
    assert sentences("a heading\n\nsome text\n") == ["a heading", "some text"]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "..."])
def test_texts_without_words_do_no_harm(text: str) -> None:
    assert "".join(sentences(text)) == text.strip()
