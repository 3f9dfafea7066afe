"""What office files hold in places where the parsers do not look is moved to where they do.

"Strict Open XML" names the same parts by other namespaces. Word keeps text boxes inside drawings, form fields
and covers inside content controls, and insertions under review inside a wrapper: python-docx, and Unstructured
with it, leaves out all of these (of one public document of text boxes, 96 % of the words).
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

STRICT = b"http://purl.oclc.org/ooxml/"
STRICT_NAME = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/([\w/]+)")
ROOT_RELATIONS = "_rels/.rels"
WORD_BODY = "word/document.xml"
OVERLOOKED = re.compile(rb"<w:(sdt|ins|smartTag|txbxContent)[ >]|<w:p[ >][^<]*<w:customXml")
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


def with_usual_parts(content: bytes) -> bytes:
    """The document with usual names and places, or ``content`` itself where it has them already."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        strict = ROOT_RELATIONS in names and STRICT in archive.read(ROOT_RELATIONS)
        overlooked = WORD_BODY in names and OVERLOOKED.search(archive.read(WORD_BODY)) is not None
        if not strict and not overlooked:
            return content
        rewritten = io.BytesIO()
        with zipfile.ZipFile(rewritten, "w", zipfile.ZIP_DEFLATED) as copy:
            for entry in archive.infolist():
                part = archive.read(entry)
                if strict and entry.filename.endswith((".xml", ".rels")):
                    part = STRICT_NAME.sub(rb"http://schemas.openxmlformats.org/\1/2006/\2", part)
                if overlooked and entry.filename == WORD_BODY:
                    part = opened_body(part)
                copy.writestr(entry.filename, part)
        return rewritten.getvalue()


def opened_body(part: bytes) -> bytes:
    """The main part of a Word document without wrappers; text boxes stand behind their paragraph."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    root = etree.fromstring(part, parser)
    for fallback in list(root.iter(FALLBACK)):
        fallback.getparent().remove(fallback)  # the same text box once more, for old programs
    for wrapper in list(root.iter(f"{W}sdt", f"{W}ins", f"{W}smartTag", f"{W}customXml")):
        _unwrap(wrapper)
    for box in reversed(list(root.iter(f"{W}txbxContent"))):
        paragraph = next((node for node in box.iterancestors(f"{W}p")), None)
        if paragraph is None:
            continue
        for block in reversed(list(box)):
            paragraph.addnext(block)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))


def _unwrap(wrapper: Any) -> None:
    parent = wrapper.getparent()
    if parent is None:
        return
    content = wrapper.find(f"{W}sdtContent") if wrapper.tag == f"{W}sdt" else wrapper
    index = parent.index(wrapper)
    for offset, child in enumerate(list(content) if content is not None else []):
        parent.insert(index + offset, child)
    parent.remove(wrapper)
