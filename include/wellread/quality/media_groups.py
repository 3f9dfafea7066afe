"""Media types, grouped by how many characters of text a byte of the file gives."""

from __future__ import annotations

from typing import Literal

MediaGroup = Literal["text", "markup", "pdf", "office"]

MEDIA_GROUPS: tuple[MediaGroup, ...] = ("text", "markup", "pdf", "office")

_MARKUP = {
    "text/html",
    "application/xhtml+xml",
    "text/xml",
    "application/xml",
    "application/json",
    "message/rfc822",
}


def media_group(media_type: str) -> MediaGroup | None:
    """The group of a media type, or ``None`` for one that no rule knows."""
    if media_type in _MARKUP:
        return "markup"
    if media_type.startswith("text/"):
        return "text"
    if media_type == "application/pdf":
        return "pdf"
    is_office = media_type.startswith("application/vnd.openxmlformats-officedocument.")
    return "office" if is_office else None
