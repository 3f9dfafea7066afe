"""Head rows: append-only, the highest ``seq`` holds."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from wellread.errors import EpochMismatchError, TransientError
from wellread.identities import NAMESPACE, canonical_json
from wellread.snapshots import Head
from wellread.stores.weaviate_errors import translated
from wellread.stores.weaviate_objects import head_body, head_from
from wellread.stores.weaviate_schema import HEADS, create_heads

if TYPE_CHECKING:
    from weaviate import WeaviateClient

KEPT_ROWS = 20
"""Rows below the newest that stay: for readers in flight and for looking back."""


def row_id(collection: str, seq: int) -> uuid.UUID:
    """The id of one head row."""
    return uuid.uuid5(NAMESPACE, canonical_json(["head", collection, seq]))


def write_head_row(client: WeaviateClient, head: Head) -> None:
    """Insert the row, then delete rows far below it. The same head again is no error.

    Raises ``EpochMismatchError`` if another head stands under this ``seq`` already.
    """
    from weaviate.classes.query import Filter
    from weaviate.exceptions import UnexpectedStatusCodeError

    create_heads(client)
    rows = client.collections.get(HEADS)
    name, body = head.projection.collection, head_body(head)
    properties: dict[str, Any] = {"collection": name, "seq": head.seq, "body": body}
    with translated(f"Write head {head.seq} of {name}"):
        try:
            rows.data.insert(properties, uuid=row_id(name, head.seq))
        except UnexpectedStatusCodeError as error:
            if error.status_code != 422:
                raise
            _check_same(client, head, body)
        rows.data.delete_many(
            where=Filter.by_property("collection").equal(name)
            & Filter.by_property("seq").less_than(head.seq - KEPT_ROWS)
        )


def _check_same(client: WeaviateClient, head: Head, body: str) -> None:
    found = client.collections.get(HEADS).query.fetch_object_by_id(row_id(head.projection.collection, head.seq))
    if found is None:
        raise TransientError(
            f"Write head {head.seq} of {head.projection.collection}",
            found="the server refused the row, and no row of that number is there",
            remedy="Try again; if it stays so, look into the server's log",
        )
    if found.properties["body"] != body:
        raise EpochMismatchError(
            f"Write head {head.seq} of {head.projection.collection}",
            found="another head has this number already",
            remedy="Only one ledger may write to a collection: check that it was not restored from a backup",
        )


def read_newest_head(client: WeaviateClient, collection: str) -> Head | None:
    """The row with the highest ``seq``."""
    from weaviate.classes.query import Filter, Sort

    with translated(f"Read the head of {collection}"):
        rows = client.collections.get(HEADS)
        try:
            reply = rows.query.fetch_objects(
                filters=Filter.by_property("collection").equal(collection),
                sort=Sort.by_property("seq", ascending=False),
                limit=1,
                return_properties=["body"],
            )
        except Exception:
            # Before the first head there is no collection of heads. Asking first would double every read.
            if client.collections.exists(HEADS):
                raise
            return None
    return head_from(str(reply.objects[0].properties["body"])) if reply.objects else None
