"""Markdown and reStructuredText, through HTML."""

from __future__ import annotations

import re

from wellread.parsing.causes import UnreadableError
from wellread.parsing.optional_packages import missing_packages
from wellread.parsing.pandoc_conversion import html_of
from wellread.parsing.plain_text import read_plain
from wellread.parsing.reading import Reading
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.web_page import read_html

FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
FRONT_TITLE = re.compile(r"^title:[ \t]*(?:\"([^\"\n]+)\"|'([^'\n]+)'|([^\n]+))$", re.MULTILINE | re.IGNORECASE)
SUBTITLE = re.compile(r'<p class="subtitle">(.*?)</p>', re.DOTALL)
"""The only section of a document becomes a subtitle in pandoc."""


def read_markdown(text: str, settings: ParsingSettings) -> Reading:
    """CommonMark with tables. The title is the front matter's, else the first heading.

    Rendered by markdown-it, whose time is linear in the text and which limits nesting; the renderer that
    Unstructured calls does not end within a minute on a nested list of 27 KB.
    """
    from markdown_it import MarkdownIt

    title = None
    front = FRONT_MATTER.match(text)
    if front is not None:
        named = FRONT_TITLE.search(front.group(1))
        title = next((part.strip() for part in named.groups() if part), None) if named else None
    rendered = (
        MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text[front.end() if front else 0 :])
    )
    reading = read_html(rendered, main_content_only=False) if rendered.strip() else Reading([])
    if not reading.elements:
        return read_plain(text, settings)
    return Reading(reading.elements, title=title, warnings=reading.warnings)


def read_restructured(text: str, settings: ParsingSettings) -> Reading:
    """ReStructuredText by the pandoc that comes with the package, in its sandbox: no file is included."""
    if missing_packages("text/x-rst"):
        return _as_text(text, settings, "reStructuredText without pandoc: read as text")
    markup = html_of(text.encode("utf-8", "replace"), "rst").markup
    if markup is None:
        return _as_text(text, settings, "not valid reStructuredText: read as text")
    markup = SUBTITLE.sub(r"<h2>\1</h2>", markup)
    reading = read_html(markup, main_content_only=False)
    if not reading.elements:
        raise UnreadableError("no_elements", "reStructuredText without any text")
    return Reading(reading.elements, warnings=reading.warnings)


def _as_text(text: str, settings: ParsingSettings, warning: str) -> Reading:
    reading = read_plain(text, settings)
    return Reading(reading.elements, title=reading.title, warnings=(warning,))
