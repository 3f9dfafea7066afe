"""Which cuts of the version before can be found again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from wellread.chunking.atoms import Atom, cut_key
from wellread.documents import Chunk

_TAIL_CHARS = 40


def kept_places(text: str, atoms: Sequence[Atom], previous: Sequence[Chunk]) -> frozenset[int]:
    """The beginnings (start_char) of those ``atoms`` of ``text`` where the version before was cut.

    A place is found again by how its text begins and by its distance from the beginning or from the end of the
    document: before an edit the first is as it was, after it the second. Between several edits only places whose
    surroundings on both sides occur once are found.
    """
    if not previous or not atoms:
        return frozenset()
    shift = atoms[-1].end_char - previous[-1].end_char
    places = {(chunk.start_char, cut_key(chunk.text, chunk.repeated_chars)) for chunk in previous}
    cuts = Counter(
        (before.text[-_TAIL_CHARS:], cut_key(chunk.text, chunk.repeated_chars))
        for before, chunk in pairwise(previous)
    )
    surroundings = [(text[max(0, b.end_char - _TAIL_CHARS) : b.end_char], a.key) for b, a in pairwise(atoms)]
    found = Counter(surroundings)
    once = {place for place, count in cuts.items() if count == 1 and found[place] == 1}
    kept = {atom.start_char for atom, place in zip(atoms[1:], surroundings, strict=True) if place in once}
    kept.update(
        atom.start_char
        for atom in atoms
        if (atom.start_char, atom.key) in places or (atom.start_char - shift, atom.key) in places
    )
    return frozenset(kept)
