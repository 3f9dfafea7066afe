"""From a cleaned document to its chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from wellread.chunking.atoms import Atom, halves
from wellread.chunking.continuity import kept_places
from wellread.chunking.partition import partition
from wellread.chunking.protocol import TokenCounter
from wellread.chunking.runs import Run, build_runs
from wellread.chunking.settings import ChunkingSettings
from wellread.chunking.words import count_words
from wellread.documents import Chunk, CleanedDocument
from wellread.errors import SettingsError
from wellread.identities import stage_signature

CODE_VERSION = "1"
"""Raised whenever the same input and settings give other chunks."""

_LEAST_TOKENS = 16


def signature(settings: ChunkingSettings) -> str:
    """What chunking's output depends on besides its input and the embedder's tokens."""
    return stage_signature(CODE_VERSION, settings.model_dump())


def chunk(
    cleaned: CleanedDocument,
    settings: ChunkingSettings,
    *,
    count_tokens: TokenCounter,
    max_tokens: int,
    previous: Sequence[Chunk] = (),
) -> tuple[Chunk, ...]:
    """The chunks of a document, in order, without overlap; between their spans there is only white space.

    No chunk holds more than ``settings.max_words`` words, and no embedding input more than ``max_tokens`` as
    ``count_tokens`` counts (special tokens are the caller's to subtract). Raises ``SettingsError`` where
    ``max_tokens`` leaves no room for text.

    ``previous`` are the chunks of the version before, if there is one: their cuts are kept where they can be, so
    that an edit changes the chunks beside it and no others. Without it the result depends on the content alone,
    and an edit now and then moves a few cuts more.
    """
    if max_tokens < _LEAST_TOKENS:
        raise SettingsError(
            f"chunks of at most {max_tokens} tokens",
            found=f"less than {_LEAST_TOKENS} tokens leave no room for text",
            remedy="Choose an embedding model with a longer input",
        )
    runs = build_runs(cleaned, settings)
    kept = kept_places(cleaned.text, [atom for run in runs for atom in run.atoms], previous)
    fitter = _Fitter(cleaned, settings, count_tokens, max_tokens, kept)
    return tuple(part for run in runs for part in fitter.chunks(run))


class _Fitter:
    """Cuts runs and makes sure that each part fits the embedder."""

    def __init__(
        self,
        cleaned: CleanedDocument,
        settings: ChunkingSettings,
        count_tokens: TokenCounter,
        max_tokens: int,
        kept: frozenset[int],
    ) -> None:
        self._cleaned = cleaned
        self._settings = settings
        self._count_tokens = count_tokens
        self._max_tokens = max_tokens
        self._kept = kept
        self._title = self._prefix(cleaned.title or "") if settings.embed_title else ""

    def chunks(self, run: Run) -> Iterator[Chunk]:
        header_words = count_words(run.header) if run.header else 0
        start = 0
        room = self._settings.max_words - header_words
        for end in partition(run.atoms, max_words=room, kept=self._kept):
            yield from self._fit(run, run.atoms[start:end])
            start = end

    def _fit(self, run: Run, atoms: Sequence[Atom]) -> Iterator[Chunk]:
        made = self._make(run, atoms)
        if self._count_tokens(made.embedding_input) <= self._max_tokens:
            yield made
            return
        for part in self._smaller(atoms):
            yield from self._fit(run if len(atoms) > 1 else replace(run, header=""), part)

    def _smaller(self, atoms: Sequence[Atom]) -> list[Sequence[Atom]]:
        """The same atoms in two parts or more; a single atom is cut itself."""
        if len(atoms) > 1:
            middle = _middle(atoms)
            return [atoms[:middle], atoms[middle:]]
        text = self._cleaned.text
        parts = halves(text, (atoms[0].start_char, atoms[0].end_char))
        if parts is None:
            raise SettingsError(
                f"chunks of at most {self._max_tokens} tokens",
                found="one character with the title before it is already longer",
                remedy="Choose an embedding model with a longer input, or shorten prefix_max_words",
            )
        return [
            [replace(atoms[0], start_char=left, end_char=right, words=count_words(text[left:right]))]
            for left, right in parts
        ]

    def _make(self, run: Run, atoms: Sequence[Atom]) -> Chunk:
        first, last = atoms[0], atoms[-1]
        repeats = bool(run.header) and not first.leads
        repeated = f"{run.header}\n" if repeats else ""
        text = repeated + self._cleaned.text[first.start_char : last.end_char]
        headings = _shared_path([atom.headings for atom in atoms])
        return Chunk(
            text=text,
            repeated_chars=len(repeated),
            start_char=first.start_char,
            end_char=last.end_char,
            headings=headings,
            page=first.page,
            language=self._cleaned.language,
            embedding_input=self._embedding_input(headings, text),
            kind=run.kind,
        )

    def _embedding_input(self, headings: Sequence[str], text: str) -> str:
        lines = [self._title]
        if self._settings.embed_headings and headings:
            lines.append(self._prefix(" > ".join(headings)))
        return "\n".join([*(line for line in lines if line), text])

    def _prefix(self, line: str) -> str:
        words = line.split(" ")[: self._settings.prefix_max_words]
        shortened = " ".join(words)
        # A title may take a quarter of the input, so that a title without spaces cannot crowd out the text.
        while shortened and self._count_tokens(shortened) > self._max_tokens // 4:
            shortened = shortened[: len(shortened) // 2].rstrip()
        return shortened


def _middle(atoms: Sequence[Atom]) -> int:
    """The index at which two parts of about equal length meet; a leading header never stands alone."""
    half = sum(atom.words for atom in atoms) / 2
    passed = 0
    middle = 1
    for index, atom in enumerate(atoms):
        passed += atom.words
        if passed >= half:
            middle = min(max(index, 1), len(atoms) - 1)
            break
    return min(middle + 1, len(atoms) - 1) if atoms[middle - 1].leads else middle


def _shared_path(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The headings that all ``paths`` begin with: what can truly be said of all of them."""
    if all(path is paths[0] or path == paths[0] for path in paths):
        return paths[0]
    levels = zip(*paths, strict=False)
    return tuple(level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels))
