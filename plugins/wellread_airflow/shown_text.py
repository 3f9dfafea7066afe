"""Text of documents on Airflow's pages: it stays text."""

from __future__ import annotations

_SHOWN_CHARS = 1_500


def plain_text(text: str) -> str:
    """One line of at most 1,500 characters without what Markdown and HTML would act on."""
    plain = " ".join(text.split())[:_SHOWN_CHARS]
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>!#|~" else sign for sign in plain)
