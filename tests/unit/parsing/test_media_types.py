from __future__ import annotations

import io
import zipfile

import pytest

from wellread.parsing import media_types
from wellread.parsing.causes import UnreadableError
from wellread.parsing.media_types import identify


def _zip(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "media_type"),
    [
        (b"%PDF-1.7\n...", "notes.txt", media_types.PDF),
        (_zip("[Content_Types].xml", "word/document.xml"), "report.pdf", media_types.DOCX),
        (_zip("[Content_Types].xml", "xl/workbook.xml"), "noextension", media_types.XLSX),
        (_zip("[Content_Types].xml", "ppt/presentation.xml"), "a.docx", media_types.PPTX),
        (b"<!DOCTYPE html><html><body><p>Hello</p></body></html>", "page.pdf", "text/html"),
        (b'<?xml version="1.0"?><feed><title>News</title></feed>', "feed.txt", "application/xml"),
        (b'{"a": 1}', "data", "application/json"),
        (b'{"a": 1}\n{"a": 2}\n', "rows.jsonl", "application/x-ndjson"),
        (b"From: a@example.org\nTo: b@example.org\nSubject: Hi\n\nHello\n", "letter", "message/rfc822"),
        (b"Subject: only one header\n\nHello\n", "letter.eml", "message/rfc822"),
        (b"# Title\n\nSome **bold** text and [a link](https://example.org)\n", "README", "text/markdown"),
        (b"Title\n=====\n\n.. note:: careful\n\n:Author: me\n", "index", "text/x-rst"),
        (b"a,b,c\n1,2,3\n4,5,6\n7,8,9\n", "table", "text/csv"),
        (b"a,b,c\n1,2,3\n4,5,6\n7,8,9\n", "table.txt", "text/plain"),
        (b"# not a heading here\n", "notes.txt", "text/plain"),
        (b"{broken json", "broken.json", "text/plain"),
        (b"just some words\n", "file.unknown", "text/plain"),
        (b"{\\rtf1 text}", "letter.doc", media_types.RTF),
        (_zip("META-INF/container.xml", "OPS/book.opf"), "book", media_types.EPUB),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "__substg1.0_".encode("utf-16-le"), "mail", media_types.MSG),
    ],
)
def test_the_type_is_found_in_the_content_and_the_name_only_breaks_ties(
    content: bytes, name: str, media_type: str
) -> None:
    assert identify(content, name).media_type == media_type


@pytest.mark.parametrize(
    ("content", "name", "cause"),
    [
        (b"", "empty.pdf", "empty"),
        (b" \n\t\r\n", "blank.txt", "empty"),
        ("\ufeff\n".encode(), "mark.txt", "empty"),
        (b"\x89PNG\r\n\x1a\n....", "picture.png", "unsupported"),
        (b"\x89PNG\r\n\x1a\n....", "picture.pdf", "mislabelled"),
        (_zip("META-INF/container.xml", "META-INF/rights.xml"), "book.epub", "encrypted"),
        (_zip("a.txt"), "archive.zip", "unsupported"),
        (_zip("a.txt"), "report.docx", "mislabelled"),
        (_zip("word/document.xml")[:-30], "cut.docx", "truncated"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "secret.docx", "encrypted"),
        (bytes(range(256)) * 20, "junk.eml", "mislabelled"),
        (bytes(range(256)) * 20, "junk.bin", "unsupported"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_cause(content: bytes, name: str, cause: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        identify(content, name)
    assert refused.value.cause == cause


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff....", "image/jpeg"),
        (b"MM\0*....", "image/tiff"),
        (b"BM\x46\0\0\0\0\0\0\0....", "image/bmp"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"BMW builds cars.\n", "text/plain"),
    ],
)
def test_pictures_are_types_of_their_own_where_they_can_be_read(content: bytes, media_type: str) -> None:
    assert identify(content, "scan.pdf", pictures=True).media_type == media_type
