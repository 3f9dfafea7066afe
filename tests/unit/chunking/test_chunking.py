import pytest

from wellread.chunking import ChunkingSettings, chunk, signature
from wellread.cleaning import CleaningSettings, clean
from wellread.documents import Chunk, CleanedDocument, Element, ParsedDocument
from wellread.errors import SettingsError


def words_and_marks(text: str) -> int:
    return len(text) // 3


def document(*elements: Element, title: str | None = None) -> CleanedDocument:
    return clean(ParsedDocument("text/plain", elements, title=title, language="en"), CleaningSettings())


def cut(cleaned: CleanedDocument, max_tokens: int = 400, **settings: object) -> tuple[Chunk, ...]:
    chosen = ChunkingSettings.model_validate(settings)
    return chunk(cleaned, chosen, count_tokens=words_and_marks, max_tokens=max_tokens)


def prose(count: int, name: str = "Sentence") -> str:
    return " ".join(f"{name} number {index} says what it says about matter {index * 7}." for index in range(count))


def test_a_table_repeats_its_header_and_never_mixes_with_prose() -> None:
    rows = "\n".join(f"part {index} | {index * 3} | in stock" for index in range(200))
    table = Element("table", f"name | price | state\n{rows}", header_rows=1, page=4)
    chunks = cut(document(Element("paragraph", prose(3)), table, Element("paragraph", prose(3))))
    tables = [part for part in chunks if part.kind == "table"]
    assert [part.kind for part in chunks] == ["text", *["table"] * len(tables), "text"]
    assert len(tables) > 5
    assert all(part.text.startswith("name | price | state\npart") for part in tables)
    assert [part.repeated_chars for part in tables] == [0] + [len("name | price | state\n")] * (len(tables) - 1)
    assert all(len(part.text.split()) <= 120 and part.page == 4 for part in tables)


def test_fifty_thousand_rows_and_a_row_that_is_too_long_are_all_there() -> None:
    rows = [f"row {index} | {index % 13}" for index in range(50_000)]
    rows[7] = " | ".join(f"cell {index}" for index in range(500))
    cleaned = document(Element("table", "\n".join(["a | b", *rows]), header_rows=1))
    chunks = cut(cleaned)
    assert "".join(part.text[part.repeated_chars :] for part in chunks).replace("\n", "").replace(
        " ", ""
    ) == cleaned.text.replace("\n", "").replace(" ", "")
    assert max(len(part.text.split()) for part in chunks) <= 120


def test_code_is_kept_by_lines_and_short_code_stays_with_its_prose() -> None:
    lines = "\n".join(f"    total = total + values[{index}] * weight" for index in range(90))
    chunks = cut(document(Element("paragraph", prose(2)), Element("code", "x = 1\ny = 2"), Element("code", lines)))
    assert "x = 1\ny = 2" in chunks[0].text
    assert chunks[0].kind == "text"
    code = [part for part in chunks if part.kind == "code"]
    assert len(code) > 1
    assert [line.strip() for part in code for line in part.text.split("\n")] == [
        line.strip() for line in lines.split("\n")
    ]


def test_a_chunk_names_the_headings_that_hold_for_all_of_it() -> None:
    chunks = cut(
        document(
            Element("heading", "Guide", level=1),
            Element("heading", "Install", level=2),
            Element("paragraph", prose(2)),
            Element("heading", "Remove", level=2),
            Element("paragraph", prose(2, "Line")),
            Element("heading", "Long", level=2),
            Element("paragraph", prose(60, "Point")),
        )
    )
    assert chunks[0].headings[0] == "Guide"
    assert chunks[-1].headings == ("Guide", "Long")
    for part in chunks:
        if "Install" in part.text and "Remove" in part.text:
            assert part.headings == ("Guide",)
        assert not part.text.endswith(("Install", "Remove", "Long"))


def test_title_and_headings_are_embedded_by_setting_and_never_stored_in_the_text() -> None:
    cleaned = document(Element("heading", "Terms", level=1), Element("paragraph", prose(2)), title="The Title")
    (part,) = cut(cleaned, embed_headings=True)
    assert part.embedding_input == f"The Title\nTerms\n{part.text}"
    (plain,) = cut(cleaned, embed_title=False, embed_headings=False)
    assert plain.embedding_input == plain.text == part.text


@pytest.mark.parametrize(
    "text",
    [
        "word " * 20_000,
        "x" * 100_000,
        "漢字の文章には空白がない" * 2_000,
        "นี่คือภาษาไทย" * 2_000,
        "a-b;" * 9_000,
        "1,234.5 " * 3_000,
    ],
    ids=["no marks", "one word", "japanese", "thai", "no spaces", "numbers"],
)
def test_text_without_sentences_is_cut_and_lost_nowhere(text: str) -> None:
    cleaned = document(Element("paragraph", text))
    chunks = cut(cleaned, max_tokens=200)
    assert "".join("".join(part.text.split()) for part in chunks) == "".join(cleaned.text.split())
    assert all(words_and_marks(part.embedding_input) <= 200 for part in chunks)
    assert all(len(part.text.split()) <= 120 for part in chunks)


def test_a_huge_title_leaves_room_for_the_text() -> None:
    chunks = cut(document(Element("paragraph", prose(20)), title="T" * 50_000), max_tokens=64)
    assert all(words_and_marks(part.embedding_input) <= 64 for part in chunks)


def test_an_empty_document_has_no_chunks() -> None:
    assert cut(document()) == ()


def test_an_embedder_without_room_is_refused() -> None:
    with pytest.raises(SettingsError, match="no room for text"):
        cut(document(Element("paragraph", "text")), max_tokens=4)


def test_the_signature_follows_the_settings() -> None:
    assert signature(ChunkingSettings()) != signature(ChunkingSettings(max_words=80))


def test_sentences_stay_whole_where_they_fit() -> None:
    text = prose(100)
    chunks = cut(document(Element("paragraph", text)))
    assert all(part.text.startswith("Sentence") and part.text.endswith(".") for part in chunks)
    assert sum(len(part.text.split()) for part in chunks) / len(chunks) > 80
