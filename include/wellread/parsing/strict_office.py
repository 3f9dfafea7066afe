"""Office documents saved as "Strict Open XML": the same parts under other namespaces."""

from __future__ import annotations

import io
import re
import zipfile

STRICT = b"http://purl.oclc.org/ooxml/"
STRICT_NAME = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/([\w/]+)")
ROOT_RELATIONS = "_rels/.rels"


def as_transitional(content: bytes) -> bytes:
    """The document with the usual namespaces, or ``content`` itself where it has them already."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if ROOT_RELATIONS not in archive.namelist() or STRICT not in archive.read(ROOT_RELATIONS):
            return content
        rewritten = io.BytesIO()
        with zipfile.ZipFile(rewritten, "w", zipfile.ZIP_DEFLATED) as copy:
            for entry in archive.infolist():
                part = archive.read(entry)
                if entry.filename.endswith((".xml", ".rels")):
                    part = STRICT_NAME.sub(rb"http://schemas.openxmlformats.org/\1/2006/\2", part)
                copy.writestr(entry.filename, part)
        return rewritten.getvalue()
