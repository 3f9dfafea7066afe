"""One warm pool for the parsing tests, and small documents made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from wellread.documents import ParsedDocument
from wellread.parsing import ParserPool, ParsingSettings

Parse = Callable[[bytes, str], ParsedDocument]


@pytest.fixture(scope="session")
def pool() -> Iterator[ParserPool]:
    with ParserPool(ParsingSettings(worker_count=1)) as opened:
        yield opened


@pytest.fixture
def parse(pool: ParserPool) -> Parse:
    return pool.parse


@pytest.fixture(scope="session")
def make_pdf() -> Callable[..., bytes]:
    return _pdf


def _pdf(pages: list[list[tuple[float, float, float, str]]], *, title: str | None = None) -> bytes:
    """A PDF of one Helvetica font; a page is a list of (x, y, size in points, text)."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for lines in pages:
        shown = "\n".join(f"BT /F1 {size} Tf {x} {y} Td ({_escaped(text)}) Tj ET" for x, y, size, text in lines)
        objects.append(f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream")
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
            f" /Contents {len(objects)} 0 R >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    info = ""
    if title is not None:
        objects.append(f"<< /Title ({_escaped(title)}) >>")
        info = f" /Info {len(objects)} 0 R"
    body, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    tail = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R{info} >>\nstartxref\n{len(body)}\n%%EOF\n"
    return f"{body}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{tail}".encode("latin-1")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
