"""What filters ask and chunk objects do not hold as such: looked up once for each state, then remembered.

Objects are write-once and a head is written after everything that it shows, so what was found under one head
stays true for every read under it, pinned ones included.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wellread.errors import SettingsError
from wellread.filters import Equals, Leaf, Range, Scalar, StartsWith, leaf_holds
from wellread.snapshots import Head, Snapshot
from wellread.stores.weaviate_audits import ANSWER_LIMIT
from wellread.stores.weaviate_conditions import DocumentIds
from wellread.stores.weaviate_errors import translated
from wellread.stores.weaviate_filters import visible
from wellread.stores.weaviate_objects import moment_of, printable

if TYPE_CHECKING:
    from weaviate.collections import Collection
    from weaviate.collections.classes.filters import _Filters as Filters

MOST_DISTINCT = 1_000
"""Values of one field among which a range is looked for."""

MOST_DOCUMENTS = 2_000
"""Document ids in one filter."""

_OBJECTS_PER_LOOK = 200
_REMEMBERED = 256


class Remembered:
    """Answers by what they depend on, the longest unused forgotten first. Safe to share between threads."""

    def __init__(self) -> None:
        self._answers: OrderedDict[object, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object, make: Callable[[], Any]) -> Any:
        """The answer for a key, made where it is not known. Two threads may make the same one at once."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        made = make()
        with self._lock:
            self._answers[key] = made
            while len(self._answers) > _REMEMBERED:
                self._answers.popitem(last=False)
        return made


@dataclass(frozen=True, slots=True)
class StoredFacts:
    """``FactLookup`` over the two collections of a head, for one tenant."""

    chunks: Collection[Any, Any]
    versions: Collection[Any, Any]
    head: Head
    snapshot: Snapshot
    tenant: str
    remembered: Remembered

    def tokens_within(self, leaf: Range) -> Sequence[str]:
        """The stored tokens of the leaf's field whose values lie in its range.

        Raises ``SettingsError`` where the field has more than ``MOST_DISTINCT`` values.
        """
        found: Sequence[tuple[str, Scalar]] = self.remembered.get(
            self._key("values", leaf.field), lambda: list(self._values(leaf.field))
        )
        return [token for token, value in found if leaf_holds(leaf, value)]

    def documents(self, leaf: Leaf) -> DocumentIds:
        """The documents for which the leaf holds.

        Raises ``SettingsError`` where more than ``MOST_DOCUMENTS`` would have to be named.
        """
        look_up = self._by_time if isinstance(leaf, Range) else self._by_name
        found: DocumentIds = self.remembered.get(self._key("documents", leaf), lambda: look_up(leaf))
        return found

    def _key(self, *about: object) -> object:
        projection = self.head.projection
        where = (projection.chunks, projection.store_epoch, self.head.seq, self.snapshot.as_text(), self.tenant)
        return (*where, *about)

    def _values(self, name: str) -> Iterator[tuple[str, Scalar]]:
        """Every value of a declared field with its token: each look leaves out what is known already."""
        from weaviate.classes.query import Filter

        fields, prefix = Filter.by_property("fields"), f"{name}="
        tenant = Filter.by_property("tenant").equal(printable(self.tenant))
        known: set[str] = set()
        while True:
            more: list[Filters] = [Filter.not_(fields.contains_any(sorted(known)))] if known else []
            with translated(f"Look for the values of {name!r} in {self.chunks.name}"):
                reply = self.chunks.query.fetch_objects(
                    filters=Filter.all_of([tenant, fields.like(f"{prefix}*"), *more]),
                    limit=_OBJECTS_PER_LOOK,
                    return_properties=["fields"],
                )
            tokens = {token for item in reply.objects for token in item.properties["fields"] or ()}
            new = {token for token in tokens if token.startswith(prefix)} - known
            if not new:
                return
            known |= new
            if len(known) > MOST_DISTINCT:
                _refuse(
                    f"compare the field {name!r} with a range",
                    f"it has more than {MOST_DISTINCT} different values",
                    "Give the field coarser values, or filter by any_of.",
                )
            yield from _decoded(new, prefix)

    def _by_name(self, leaf: Leaf) -> DocumentIds:
        """Documents by natural key. Ids never change owners, so every revision may be looked at."""
        from weaviate.classes.query import Filter

        key = Filter.by_property("natural_key")
        if isinstance(leaf, StartsWith):
            # White space around a name is not indexed, so this may find too much: names are compared below.
            # (``like`` would find too little: its wildcards stop at the end of a line.)
            prefix = printable(leaf.prefix).strip()
            by_key = key.greater_or_equal(prefix) & key.less_than(f"{prefix}\U0010ffff")
        else:
            names = (leaf.value,) if isinstance(leaf, Equals) else leaf.values  # type: ignore[union-attr]
            by_key = key.contains_any([printable(str(name)) for name in names])
        rows = self._versions_where([by_key], ["doc_id", "body"])
        ids = {row["doc_id"] for row in rows if leaf_holds(leaf, json.loads(row["body"])["natural_key"])}
        return _bounded(DocumentIds(tuple(sorted(ids))))

    def _by_time(self, leaf: Leaf) -> DocumentIds:
        """Documents by when their visible version was modified."""
        rows = self._versions_where(visible(self.snapshot), ["doc_id", "modified_at"])
        inside = {row["doc_id"] for row in rows if leaf_holds(leaf, moment_of(row["modified_at"]))}
        outside = {row["doc_id"] for row in rows} - inside
        fewer = outside if len(outside) < len(inside) else inside
        return _bounded(DocumentIds(tuple(sorted(fewer)), is_complement=fewer is outside))

    def _versions_where(self, terms: list[Filters], properties: list[str]) -> list[dict[str, Any]]:
        from weaviate.classes.query import Filter

        tenant = Filter.by_property("tenant").equal(printable(self.tenant))
        with translated(f"Look for documents in {self.versions.name}"):
            reply = self.versions.query.fetch_objects(
                filters=Filter.all_of([tenant, *terms]), limit=ANSWER_LIMIT, return_properties=properties
            )
        if len(reply.objects) >= ANSWER_LIMIT:
            _refuse(
                "filter by document or time",
                f"{ANSWER_LIMIT} documents or more would have to be compared",
                "Filter by source or by a declared field instead.",
            )
        return [dict(item.properties) for item in reply.objects]


def _decoded(tokens: set[str], prefix: str) -> Iterator[tuple[str, Scalar]]:
    """Tokens with their values; those of long texts and of infinite numbers hold none and lie in no range."""
    for token in sorted(tokens):
        try:
            value = json.loads(token.removeprefix(prefix))
        except ValueError:
            continue
        yield token, value


def _bounded(found: DocumentIds) -> DocumentIds:
    if len(found.ids) > MOST_DOCUMENTS:
        _refuse(
            "filter by document or time",
            f"the filter would have to name {len(found.ids)} documents",
            f"Name at most {MOST_DOCUMENTS}, or filter by source or by a declared field.",
        )
    return found


def _refuse(asked: str, found: str, remedy: str) -> None:
    raise SettingsError(asked, found=found, remedy=remedy)
