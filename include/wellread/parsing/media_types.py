"""What a document is, by its bytes. The name's extension only breaks ties between text types."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath

from wellread.parsing.causes import UnreadableError
from wellread.parsing.text_decoding import DecodedText, decode

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EPUB = "application/epub+zip"
ODT = "application/vnd.oasis.opendocument.text"
RTF = "application/rtf"
MSG = "application/vnd.ms-outlook"
TEXT_EXTENSIONS = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".rst": "text/x-rst",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".tab": "text/tab-separated-values",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
    ".xml": "application/xml",
    ".json": "application/json",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".eml": "message/rfc822",
}
READ_EXTENSIONS = frozenset(
    {*TEXT_EXTENSIONS, ".pdf", ".docx", ".pptx", ".xlsx", ".xlsm", ".epub", ".odt", ".rtf", ".msg"}
)
SIGNATURES = (
    (b"\x89PNG\r\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"7z\xbc\xaf", "application/x-7z-compressed"),
    (b"\xfd7zXZ", "application/x-xz"),
    (b"Rar!", "application/vnd.rar"),
    (b"%!PS", "application/postscript"),
    (b"\x7fELF", "application/x-elf"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"SQLite format 3", "application/vnd.sqlite3"),
    (b"PK\x05\x06", "application/zip"),
)
PICTURE_TYPES = frozenset({"image/png", "image/jpeg", "image/tiff", "image/bmp", "image/webp"})
MIMETYPE_PART = "mimetype"
EPUB_CONTAINER = "META-INF/container.xml"
ODF_MANIFEST = "META-INF/manifest.xml"
ENCRYPTION_MARK = b"encryption-data"
RIGHTS_PARTS = frozenset({"META-INF/rights.xml", "META-INF/license.lcpl"})
RTF_START = b"{\\rtf"
MSG_STREAM = "__substg1.0_"
OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OLE_STREAMS = (
    ("WordDocument", "application/msword"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"),
)
MAIL_HEADER = re.compile(
    r"^(from|to|cc|subject|date|received|message-id|mime-version|content-type|return-path|delivered-to|reply-to"
    r"|x-[\w-]+|content-transfer-encoding|sender|in-reply-to|references):",
    re.IGNORECASE | re.MULTILINE,
)
HEADER_LINE = re.compile(r"^(From [^\n]*\d\d|[A-Za-z][A-Za-z0-9-]*:)")
HTML_START = re.compile(
    r"\s*(<!--.*?-->\s*|<\?xml[^>]*>\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
HTML_TAG = re.compile(r"</?(p|div|span|table|a|h[1-6]|ul|li|br|title|meta|script|b|i|img)\b[^>]*>", re.IGNORECASE)
RST_MARK = re.compile(r"^\.\. [\w-]+::|^:[\w-]+: |^([=\-~^\"'#*+])\1{3,}$|`__?\b|^::$", re.MULTILINE)
MARKDOWN_MARK = re.compile(r"^#{1,6} \S|^```|^\s*[-*] \[[ x]\]|\]\(https?://|^\|.+\|$|\*\*\S", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Identified:
    """The type of a document and, of text formats, its text."""

    media_type: str
    decoded: DecodedText | None = None


def identify(content: bytes, natural_key: str, *, pictures: bool = False) -> Identified:
    """The media type of ``content``, with the decoded text where it is a text.

    ``pictures``: whether there is something to read them with.

    Raises:
        UnreadableError: ``empty``, ``encrypted``, ``truncated``, ``mislabelled`` or ``unsupported``.
    """
    if not content.strip():
        raise UnreadableError("empty", "no bytes" if not content else "nothing but white space")
    extension = PurePosixPath(natural_key).suffix.lower()
    try:
        binary = picture_type(content) if pictures else None
        binary = binary or _binary_type(content)
        if binary is not None:
            return Identified(binary)
        decoded = decode(content)
    except UnreadableError as failure:
        if failure.cause not in {"corrupt", "unsupported"}:
            raise
        if extension in READ_EXTENSIONS:
            raise UnreadableError(
                "mislabelled", f"the name ends in {extension}, the content is {failure.found}"
            ) from None
        raise UnreadableError("unsupported", failure.found) from None
    if not decoded.text.strip().strip("\ufeff\u200b"):
        raise UnreadableError("empty", "nothing but white space")
    return Identified(text_type(decoded.text, TEXT_EXTENSIONS.get(extension)), decoded)


def text_type(text: str, promised: str | None) -> str:
    """The media type of a text; ``promised`` by the name's extension, or ``None``."""
    head = text[:20_000].lstrip("\ufeff")
    for media_type, matches in (
        ("message/rfc822", _is_mail(head, promised)),
        ("text/html", _is_html(head, promised)),
        ("application/xml", head.lstrip().startswith("<?xml")),
        (_json_type(text, promised) or "", True),
    ):
        if matches and media_type:
            return media_type
    if promised == "application/xml" and head.lstrip().startswith("<"):
        return promised
    if promised in {"text/plain", "text/markdown", "text/x-rst", "text/csv", "text/tab-separated-values"}:
        return promised
    return _guessed(head)


def picture_type(content: bytes) -> str | None:
    """The media type of a picture that recognition can read, or ``None``."""
    if content[:2] == b"BM" and content[6:10] == bytes(4):
        return "image/bmp"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    for signature, media_type in SIGNATURES:
        if media_type in PICTURE_TYPES and content.startswith(signature):
            return media_type
    return None


def _binary_type(content: bytes) -> str | None:
    if b"%PDF-" in content[:1024]:
        return PDF
    if content.startswith(b"PK\x03\x04"):
        return _zip_type(content)
    if content.startswith(RTF_START):
        return RTF
    if content.startswith(OLE_SIGNATURE):
        return _ole_type(content)
    if content[4:8] == b"ftyp" or (content[:4] == b"RIFF" and content[8:12] in {b"WEBP", b"WAVE", b"AVI "}):
        raise UnreadableError("unsupported", "an image, sound or film")
    for signature, media_type in SIGNATURES:
        if content.startswith(signature):
            raise UnreadableError("unsupported", f"content of type {media_type}")
    return None


def _zip_type(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
            declared = _declared_type(archive, names)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError) as error:
        raise UnreadableError("truncated", f"a zip archive without a readable directory ({error})") from error
    if declared in {EPUB, ODT}:
        if names & RIGHTS_PARTS:
            raise UnreadableError("encrypted", "a book behind a licence")
        return declared
    if "[Content_Types].xml" in names or "word/document.xml" in names:
        for folder, media_type in (("word/", DOCX), ("ppt/", PPTX), ("xl/", XLSX)):
            if any(name.startswith(folder) for name in names):
                if "xl/workbook.bin" in names:
                    raise UnreadableError("unsupported", "a binary workbook (xlsb)")
                return media_type
    raise UnreadableError("unsupported", "an archive that is no docx, pptx, xlsx, epub or odt")


def _declared_type(archive: zipfile.ZipFile, names: set[str]) -> str:
    """What an epub or an OpenDocument file says in its first part."""
    if MIMETYPE_PART in names and archive.getinfo(MIMETYPE_PART).file_size < 200:
        declared = archive.read(MIMETYPE_PART).decode("ascii", "replace").strip()
        if declared == ODT and ENCRYPTION_MARK in archive.read(ODF_MANIFEST):
            raise UnreadableError("encrypted", "an OpenDocument text behind a password")
        return declared
    return EPUB if EPUB_CONTAINER in names else ""


def _ole_type(content: bytes) -> str:
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise UnreadableError("encrypted", "an office document behind a password")
    if MSG_STREAM.encode("utf-16-le") in content:
        return MSG
    for stream, media_type in OLE_STREAMS:
        if stream.encode("utf-16-le") in content:
            raise UnreadableError("unsupported", f"content of type {media_type}")
    raise UnreadableError("unsupported", "an OLE compound file")


def _is_mail(head: str, promised: str | None) -> bool:
    start = head.lstrip("\r\n")
    if not HEADER_LINE.match(start):
        return False
    block = re.split(r"\r?\n[ \t]*\r?\n", start, maxsplit=1)[0]
    names = {found.lower() for found in MAIL_HEADER.findall(block)}
    return len(names) >= (1 if promised == "message/rfc822" else 3)


def _is_html(head: str, promised: str | None) -> bool:
    if HTML_START.match(head):
        return True
    tags = len(HTML_TAG.findall(head))
    if promised == "text/html":
        return tags > 0
    return promised is None and head.lstrip().startswith("<") and tags >= 3


def _json_type(text: str, promised: str | None) -> str | None:
    stripped = text.lstrip("\ufeff").strip()
    if promised not in {"application/json", "application/x-ndjson", None} or (
        promised is None and stripped[:1] not in "[{"
    ):
        return None
    if _loads(stripped):
        return "application/json"
    lines = [line for line in stripped.splitlines() if line.strip()]
    if len(lines) > 1 and all(line.lstrip()[:1] in "[{" and _loads(line) for line in lines):
        return "application/x-ndjson"
    return None


def _loads(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _guessed(head: str) -> str:
    lines = [line for line in head.splitlines() if line.strip()][:50]
    for delimiter, media_type in (("\t", "text/tab-separated-values"), (",", "text/csv"), (";", "text/csv")):
        counts = {line.count(delimiter) for line in lines[:-1]}
        if len(lines) > 3 and len(counts) == 1 and counts.pop() >= 2:
            return media_type
    markdown, restructured = len(MARKDOWN_MARK.findall(head)), len(RST_MARK.findall(head))
    if max(markdown, restructured) < 2:
        return "text/plain"
    return "text/markdown" if markdown >= restructured else "text/x-rst"
