"""Which cuts of the version before can be found again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from wellread.chunking.atoms import Atom, cut_key
from wellread.documents import Chunk


def kept_places(atoms: Sequence[Atom], previous: Sequence[Chunk]) -> frozenset[int]:
    """The beginnings (start_char) of those ``atoms`` where the version before was cut.

    A place is found again by how its text begins and by its distance from the beginning or from the end of the
    document: before an edit the first is as it was, after it the second. Between several edits only beginnings
    that occur once tell a place.
    """
    if not previous or not atoms:
        return frozenset()
    shift = atoms[-1].end_char - previous[-1].end_char
    keys = [cut_key(chunk.text, chunk.repeated_chars) for chunk in previous]
    places = set(zip((chunk.start_char for chunk in previous), keys, strict=True))
    once = {key for key, count in Counter(keys).items() if count == 1}
    unique = {key for key, count in Counter(atom.key for atom in atoms).items() if count == 1} & once
    return frozenset(
        atom.start_char
        for atom in atoms
        if atom.key in unique
        or (atom.start_char, atom.key) in places
        or (atom.start_char - shift, atom.key) in places
    )
