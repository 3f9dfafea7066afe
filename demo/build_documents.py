"""Writes the binary half of the sample corpus: DOCX, PPTX, XLSX and PDF. The other half is text, written by hand.

Run it from anywhere; it writes beside itself. The same input gives the same bytes: dates are fixed, and
archives are packed again with a constant time stamp.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import wrap

import docx
import openpyxl
import pptx
import yaml
from PIL import Image, ImageDraw, ImageFont

DOCUMENTS = Path(__file__).parent / "documents"
CONTENTS = yaml.safe_load((Path(__file__).parent / "contents.yaml").read_text(encoding="utf-8"))
WRITTEN_AT = datetime(2026, 4, 20, 9, 0, tzinfo=UTC)
BROKEN_BYTES = 9_000
"""How much is left of the file that a bad transfer cut off."""

PAGE_WIDTH_POINTS, PAGE_HEIGHT_POINTS = 595, 842
REPORT_TITLE = "Kestrel Ridge Railway Cooperative - Annual Report 2025"


def build_report() -> bytes:
    """A PDF with text, a table and running lines at the head and foot of every page."""
    return _pdf([_page_content(blocks, number) for number, blocks in enumerate(CONTENTS["report"], start=1)])


def _page_content(blocks: Sequence[dict[str, str]], number: int) -> bytes:
    lines = [(56, 800, 9, "F1", REPORT_TITLE), (270, 36, 9, "F1", f"Page {number} of {len(CONTENTS['report'])}")]
    y = 750
    last_style = ""
    for style, text in (item for block in blocks for item in block.items()):
        if last_style == "row" and style != "row":
            y -= 14
        last_style = style
        if style == "row":
            lines += [(56 + 200 * i, y, 11, "F1", cell.strip()) for i, cell in enumerate(text.split("|"))]
            y -= 17
            continue
        size, font = (16, "F2") if style == "heading" else (11, "F1")
        for line in wrap(text, 88):
            lines.append((56, y, size, font, line))
            y -= size + 5
        y -= 10
    return "\n".join(f"BT /{f} {s} Tf {x} {y} Td ({_escaped(t)}) Tj ET" for x, y, s, f, t in lines).encode("cp1252")


def _escaped(text: str) -> str:
    return re.sub(r"([()\\])", r"\\\1", text)


def build_scan() -> bytes:
    """A PDF that holds nothing but a picture of text, as an old poster from a scanner."""
    image = Image.new("1", (620, 877), 1)
    draw = ImageDraw.Draw(image)
    draw.rectangle((30, 30, 590, 847), outline=0, width=3)
    for index, line in enumerate(CONTENTS["poster"]):
        size = 34 if index in {0, 2} else 22
        draw.text((310, 120 + 62 * index), line, fill=0, anchor="mm", font=ImageFont.load_default(size))
    pixels = zlib.compress(image.tobytes(), 9)
    header = (
        f"<< /Type /XObject /Subtype /Image /Width {image.width} /Height {image.height} /ColorSpace /DeviceGray "
        f"/BitsPerComponent 1 /Filter /FlateDecode /Length {len(pixels)} >>\nstream\n"
    )
    picture = header.encode() + pixels + b"\nendstream"
    return _pdf([f"q {PAGE_WIDTH_POINTS} 0 0 {PAGE_HEIGHT_POINTS} 0 0 cm /Scan Do Q".encode()], picture=picture)


def _pdf(contents: Sequence[bytes], *, picture: bytes | None = None) -> bytes:
    """A PDF of A4 pages with these content streams and, where given, one picture named ``Scan``."""
    first_page = 6
    kids = " ".join(f"{first_page + 2 * i} 0 R" for i in range(len(contents)))
    resources = "<< /Font << /F1 3 0 R /F2 4 0 R >>" + (" /XObject << /Scan 5 0 R >>" if picture else "") + " >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        picture or b"null",
    ]
    box = f"[0 0 {PAGE_WIDTH_POINTS} {PAGE_HEIGHT_POINTS}]"
    for index, content in enumerate(contents):
        stream = f"{first_page + 2 * index + 1} 0 R"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox {box} /Resources {resources} /Contents {stream} >>".encode()
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream")
    return _pdf_file(objects)


def _pdf_file(objects: Sequence[bytes]) -> bytes:
    out = io.BytesIO(b"")
    out.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(out.tell())
        out.write(f"{number} 0 obj\n".encode() + body + b"\nendobj\n")
    start = out.tell()
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode())
    out.write(f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


def build_handbook() -> bytes:
    """A DOCX with headings, paragraphs and a table."""
    document = docx.Document()
    document.core_properties.created = document.core_properties.modified = WRITTEN_AT
    document.core_properties.author = "Kestrel Ridge Railway"
    document.add_heading("Handbook for guards", 0)
    for style, text in (item for block in CONTENTS["handbook"] for item in block.items()):
        document.add_paragraph(text, style="Heading 1" if style == "heading" else "Normal")
    table = document.add_table(rows=0, cols=3)
    for row in CONTENTS["signals"]:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    return _saved(document)


def build_lost_property() -> bytes:
    """A DOCX that a bad transfer cut off in the middle."""
    document = docx.Document()
    document.add_heading("Lost property", 0)
    document.add_paragraph("One trombone, two umbrellas, a box of live crayfish.")
    return _saved(document)[:BROKEN_BYTES]


def build_snow_plan() -> bytes:
    """A PPTX of four slides with bullet points."""
    presentation = pptx.Presentation()
    presentation.core_properties.created = presentation.core_properties.modified = WRITTEN_AT
    for content in CONTENTS["slides"]:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = content["title"]
        slide.placeholders[1].text = "\n".join(content["points"])
    return _saved(presentation)


def build_fares() -> bytes:
    """An XLSX with two sheets."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in CONTENTS["fares"].items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    workbook.properties.created = WRITTEN_AT.replace(tzinfo=None)
    return _saved(workbook)


def _saved(document: object) -> bytes:
    """The archive packed again: no clock in it."""
    raw, packed = io.BytesIO(), io.BytesIO()
    document.save(raw)  # type: ignore[attr-defined]  # three libraries with one method and no common type
    stamp = WRITTEN_AT.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(packed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp, content)
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, content)
    return packed.getvalue()


BUILDERS = {
    "annual-report-2025.pdf": build_report,
    "records/poster-1931.pdf": build_scan,
    "guides/handbook-for-guards.docx": build_handbook,
    "records/lost-property.docx": build_lost_property,
    "guides/snow-plan.pptx": build_snow_plan,
    "fares.xlsx": build_fares,
}


def main(folder: Path = DOCUMENTS) -> None:
    """Write all of them below ``folder``."""
    for name, build in BUILDERS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(build())


if __name__ == "__main__":
    main()
