from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest
from docx import Document
from openpyxl import Workbook
from pptx import Presentation

from wellread.documents import ParsedDocument
from wellread.errors import DocumentError

Parse = Callable[[bytes, str], ParsedDocument]


def _saved(document: object) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)  # type: ignore[attr-defined]  # three libraries, one method
    return buffer.getvalue()


def _word(*, title: str = "") -> bytes:
    document = Document()
    document.core_properties.title = title
    document.sections[0].header.paragraphs[0].text = "Company paper"
    document.add_heading("Travel rules", level=1)
    document.add_paragraph("Trains go before planes wherever that is possible.")
    document.add_heading("Meals", level=2)
    document.add_paragraph("Breakfast", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, (("City", "Rate"), ("Rome", "40")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    return _saved(document)


def test_word_gives_headings_by_style_lists_tables_and_furniture(parse: Parse) -> None:
    document = parse(_word(), "rules.docx")
    assert document.title == "Travel rules"
    found = [(e.kind, e.text, e.level) for e in document.elements]
    assert ("page_furniture", "Company paper", None) in found
    assert ("heading", "Travel rules", 1) in found
    assert ("heading", "Meals", 2) in found
    assert ("list_item", "Breakfast", None) in found
    table = document.elements[-1]
    assert (table.kind, table.text, table.header_rows) == ("table", "City | Rate\nRome | 40", 1)


def test_the_title_in_the_properties_is_used_where_a_person_wrote_it(parse: Parse) -> None:
    assert parse(_word(title="Rules for travelling"), "a.docx").title == "Rules for travelling"
    assert parse(_word(title="Microsoft Word - a.doc"), "a.docx").title == "Travel rules"


def _edited(content: bytes, old: bytes, new: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(buffer, "w") as after:
        for entry in before.infolist():
            part = before.read(entry)
            if entry.filename == "word/document.xml":
                assert old in part
                part = part.replace(old, new)
            after.writestr(entry.filename, part)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (b"<w:sdt><w:sdtContent>", b"</w:sdtContent></w:sdt>"),
        (b"<w:p><w:r><w:pict><w:txbxContent>", b"</w:txbxContent></w:pict></w:r></w:p>"),
        (b'<w:p><w:ins w:id="1" w:author="A">', b"</w:ins></w:p>"),
    ],
)
def test_text_in_content_controls_boxes_and_insertions_is_not_lost(parse: Parse, start: bytes, end: bytes) -> None:
    run = b"<w:r><w:t>Hidden in a corner</w:t></w:r>"
    inner = run if b"w:ins" in start else b"<w:p>" + run + b"</w:p>"
    content = _edited(_word(), b"<w:body>", b"<w:body>" + start + inner + end)
    assert "Hidden in a corner" in [element.text for element in parse(content, "a.docx").elements]


def test_entities_in_an_office_part_are_refused(parse: Parse) -> None:
    content = _edited(_word(), b"<w:document", b'<!DOCTYPE w [<!ENTITY a "b">]><w:document')
    with pytest.raises(DocumentError) as refused:
        parse(content, "a.docx")
    assert refused.value.cause == "malicious"


def test_slides_have_a_page_each_and_one_heading(parse: Parse) -> None:
    deck = Presentation()
    for title, body in (("Spring", "Sow the peas."), ("Autumn", "Pick the apples.")):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = body
    deck.slides[1].notes_slide.notes_text_frame.text = "Mention the weather."
    document = parse(_saved(deck), "garden.pptx")
    assert document.page_count == 2
    headings = [(e.text, e.page) for e in document.elements if e.kind == "heading"]
    assert headings == [("Spring", 1), ("Autumn", 2)]
    texts = [e.text for e in document.elements]
    assert {"Sow the peas.", "Pick the apples.", "Mention the weather."} <= set(texts)


def test_sheets_are_tables_under_their_name(parse: Parse) -> None:
    book = Workbook()
    sheet = book.active
    sheet.title = "Prices"
    for row in (("Item", "Price"), ("Tea", 2.0), (None, None), ("Note", "net")):
        sheet.append(row)
    book.create_sheet("Sheet2").append(("alone",))
    document = parse(_saved(book), "prices.xlsx")
    found = [(e.kind, e.text, e.page) for e in document.elements]
    assert found == [
        ("heading", "Prices", 1),
        ("table", "Item | Price\nTea | 2", 1),
        ("table", "Note | net", 1),
        ("table", "alone", 2),
    ]


def test_two_cells_in_opposite_corners_of_the_largest_sheet_are_read(parse: Parse) -> None:
    book = Workbook()
    book.active["A1"] = "first"
    book.active["XFD1048576"] = "last"
    texts = [element.text for element in parse(_saved(book), "corners.xlsx").elements]
    assert texts == ["first", "last"]


def test_an_archive_that_unpacks_to_far_more_is_refused_before_it_is_parsed(parse: Parse) -> None:
    content = _edited(_word(), b"</w:body>", b"<!--" + b"a" * 40_000_000 + b"--></w:body>")
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as before,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for entry in before.infolist():
            after.writestr(entry.filename, before.read(entry))
    with pytest.raises(DocumentError) as refused:
        parse(packed.getvalue(), "bomb.docx")
    assert refused.value.cause == "zip_bomb"


def test_a_broken_part_is_corrupt_not_a_crash(parse: Parse) -> None:
    with pytest.raises(DocumentError) as refused:
        parse(_edited(_word(), b"</w:body>", b"</w:bo"), "broken.docx")
    assert refused.value.cause == "corrupt"


def test_a_workbook_without_a_value_has_no_elements(parse: Parse) -> None:
    with pytest.raises(DocumentError) as refused:
        parse(_saved(Workbook()), "blank.xlsx")
    assert refused.value.cause == "no_elements"
