"""Formats whose readers come with the extra ``documents``, and which of them are not installed."""

from __future__ import annotations

import importlib.util
from functools import cache

from wellread.parsing import media_types

PACKAGES = {
    media_types.EPUB: "pypandoc",
    media_types.ODT: "pypandoc",
    "text/x-rst": "pypandoc",
    media_types.RTF: "striprtf",
    media_types.MSG: "oxmsg",
}


def missing_packages(*types: str) -> tuple[str, ...]:
    """The packages of these media types (none: of all) that are not installed, sorted."""
    wanted = {PACKAGES[media_type] for media_type in types or PACKAGES if media_type in PACKAGES}
    return tuple(sorted(name for name in wanted if not _is_installed(name)))


@cache
def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
