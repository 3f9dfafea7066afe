"""Scans and pictures, read by the tesseract of this machine."""

from __future__ import annotations

import ctypes
import io
from collections.abc import Callable
from typing import Any

import pytest

from wellread.documents import ParsedDocument
from wellread.errors import DocumentError, UnsupportedTypeError
from wellread.parsing import ParserPool, ParsingSettings, signature
from wellread.parsing.settings import RecognitionSettings

pytestmark = pytest.mark.usefixtures("tesseract")

Parse = Callable[[bytes, str], ParsedDocument]
MakeScan = Callable[..., Any]
MakePdf = Callable[..., bytes]

FIRST = ("The ferry leaves the island at seven", "and returns before the evening bell.")
SECOND = ("Passengers with bicycles wait", "behind the white line on the pier.")


def _saved(picture: Any, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _scanned_pdf(*pages: Any) -> bytes:
    return _saved(pages[0], "PDF", resolution=200, save_all=True, append_images=list(pages[1:]))


def _text(document: ParsedDocument) -> str:
    return " ".join(element.text for element in document.elements)


def test_a_scanned_pdf_is_read_and_its_pages_keep_their_numbers(parse: Parse, make_scan: MakeScan) -> None:
    document = parse(_scanned_pdf(make_scan(*FIRST), make_scan(*SECOND)), "ferry.pdf")
    assert document.page_count == 2
    assert [(e.page, e.text) for e in document.elements] == [(1, " ".join(FIRST)), (2, " ".join(SECOND))]
    assert document.language == "en"
    assert any("recognised by tesseract" in warning and "2 pages" in warning for warning in document.warnings)


def test_only_the_pages_without_text_are_recognised(parse: Parse, make_scan: MakeScan, make_pdf: MakePdf) -> None:
    import pypdfium2

    typed = pypdfium2.PdfDocument(make_pdf([[(72, 700, 11, "The first page is typed, not scanned.")]]))
    typed.import_pages(pypdfium2.PdfDocument(_scanned_pdf(make_scan(*SECOND))))
    buffer = io.BytesIO()
    typed.save(buffer)
    document = parse(buffer.getvalue(), "mixed.pdf")
    assert [e.page for e in document.elements] == [1, 2]
    assert document.elements[0].text == "The first page is typed, not scanned."
    assert document.elements[1].text == " ".join(SECOND)
    assert any("1 pages" in warning for warning in document.warnings)


def test_a_scan_with_a_stamp_of_real_text_is_recognised_too(parse: Parse, make_scan: MakeScan) -> None:
    import pypdfium2
    import pypdfium2.raw as pdfium

    scan = pypdfium2.PdfDocument(_scanned_pdf(make_scan(*FIRST)))
    page = scan[0]
    stamp = pdfium.FPDFPageObj_NewTextObj(scan.raw, b"Helvetica", 9.0)
    label = "Received 4 May".encode("utf-16-le") + b"\0\0"
    pointer = ctypes.cast(ctypes.create_string_buffer(label), ctypes.POINTER(ctypes.c_ushort))
    assert pdfium.FPDFText_SetText(stamp, pointer)
    pdfium.FPDFPageObj_Transform(stamp, 1, 0, 0, 1, 300, 4)
    pdfium.FPDFPage_InsertObject(page.raw, stamp)
    page.gen_content()
    buffer = io.BytesIO()
    scan.save(buffer)
    text = _text(parse(buffer.getvalue(), "stamped.pdf"))
    assert FIRST[0] in text


@pytest.mark.parametrize(
    ("kind", "name"), [("PNG", "a.png"), ("JPEG", "a.jpg"), ("TIFF", "a.tif"), ("BMP", "a.bmp"), ("WEBP", "a.webp")]
)
def test_a_picture_of_text_is_read(parse: Parse, make_scan: MakeScan, kind: str, name: str) -> None:
    document = parse(_saved(make_scan(*FIRST), kind), name)
    assert _text(document) == " ".join(FIRST)
    assert (document.page_count, document.elements[0].page) == (1, 1)
    assert document.media_type.startswith("image/")


def test_the_pages_of_a_tiff_are_pages(parse: Parse, make_scan: MakeScan) -> None:
    content = _saved(make_scan(*FIRST), "TIFF", save_all=True, append_images=[make_scan(*SECOND)])
    document = parse(content, "ferry.tiff")
    assert [(e.page, e.text) for e in document.elements] == [(1, " ".join(FIRST)), (2, " ".join(SECOND))]


def test_small_print_is_enlarged_before_it_is_read(parse: Parse, make_scan: MakeScan) -> None:
    small = make_scan(*FIRST).resize((520, 97))
    assert FIRST[0] in _text(parse(_saved(small, "PNG"), "small.png"))


def test_a_picture_is_turned_as_its_camera_says_and_transparent_paper_is_white(
    parse: Parse, make_scan: MakeScan
) -> None:
    from PIL import Image

    page = make_scan(*FIRST)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a turn by 90 degrees
    turned = _saved(page.rotate(90, expand=True), "JPEG", exif=exif)
    assert FIRST[0] in _text(parse(turned, "turned.jpg"))
    ink = Image.new("RGBA", page.size, (0, 0, 0, 0))
    ink.putalpha(page.point(lambda value: 255 - value))
    assert FIRST[0] in _text(parse(_saved(ink, "PNG"), "ink.png"))


def test_a_large_heading_is_a_heading(parse: Parse, make_scan: MakeScan) -> None:
    from PIL import Image

    title, body = make_scan("Rules of the pier", size=90), make_scan(*FIRST, *SECOND)
    page = Image.new("L", (1654, title.height + body.height), "white")
    page.paste(title, (0, 0))
    page.paste(body, (0, title.height))
    document = parse(_saved(page, "PNG"), "rules.png")
    assert document.title == "Rules of the pier"
    assert document.elements[0].kind == "heading"
    assert {element.kind for element in document.elements[1:]} == {"paragraph"}


def test_what_is_read_with_too_little_confidence_is_quarantined_and_shown(make_scan: MakeScan) -> None:
    strict = ParsingSettings(worker_count=1, recognition=RecognitionSettings(least_confidence_ratio=1.0))
    with ParserPool(strict) as pool, pytest.raises(DocumentError) as refused:
        pool.parse(_scanned_pdf(make_scan(*FIRST)), "ferry.pdf")
    assert refused.value.cause == "no_text"
    assert "ferry leaves the island" in refused.value.found
    assert "below 1" in refused.value.found
    assert "least_confidence_ratio" in refused.value.remedy


def test_a_picture_without_words_has_no_text(parse: Parse) -> None:
    from PIL import Image

    with pytest.raises(DocumentError) as refused:
        parse(_saved(Image.linear_gradient("L"), "PNG"), "sky.png")
    assert refused.value.cause == "no_text"


@pytest.mark.parametrize(
    ("change", "cause"),
    [(lambda content: content[: len(content) // 2], "truncated"), (lambda content: content[:40], "corrupt")],
)
def test_a_broken_picture_is_refused_with_its_cause(
    parse: Parse, make_scan: MakeScan, change: Callable[[bytes], bytes], cause: str
) -> None:
    with pytest.raises(DocumentError) as refused:
        parse(change(_saved(make_scan(*FIRST), "PNG")), "broken.png")
    assert refused.value.cause == cause


def test_a_picture_that_says_it_is_huge_is_not_unpacked(parse: Parse) -> None:
    from PIL import Image

    content = _saved(Image.new("1", (40_000, 40_000)), "PNG")
    assert len(content) < 1_000_000
    with pytest.raises(DocumentError) as refused:
        parse(content, "huge.png")
    assert refused.value.cause == "too_large"


def test_pages_beyond_the_limit_are_left_out_with_a_warning(make_scan: MakeScan) -> None:
    settings = ParsingSettings(worker_count=1, recognition=RecognitionSettings(max_pages=1))
    with ParserPool(settings) as pool:
        document = pool.parse(_scanned_pdf(make_scan(*FIRST), make_scan(*SECOND)), "ferry.pdf")
    assert {element.page for element in document.elements} == {1}
    assert any("more than 1 pages" in warning for warning in document.warnings)


def test_switched_off_it_is_as_if_nothing_were_installed(make_scan: MakeScan) -> None:
    off = ParsingSettings(worker_count=1, recognition=RecognitionSettings(enabled=False))
    with ParserPool(off) as pool:
        with pytest.raises(DocumentError) as refused:
            pool.parse(_scanned_pdf(make_scan(*FIRST)), "ferry.pdf")
        assert refused.value.cause == "no_text"
        with pytest.raises(UnsupportedTypeError):
            pool.parse(_saved(make_scan(*FIRST), "PNG"), "ferry.png")
    assert signature(off) != signature(ParsingSettings())
