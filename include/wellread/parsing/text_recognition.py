"""Text in pictures of pages, recognised by tesseract: one process a page, inside the guarded child process.

Tesseract inherits the child's limit on memory and dies with its process group. It reads pixels from its input
and no file or address, so that a name in a document never reaches it.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from wellread.parsing.hocr_lines import RecognisedPage, page_of_hocr
from wellread.parsing.languages import detect_language
from wellread.parsing.pdf_lines import Line
from wellread.parsing.settings import RecognitionSettings
from wellread.parsing.tesseract_program import TWO_LETTER_CODES, Tesseract, find_tesseract, wanted_languages

SHOWN_CHARS = 120
NO_MEMORY = (b"bad_alloc", b"Could not allocate", b"alloc fail", b"malloc fail", b"calloc fail")

page_done: ContextVar[Callable[[], None]] = ContextVar("page_done", default=lambda: None)
"""Called before each page: the child process tells that it is alive, and the wall limit begins anew."""


class TextRecognizer:
    """Recognises the pages of one document and remembers how well it went."""

    def __init__(self, program: Tesseract, settings: RecognitionSettings) -> None:
        self.settings = settings
        self._program = program
        self._languages = wanted_languages(program, settings)
        self._guess_language = not settings.languages
        self._read_count = 0
        self._refused: list[RecognisedPage] = []
        self._failures: list[str] = []
        self._skipped_count = 0

    def guess_from(self, text: str) -> None:
        """Adds the language of the document's own text, where tesseract has it and the settings name none."""
        if not self._guess_language:
            return
        language = TWO_LETTER_CODES.get(detect_language(text))
        if language is not None:
            self._guess_language = False
            if language in self._program.languages and language not in self._languages:
                self._languages = (language, *self._languages)

    def read(self, picture: Any, *, page: int, dots_per_inch: float) -> list[Line]:
        """The lines of a grey Pillow image; none where tesseract is not sure enough of its words.

        Raises:
            MemoryError: tesseract needed more than the child process may have.
        """
        if self._read_count + len(self._refused) + len(self._failures) >= self.settings.max_pages:
            self._skipped_count += 1
            return []
        page_done.get()()
        found = self._recognised(picture, page=page, dots_per_inch=dots_per_inch)
        if found is not None and self._guess_language and found.word_count:
            before = self._languages
            self.guess_from(found.text)
            if self._languages != before:  # once a document: its language is known now
                page_done.get()()
                found = self._recognised(picture, page=page, dots_per_inch=dots_per_inch)
        if found is None:
            return []
        if found.confidence_ratio < self.settings.least_confidence_ratio:
            self._refused.append(found)
            return []
        self._read_count += 1
        return found.lines

    def outcome(self) -> str:
        """For a document without any text: what was found instead."""
        named = f"tesseract {self._program.version} ({'+'.join(self._languages)})"
        worded = [page for page in self._refused if page.word_count]
        if worded:
            best = max(worded, key=lambda page: page.confidence_ratio)
            shown = " ".join(best.text.split())[:SHOWN_CHARS]
            return (
                f"{named} read {sum(page.word_count for page in worded)} words with a confidence of at most"
                f" {best.confidence_ratio:.2f}, below {self.settings.least_confidence_ratio:g}: {shown!r}"
            )
        if self._failures:
            return f"{named} failed: {self._failures[0]}"
        return f"pictures in which {named} found no word"

    def warnings(self) -> tuple[str, ...]:
        """What a reader of the document's text should know."""
        worded = sum(1 for page in self._refused if page.word_count)
        counts = (
            (self._read_count, f"recognised by tesseract {self._program.version} ({'+'.join(self._languages)})"),
            (worded, "left out: recognised with too little confidence"),
            (len(self._failures), "could not be recognised"),
            (self._skipped_count, f"left out: more than {self.settings.max_pages} pages to recognise"),
        )
        return tuple(f"{what}: {count} pages" for count, what in counts if count)

    def _recognised(self, picture: Any, *, page: int, dots_per_inch: float) -> RecognisedPage | None:
        pixels = io.BytesIO()
        picture.save(pixels, "PPM")
        options = ["-l", "+".join(self._languages), "--dpi", str(round(dots_per_inch))]
        command = [self._program.path, "stdin", "stdout", *options, "-c", "tessedit_create_hocr=1"]
        done = subprocess.run(command, input=pixels.getbuffer(), capture_output=True, check=False)
        if done.returncode != 0:
            if any(word in done.stderr for word in NO_MEMORY):
                raise MemoryError
            last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            self._failures.append(" ".join(last)[:200] or f"exit status {done.returncode}")
            return None
        return page_of_hocr(done.stdout, page=page, dots_per_inch=dots_per_inch, height=picture.height)


def recognizer_of(settings: RecognitionSettings) -> TextRecognizer | None:
    """A recognizer for one document, or ``None`` where there is no tesseract or it is switched off."""
    program = find_tesseract(settings)
    return None if program is None else TextRecognizer(program, settings)
