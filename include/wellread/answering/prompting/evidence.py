"""Passages as evidence in a prompt: in document order, numbered, fenced, without invisible characters.

Retrieved text is data. It stands between fences whose mark is an HMAC over the evidence, keyed with a secret of the
deployment: nobody who writes a document can know the mark of the prompt that it will stand in, so no text can
close its own fence. The same evidence has the same mark, so that equal requests stay equal.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wellread.answering.checking.normalising import strip_invisible
from wellread.documents import Passage
from wellread.identities import canonical_json

_MARK_CHARS = 16
LeftOutReason = Literal["budget", "duplicate"]


@dataclass(frozen=True, slots=True)
class PackedEvidence:
    """What goes into a prompt, and what does not."""

    positions: tuple[int, ...]
    """Positions of the packed passages in the request, in the order in which they are shown."""
    left_out: tuple[tuple[int, LeftOutReason], ...] = ()
    """Positions of the others, with why."""


def pack_evidence(passages: Sequence[Passage], *, budget_words: int) -> PackedEvidence:
    """Take whole passages, best first, until one does not fit; show them in the order of their documents.

    Documents come by their best passage. A passage with the very text of one before it is left out.
    """
    taken: list[int] = []
    left_out: list[tuple[int, LeftOutReason]] = []
    seen: set[str] = set()
    spent = 0
    for position in sorted(range(len(passages)), key=lambda index: (passages[index].rank, index)):
        text = passages[position].text
        length = len(text.split())
        if text in seen:
            left_out.append((position, "duplicate"))
        elif spent + length > budget_words:
            left_out.append((position, "budget"))
            spent = budget_words  # a worse passage must not take the place of a better one that was too long
        else:
            taken.append(position)
            seen.add(text)
            spent += length
    first: dict[uuid.UUID, int] = {}
    for position in taken:
        first.setdefault(passages[position].doc_id, position)
    taken.sort(key=lambda index: (first[passages[index].doc_id], passages[index].start_char, index))
    return PackedEvidence(tuple(taken), tuple(left_out))


def fence_evidence(passages: Sequence[Passage], packed: PackedEvidence, *, key: bytes) -> str:
    """The evidence as one text: each passage numbered from 1 between fences that no document can forge."""
    shown = [(passages[position].title, strip_invisible(passages[position].text)) for position in packed.positions]
    mark = hmac.new(key, canonical_json(shown).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    mark = mark[:_MARK_CHARS]
    blocks = [
        f"<<<passage {number} {mark}>>>\n{_title(title)}{text}\n<<<end {number} {mark}>>>"
        for number, (title, text) in enumerate(shown, start=1)
    ]
    return "\n\n".join(blocks)


def _title(title: str) -> str:
    clean = " ".join(strip_invisible(title).split())
    return f"[{clean}]\n" if clean else ""
