"""The portable filter tree as Weaviate filters.

A chunk holds its source, language and declared fields, the latter as tokens ``name=value`` of one list, so equality
is asked of the index as it is. What it does not hold as such is looked up once and then asked for by value
(:class:`wellread.stores.weaviate_facts.FactLookup`): a range becomes the tokens inside it, a document or a time its
``doc_id``. Nothing is filtered after a search, so the best hits are the best of what passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wellread.filters import (
    TEXT_FACTS,
    And,
    AnyOf,
    Equals,
    Exists,
    Filter,
    Leaf,
    Not,
    NotEquals,
    Or,
    Range,
    Scalar,
)
from wellread.stores.protocol import ObjectKind
from wellread.stores.weaviate_objects import field_token, printable

if TYPE_CHECKING:
    from weaviate.collections.classes.filters import _Filters as Filters

_DOCUMENT_FACTS = frozenset({"document", "modified_at"})


@dataclass(frozen=True, slots=True)
class DocumentIds:
    """Documents by id: these, or all but these, whichever are fewer."""

    ids: tuple[str, ...]
    is_complement: bool = False


class FactLookup(Protocol):
    """Finds out what chunk objects do not hold as such."""

    def tokens_within(self, leaf: Range) -> Sequence[str]:
        """The stored tokens of the leaf's field whose values lie in its range."""

    def documents(self, leaf: Leaf) -> DocumentIds:
        """The documents for which the leaf holds."""


def condition_filter(condition: Filter, kind: ObjectKind, lookup: FactLookup) -> Filters | None:
    """The condition for objects of this kind; ``None``: it leaves none out.

    For chunks it is exact. For versions what they cannot tell (declared fields, a chunk's language) is taken as
    passing: every version with a passing chunk is among them.
    """
    return _translated(condition, kind, lookup, unknown_passes=True)


def _translated(condition: Filter, kind: ObjectKind, lookup: FactLookup, *, unknown_passes: bool) -> Filters | None:
    """``None`` stands for "passes always" where ``unknown_passes``, else for "passes never"."""
    from weaviate.classes.query import Filter as Weaviate

    if isinstance(condition, Not):
        part = _translated(condition.part, kind, lookup, unknown_passes=not unknown_passes)
        return None if part is None else Weaviate.not_(part)
    if isinstance(condition, And | Or):
        parts = [_translated(part, kind, lookup, unknown_passes=unknown_passes) for part in condition.parts]
        known = [part for part in parts if part is not None]
        # What always passes decides an "or", what never passes an "and".
        decides = isinstance(condition, Or) if unknown_passes else isinstance(condition, And)
        if not known or (decides and len(known) < len(parts)):
            return None
        return Weaviate.all_of(known) if isinstance(condition, And) else Weaviate.any_of(known)
    if kind == "versions" and condition.field not in _DOCUMENT_FACTS | {"source"}:
        return None
    return _leaf_filter(condition, lookup)


def _leaf_filter(leaf: Leaf, lookup: FactLookup) -> Filters:
    from weaviate.classes.query import Filter as Weaviate

    if isinstance(leaf, NotEquals):
        return Weaviate.not_(_leaf_filter(Equals(leaf.field, leaf.value), lookup))
    if leaf.field in _DOCUMENT_FACTS:
        found = lookup.documents(leaf)
        among = _any_text("doc_id", found.ids)
        return Weaviate.not_(among) if found.is_complement else among
    if isinstance(leaf, Exists):
        # The name is letters, digits and underscores: nothing in it is a wildcard.
        return Weaviate.by_property("fields").like(f"{leaf.field}=*")
    if isinstance(leaf, Range):
        return _any_text("fields", lookup.tokens_within(leaf))
    assert isinstance(leaf, Equals | AnyOf)
    values = leaf.values if isinstance(leaf, AnyOf) else (leaf.value,)
    if leaf.field in TEXT_FACTS:
        name = "source_id" if leaf.field == "source" else leaf.field
        return _any_text(name, [printable(str(value)) for value in values])
    return _any_text("fields", _tokens(leaf.field, values))


def _tokens(name: str, values: Sequence[Scalar]) -> list[str]:
    return [field_token(name, value) for value in values]


def _any_text(name: str, values: Sequence[str]) -> Filters:
    """Objects that hold one of these texts; of none, no object."""
    from weaviate.classes.query import Filter as Weaviate

    # Every id and token is longer than one character, and "-" is neither a source nor a language.
    return Weaviate.by_property(name).contains_any(list(dict.fromkeys(values)) or ["-"])
