"""Books, OpenDocument texts and rich text: what is kept, and what hostile ones end as."""

from __future__ import annotations

import io
import subprocess
import zipfile
from collections.abc import Callable

import pypandoc
import pytest

from wellread.documents import ParsedDocument
from wellread.errors import DocumentError

Parse = Callable[[bytes, str], ParsedDocument]

ODF_NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "text")
)


def _zip(parts: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _odt(body: str, *, before: str = "", manifest: str = "") -> bytes:
    content = (
        f'<?xml version="1.0"?>{before}<office:document-content {ODF_NAMES}><office:body><office:text>{body}'
        "</office:text></office:body></office:document-content>"
    )
    parts = {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content}
    return _zip({**parts, "META-INF/manifest.xml": f"<manifest>{manifest}</manifest>"})


def _epub(*chapters: str) -> bytes:
    items = "".join(
        f'<item id="c{n}" href="c{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="id">1</dc:identifier>'
        f"<dc:title>Boats of the lake</dc:title></metadata><manifest>{items}</manifest>"
        f"<spine>{spine}</spine></package>"
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
        '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    parts = {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "book.opf": package}
    return _zip({**parts, **{f"c{n}.xhtml": chapter for n, chapter in enumerate(chapters)}})


def _chapter(body: str, before: str = "<!DOCTYPE html>") -> str:
    return f'{before}<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body>{body}</body></html>'


def _kinds(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(element.kind, element.text) for element in document.elements]


def test_the_chapters_of_a_book_come_in_reading_order(parse: Parse) -> None:
    content = _epub(
        _chapter("<h1>Rowing</h1><p>Row at dawn.</p>"), _chapter("<h1>Sailing</h1><p>Sail at noon.</p>")
    )
    document = parse(content, "boats.epub")
    assert document.title == "Boats of the lake"
    assert _kinds(document)[-4:] == [
        ("heading", "Rowing"),
        ("paragraph", "Row at dawn."),
        ("heading", "Sailing"),
        ("paragraph", "Sail at noon."),
    ]


def _written_odt(markdown: str, title: str = "") -> bytes:
    """An OpenDocument text as pandoc writes it, with all the parts that readers want."""
    command = [pypandoc.get_pandoc_path(), "--from=markdown", "--to=odt", f"--metadata=title:{title}", "--output=-"]
    return subprocess.run(command, input=markdown.encode(), capture_output=True, check=True).stdout


def test_an_opendocument_text_keeps_headings_lists_and_tables(parse: Parse) -> None:
    table = "| Zone | Price |\n|------|-------|\n| Lake | 3     |"
    source = f"# Fares\n\nChildren travel free.\n\n- by boat\n- by tram\n\n{table}\n"
    document = parse(_written_odt(source, "Fares of the lake"), "fares.odt")
    assert document.title == "Fares of the lake"
    assert _kinds(document)[-5:] == [
        ("heading", "Fares"),
        ("paragraph", "Children travel free."),
        ("list_item", "by boat"),
        ("list_item", "by tram"),
        ("table", "Zone | Price\nLake | 3"),
    ]
    assert parse(_written_odt("Only this."), "plain.odt").title is None


def test_rich_text_has_the_letters_of_its_code_page_its_tables_and_its_title(parse: Parse) -> None:
    source = (
        rb"{\rtf1\ansi\ansicpg1250{\fonttbl{\f0\fcharset238 Arial;}}{\info{\title Harbour rules}}"
        rb"\f0 \'e8l\'e1nek t\'fddne\par Emoji \u-10179?\u-8704?\par "
        rb"\trowd Zone\cell Price\cell\row \trowd Lake\cell 3\cell\row 1.\tab first\par}"
    )
    document = parse(source, "rules.rtf")
    assert document.title == "Harbour rules"
    assert _kinds(document) == [
        ("paragraph", "článek týdne"),
        ("paragraph", "Emoji \U0001f600"),
        ("table", "Zone | Price\nLake | 3"),
        ("list_item", "1. first"),
    ]


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "]>"
)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (_odt("<text:p>&j;</text:p>", before=BOMB), "malicious"),
        (_odt("<text:p>x</text:p>", manifest="<encryption-data/>"), "encrypted"),
        (_odt("<text:p>" + " " * 40_000_000 + "</text:p>"), "zip_bomb"),
        (_zip({"mimetype": "application/epub+zip", "META-INF/container.xml": "<container/>"}), "corrupt"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000 + "__substg1.0_".encode("utf-16-le"), "corrupt"),
        (b"{\\rtf1 {\\header only this}}", "no_elements"),
    ],
)
def test_hostile_and_broken_ones_end_with_their_cause(parse: Parse, content: bytes, cause: str) -> None:
    with pytest.raises(DocumentError) as refused:
        parse(content, "document")
    assert refused.value.cause == cause


def test_a_book_with_an_entity_bomb_or_outside_files_expands_neither(parse: Parse) -> None:
    outside = '<!DOCTYPE html [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    chapters = (_chapter("<p>Before.</p>"), _chapter("<p>&j;</p>", BOMB), _chapter("<p>&f;</p>", outside))
    try:
        text = " ".join(element.text for element in parse(_epub(*chapters), "bomb.epub").elements)
    except DocumentError as error:
        assert error.cause in {"corrupt", "out_of_memory"}
    else:
        assert len(text) < 10_000
        assert "root:" not in text
