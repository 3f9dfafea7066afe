"""Tables as text: one line a row, cells joined by a bar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wellread.documents import Element

CELL_SEPARATOR = " | "


def table_element(
    rows: Iterable[Sequence[str]], *, header_rows: int = 0, page: int | None = None
) -> Element | None:
    """The table, or ``None`` where no cell has text. Empty rows and trailing empty cells are left out."""
    lines: list[str] = []
    kept_headers = 0
    for index, row in enumerate(rows):
        cells = [" ".join(cell.split()) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        lines.append(CELL_SEPARATOR.join(cells))
        if index < header_rows:
            kept_headers += 1
    if not lines:
        return None
    kept_headers = min(kept_headers, len(lines) - 1) if len(lines) > 1 else 0
    return Element(kind="table", text="\n".join(lines), page=page, header_rows=kept_headers)
