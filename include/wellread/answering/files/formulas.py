"""Cells that no spreadsheet takes for a formula, and back: what documents say is not run on a reader's desk.

The characters are those of OWASP's "CSV injection", full-width forms included.
"""

from __future__ import annotations

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_GUARD = "'"


def guarded(cell: str) -> str:
    """The cell behind an apostrophe where a spreadsheet might run it."""
    return _GUARD + cell if _is_risky(cell) else cell


def unguarded(cell: str) -> str:
    """The inverse of :func:`guarded`."""
    return cell[1:] if cell.startswith(_GUARD) and _is_risky(cell) else cell


def _is_risky(cell: str) -> bool:
    """A guarded cell is risky too, so that it is guarded again and every cell has one way back."""
    bare = cell.lstrip(_GUARD)
    return bare.startswith(_STARTS) or bare.lstrip(" \n").startswith(_STARTS)
