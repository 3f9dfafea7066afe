"""Without the extra ``documents`` its formats are set aside, and tried again when it is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

from wellread.parsing import ParsingSettings, optional_packages, signature
from wellread.parsing.causes import UnreadableError
from wellread.parsing.optional_packages import missing_packages
from wellread.parsing.reading import read_document

HIDDEN = {"striprtf", "pypandoc"}


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Python finds neither striprtf nor pandoc's package."""
    find = importlib.util.find_spec

    def found(name: str, *rest: Any) -> Any:
        return None if name in HIDDEN else find(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", found)
    optional_packages._is_installed.cache_clear()
    yield
    optional_packages._is_installed.cache_clear()


def test_nothing_is_missing_where_the_extra_is_installed() -> None:
    assert missing_packages() == ()


@pytest.mark.usefixtures("without")
def test_formats_without_their_package_are_unsupported_and_say_which() -> None:
    assert missing_packages() == ("pypandoc", "striprtf")
    with pytest.raises(UnreadableError, match="striprtf is not installed") as refused:
        read_document(b"{\\rtf1 text}", "letter.rtf", ParsingSettings())
    assert refused.value.cause == "unsupported"


@pytest.mark.usefixtures("without")
def test_restructured_text_without_pandoc_is_plain_text_with_a_warning() -> None:
    document = read_document(b"Title\n=====\n\nSome words of text.\n", "index.rst", ParsingSettings())
    assert [element.text for element in document.elements] == ["Title", "Some words of text."]
    assert document.warnings == ("reStructuredText without pandoc: read as text",)


def test_the_signature_follows_what_is_missing(request: pytest.FixtureRequest) -> None:
    complete = signature(ParsingSettings())
    request.getfixturevalue("without")
    assert signature(ParsingSettings()) != complete
