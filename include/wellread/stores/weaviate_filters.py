"""Who sees what, as Weaviate filters: the visibility rule, access, and withdrawals.

The form matters for speed: each term touches few values of a plain filterable integer, so the rule costs
little with 40 or with 5,000 revisions. Measured against ``rev_from < next`` and range indexes, which cost
2 to 6 times more on fresh data.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wellread.snapshots import OPEN, Head, Snapshot
from wellread.stores.protocol import Scope
from wellread.stores.weaviate_objects import printable

if TYPE_CHECKING:
    from weaviate.collections.classes.filters import _Filters as Filters


def visible(snapshot: Snapshot) -> list[Filters]:
    """The terms, to be joined by *and*, under which ``Snapshot.shows`` is true."""
    from weaviate.classes.query import Filter

    excluded = sorted(snapshot.excluded)
    rev_from = Filter.by_property("rev_from")
    rev_to = Filter.by_property("rev_to")
    terms = [Filter.not_(rev_from.greater_or_equal(snapshot.next_revision))]
    if excluded:
        terms.append(Filter.not_(rev_from.contains_any(excluded)))
    open_or_excluded = rev_to.contains_any([OPEN, *excluded])
    terms.append(Filter.any_of([open_or_excluded, rev_to.greater_or_equal(max(snapshot.next_revision, 1))]))
    return terms


def in_scope(scope: Scope) -> list[Filters]:
    """What a reader may see at all, but for the scope's filter: :mod:`wellread.stores.weaviate_conditions`."""
    from weaviate.classes.query import Filter

    terms = [Filter.by_property("tenant").equal(printable(scope.tenant))]
    if scope.groups is not None:
        groups = sorted({"*", *(printable(group) for group in scope.groups)})
        terms.append(Filter.by_property("acl").contains_any(groups))
    if scope.doc_ids:
        terms.append(any_uuid("doc_id", scope.doc_ids))
    if scope.source_ids:
        sources = [printable(source_id) for source_id in scope.source_ids]
        terms.append(Filter.by_property("source_id").contains_any(sources))
    return terms


def not_denied(head: Head) -> list[Filters]:
    """Withdrawn documents and sources stay out of every read, whatever snapshot is pinned."""
    from weaviate.classes.query import Filter

    terms = []
    if head.denied:
        terms.append(Filter.not_(any_uuid("doc_id", sorted(head.denied))))
    if head.denied_sources:
        sources = sorted(printable(source_id) for source_id in head.denied_sources)
        terms.append(Filter.not_(Filter.by_property("source_id").contains_any(sources)))
    return terms


def readable(head: Head, snapshot: Snapshot, scope: Scope, *more: Filters) -> Filters:
    """The one filter of every read: visible, in scope, not denied, and ``more``: the scope's condition, a key."""
    from weaviate.classes.query import Filter

    return Filter.all_of([*visible(snapshot), *in_scope(scope), *not_denied(head), *more])


def any_uuid(name: str, values: Sequence[uuid.UUID]) -> Filters:
    """Objects whose property is one of these ids."""
    from weaviate.classes.query import Filter

    return Filter.by_property(name).contains_any([str(value) for value in values])
