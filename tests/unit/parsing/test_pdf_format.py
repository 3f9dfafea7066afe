from __future__ import annotations

from collections.abc import Callable

import pytest

from wellread.documents import ParsedDocument
from wellread.errors import DocumentError

Parse = Callable[[bytes, str], ParsedDocument]
MakePdf = Callable[..., bytes]


def _page(number: int, *lines: str) -> list[tuple[float, float, float, str]]:
    body = [(72.0, 680.0 - 14 * index, 11.0, line) for index, line in enumerate(lines)]
    return [(72, 750, 9, "Green Valley Cooperative"), *body, (300, 40, 9, f"Page {number} of 4")]


def test_lines_become_paragraphs_and_running_lines_become_furniture(parse: Parse, make_pdf: MakePdf) -> None:
    names = ("committee", "orchestra", "fire brigade", "bowling club")
    pages = [
        _page(
            number,
            f"The {name} meets on the first Monday of every month in the old hall,",
            f"and the minutes of the {name} are kept for ten years in the green-",
            f"house office, where the {name} may read them.",
        )
        for number, name in enumerate(names, 1)
    ]
    document = parse(make_pdf(pages), "minutes.pdf")
    assert document.page_count == 4
    body = [e for e in document.elements if e.kind != "page_furniture"]
    assert [e.page for e in body] == [1, 2, 3, 4]
    assert body[0].text == (
        "The committee meets on the first Monday of every month in the old hall, and the minutes of the committee"
        " are kept for ten years in the green-\nhouse office, where the committee may read them."
    )
    furniture = [e.text for e in document.elements if e.kind == "page_furniture"]
    assert furniture[:2] == ["Green Valley Cooperative", "Page 1 of 4"]
    assert len(furniture) == 8


def test_larger_text_is_a_heading_and_the_title(parse: Parse, make_pdf: MakePdf) -> None:
    lines = [
        (72, 700, 20, "Rules of the house"),
        (72, 660, 11, "Shoes stay at the door, and guests are welcome at any time."),
    ]
    document = parse(make_pdf([lines]), "rules.pdf")
    assert document.title == "Rules of the house"
    assert (document.elements[0].kind, document.elements[0].level) == ("heading", 1)


def test_a_title_in_the_properties_goes_before_unless_a_program_made_it(parse: Parse, make_pdf: MakePdf) -> None:
    lines = [(72, 700, 20, "Rules of the house"), (72, 660, 11, "Shoes stay at the door, always.")]
    assert parse(make_pdf([lines], title="House rules, 3rd edition"), "a.pdf").title == "House rules, 3rd edition"
    assert parse(make_pdf([lines], title="Microsoft Word - rules.doc"), "a.pdf").title == "Rules of the house"


def test_a_sentence_goes_on_over_a_page_break(parse: Parse, make_pdf: MakePdf) -> None:
    pages = [
        [(72, 700, 11, "The seller delivers the goods to the place that the buyer has named in the")],
        [(72, 700, 11, "order, and bears the risk until then.")],
    ]
    (paragraph,) = parse(make_pdf(pages), "order.pdf").elements
    assert paragraph.text.endswith("named in the order, and bears the risk until then.")
    assert paragraph.page == 1


def test_pages_without_text_are_a_scan_and_blank_ones_have_no_elements(parse: Parse, make_pdf: MakePdf) -> None:
    drawing = make_pdf([[]]).replace(
        b"<< /Length 0 >>\nstream\n\nendstream", b"<< /Length 19 >>\nstream\n0 0 100 100 re f    \nendstream"
    )
    for content, cause in ((drawing, "no_text"), (make_pdf([[]]), "no_elements")):
        with pytest.raises(DocumentError) as refused:
            parse(content, "scan.pdf")
        assert refused.value.cause == cause


def test_a_pdf_cut_short_is_truncated(parse: Parse) -> None:
    with pytest.raises(DocumentError) as refused:
        parse(b"%PDF-1.4\n1 0 obj\n<< /Type /Cat", "cut.pdf")
    assert refused.value.cause == "truncated"


def _row(height: float, *cells: str, left: float = 72) -> list[tuple[float, float, float, str]]:
    """Cells 120 points apart; an empty one leaves its place free."""
    return [(left + 120 * index, height, 10, cell) for index, cell in enumerate(cells) if cell]


def test_rows_of_figures_are_a_table_with_its_header(parse: Parse, make_pdf: MakePdf) -> None:
    lines = [
        (72, 740, 10, "The mill earned more than in any year before, as the figures below will show."),
        *_row(700, "", "Year ended", "Year ended"),
        *_row(688, "", "May 2026", "May 2025"),
        *_row(670, "Income:"),
        *_row(658, "Flour", "$ 1,200", "$ 1,100"),
        *_row(646, "Bran and husks", "310", "(290)"),
        *_row(634, "Total", "$ 1,510", "$ 810"),
        (72, 600, 10, "Nothing was written off, and the wheel was mended in the spring of that year."),
    ]
    document = parse(make_pdf([lines]), "mill.pdf")
    assert [element.kind for element in document.elements] == ["paragraph", "table", "paragraph"]
    table = document.elements[1]
    assert table.header_rows == 2
    assert table.text.split("\n") == [
        " | Year ended | Year ended",
        " | May 2026 | May 2025",
        "Income:",
        "Flour | $ 1,200 | $ 1,100",
        "Bran and husks | 310 | (290)",
        "Total | $ 1,510 | $ 810",
    ]


def test_prose_in_two_columns_is_no_table(parse: Parse, make_pdf: MakePdf) -> None:
    left = [(72, 700 - 12 * row, 10, f"the left column tells of the river, line {row}") for row in range(6)]
    right = [(330, 700 - 12 * row, 10, f"the right column tells of the hills, line {row}") for row in range(6)]
    together = [line for pair in zip(left, right, strict=True) for line in pair]
    document = parse(make_pdf([together]), "columns.pdf")
    assert "table" not in {element.kind for element in document.elements}


def test_two_amounts_in_prose_do_not_make_a_table(parse: Parse, make_pdf: MakePdf) -> None:
    lines = [*_row(700, "Rent", "900"), *_row(688, "Heating", "120")]
    assert {e.kind for e in parse(make_pdf([lines]), "two.pdf").elements} == {"paragraph"}


def test_justified_text_with_wide_gaps_and_numbered_paragraphs_stay_prose(parse: Parse, make_pdf: MakePdf) -> None:
    justified = [
        *_row(700, "This distributor", "agreement is", "made by and between"),
        *_row(688, "the mill and the", "baker this 7th", "day of September,"),
        *_row(676, "and each of them", "keeps one copy", "of it in the office."),
    ]
    numbered = [
        line
        for number in range(1, 5)
        for line in _row(
            620 - 14 * number, f"5.{number}", "The baker pays for the flour within thirty days of each delivery."
        )
    ]
    document = parse(make_pdf([justified + numbered]), "agreement.pdf")
    assert "table" not in {element.kind for element in document.elements}
    assert "The baker pays for the flour" in document.elements[-1].text
