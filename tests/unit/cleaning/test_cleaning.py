import pytest

from wellread.cleaning import CleaningSettings, clean, signature
from wellread.documents import Element, ParsedDocument

DEFAULTS = CleaningSettings()


def cleaned_text(text: str, settings: CleaningSettings = DEFAULTS, kind: str = "paragraph") -> str:
    element = Element(kind, text)  # type: ignore[arg-type]  # a literal, by parametrisation
    return clean(ParsedDocument("text/plain", (element,)), settings).text


@pytest.mark.parametrize(
    ("dirty", "expected"),
    [
        ("one\r\ntwo\rthree\u2028four", "one two three four"),
        ("exam-\nple and Non-\nCompete", "example and Non-Compete"),
        ("e\u0301t\u00e9", "été"),
        ("o\ufb03ce\u00a0of\u3000x", "office of x"),
        ("a\u200bb\u202ec\U000e0041d\x00e\xad", "abcde"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("2⁵ is not 25", "2⁵ is not 25"),
        ("می\u200cخواهم 👩\u200d👧", "می\u200cخواهم 👩\u200d👧"),
        ("one\n\ntwo", "one\n\ntwo"),
        (" \u200b\n ", ""),
    ],
)
def test_prose_is_written_one_way(dirty: str, expected: str) -> None:
    assert cleaned_text(dirty) == expected


def test_tables_and_code_keep_their_lines() -> None:
    assert cleaned_text("a |  b\n\n1 | 2 \n", kind="table") == "a | b\n1 | 2"
    assert cleaned_text("\ndef f():\n    return 1  \n\nf()\n", kind="code") == "def f():\n    return 1\n\nf()"


def test_header_rows_are_counted_after_empty_lines_went() -> None:
    table = Element("table", "\nname | price\nbolt | 3", header_rows=2)
    (element,) = clean(ParsedDocument("text/csv", (table,)), DEFAULTS).elements
    assert (element.text, element.header_rows) == ("name | price\nbolt | 3", 1)


def test_spans_name_each_element_and_furniture_is_gone() -> None:
    parsed = ParsedDocument(
        "application/pdf",
        (Element("heading", "Terms "), Element("page_furniture", "Page 3"), Element("paragraph", "It\nends.")),
        title=" The\n Title ",
    )
    document = clean(parsed, DEFAULTS)
    assert [document.text[start:end] for start, end in document.spans] == ["Terms", "It ends."]
    assert document.text == "Terms\n\nIt ends."
    assert document.title == "The Title"


@pytest.mark.parametrize(
    ("setting", "dirty"),
    [
        ("normalise_unicode", "e\u0301"),
        ("remove_invisible", "a\u200bb"),
        ("expand_ligatures", "\ufb01"),
        ("join_hyphens", "exam-\nple"),
        ("join_lines", "a\nb"),
    ],
)
def test_each_step_can_be_switched_off_and_changes_the_signature(setting: str, dirty: str) -> None:
    without = DEFAULTS.model_copy(update={setting: False})
    assert cleaned_text(dirty, without) != cleaned_text(dirty)
    assert signature(without) != signature(DEFAULTS)
