"""The shape of the physical collections, and the label that says whose they are.

No property depends on a source: declared filter fields are entries of the one list ``fields``, so the
schema never changes while a source's declaration does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from wellread.errors import EpochMismatchError, ModelMismatchError, SchemaMismatchError, SettingsError
from wellread.identities import canonical_json
from wellread.snapshots import Projection
from wellread.stores.protocol import ObjectKind
from wellread.stores.weaviate_errors import translated

if TYPE_CHECKING:
    from weaviate import WeaviateClient

SCHEMA_VERSION = 1
"""Raised whenever a property is added, dropped or indexed in another way."""

HEADS = "WellreadHeads"
"""The one collection of head rows, for all logical collections."""

Use = Literal["filter", "search", "keep"]
"""Filtered by exact value, searched by words, or only kept."""


@dataclass(frozen=True, slots=True)
class PropertySpec:
    """One property and how it is indexed."""

    name: str
    data_type: Literal["text", "text[]", "int", "date"]
    use: Use


SCOPE_PROPERTIES = (
    PropertySpec("doc_id", "text", "filter"),
    PropertySpec("source_id", "text", "filter"),
    PropertySpec("tenant", "text", "filter"),
    PropertySpec("acl", "text[]", "filter"),
    PropertySpec("fields", "text[]", "filter"),
    # Plain filterable integers: with a range index the visibility rule costs 2 to 6 times more.
    PropertySpec("rev_from", "int", "filter"),
    PropertySpec("rev_to", "int", "filter"),
)
"""What the visibility rule and the filters of every search look at, in both collections."""

CHUNK_PROPERTIES = (
    PropertySpec("chunk_key", "text", "filter"),
    *SCOPE_PROPERTIES,
    PropertySpec("bucket", "int", "filter"),
    PropertySpec("copy", "int", "keep"),
    PropertySpec("text", "text", "search"),
    PropertySpec("title", "text", "search"),
    PropertySpec("headings", "text[]", "search"),
    PropertySpec("language", "text", "filter"),
    PropertySpec("kind", "text", "filter"),
    PropertySpec("repeated_chars", "int", "keep"),
    PropertySpec("payload_hash", "text", "keep"),
)

VERSION_PROPERTIES = (
    *SCOPE_PROPERTIES,
    PropertySpec("copy", "int", "keep"),
    PropertySpec("natural_key", "text", "filter"),
    PropertySpec("natural_key_words", "text", "search"),
    PropertySpec("title", "text", "search"),
    PropertySpec("opening", "text", "search"),
    PropertySpec("body", "text", "keep"),
    PropertySpec("placements", "text[]", "keep"),
    PropertySpec("version_hash", "text", "keep"),
    PropertySpec("modified_at", "date", "keep"),
    PropertySpec("ingested_at", "date", "keep"),
    PropertySpec("payload_hash", "text", "keep"),
)

HEAD_PROPERTIES = (
    PropertySpec("collection", "text", "filter"),
    PropertySpec("seq", "int", "filter"),
    PropertySpec("body", "text", "keep"),
)

_SPECS: Mapping[ObjectKind, Sequence[PropertySpec]] = {"chunks": CHUNK_PROPERTIES, "versions": VERSION_PROPERTIES}


def physical_name(projection: Projection, kind: ObjectKind) -> str:
    """The Weaviate collection that holds this kind of object."""
    return projection.chunks if kind == "chunks" else projection.versions


def check_collection_name(name: str) -> None:
    """Weaviate upper-cases the first letter by itself: two logical names must not meet in one collection."""
    valid = name.isascii() and name[:1].isupper() and name.replace("_", "").isalnum() and len(name) <= 200
    if not valid:
        raise SettingsError(
            f"Use the collection name {name!r}",
            found="it is not made of an upper-case letter, then letters, digits and underscores",
            remedy="Choose a name such as Documents",
        )


def label_of(projection: Projection, kind: ObjectKind) -> str:
    """What is stored as the description of a physical collection."""
    return canonical_json(
        {
            "wellread_schema": SCHEMA_VERSION,
            "kind": kind,
            "model": projection.model.as_dict(),
            "store_epoch": projection.store_epoch,
        }
    )


def create_collection(client: WeaviateClient, projection: Projection, kind: ObjectKind) -> None:
    """Create one physical collection, or check the label and properties of the one that exists."""
    name = physical_name(projection, kind)
    with translated(f"Create the collection {name}"):
        if not client.collections.exists(name):
            _create(client, name, _SPECS[kind], label=label_of(projection, kind), vectors=kind == "chunks")
        config = client.collections.get(name).config.get(simple=False)
    check_label(name, config.description or "", projection, kind)
    check_properties(name, {item.name for item in config.properties}, _SPECS[kind])


def create_heads(client: WeaviateClient) -> None:
    """Create the collection of heads if it is missing."""
    with translated(f"Create the collection {HEADS}"):
        if not client.collections.exists(HEADS):
            label = canonical_json({"wellread_schema": SCHEMA_VERSION, "kind": "heads"})
            _create(client, HEADS, HEAD_PROPERTIES, label=label, vectors=False)


def _create(client: WeaviateClient, name: str, specs: Sequence[PropertySpec], *, label: str, vectors: bool) -> None:
    from weaviate.classes.config import Configure, VectorDistances
    from weaviate.exceptions import UnexpectedStatusCodeError

    index = Configure.VectorIndex.hnsw(
        distance_metric=VectorDistances.COSINE, ef_construction=128, max_connections=32
    )
    try:
        client.collections.create(
            name,
            description=label,
            properties=[_property(spec) for spec in specs],
            vector_config=Configure.Vectors.self_provided(
                vector_index_config=index if vectors else Configure.VectorIndex.none()
            ),
            inverted_index_config=Configure.inverted_index(index_timestamps=False, index_null_state=False),
        )
    except UnexpectedStatusCodeError:
        # Two processes may create at once; the loser checks what the winner made.
        if not client.collections.exists(name):
            raise


def _property(spec: PropertySpec) -> Any:
    from weaviate.classes.config import DataType, Property, Tokenization

    is_text = spec.data_type.startswith("text")
    tokenization = Tokenization.WORD if spec.use == "search" else Tokenization.FIELD
    return Property(
        name=spec.name,
        data_type=DataType(spec.data_type),
        index_filterable=spec.use == "filter",
        index_searchable=spec.use == "search" if is_text else None,
        tokenization=tokenization if is_text else None,
    )


def check_label(name: str, label: str, projection: Projection, kind: ObjectKind) -> None:
    """Refuse a collection of another schema, model or epoch.

    Raises ``SchemaMismatchError``, ``ModelMismatchError`` or ``EpochMismatchError``.
    """
    asked = f"Use the collection {name}"
    found = _read_label(label)
    if found.get("wellread_schema") != SCHEMA_VERSION or found.get("kind") != kind:
        raise SchemaMismatchError(
            asked,
            found=f"its label says {label[:200] or 'nothing'}, not schema {SCHEMA_VERSION} of {kind}",
            remedy="Choose another collection name, or rebuild the index with this version",
        )
    model = projection.model.as_dict()
    stored = found.get("model")
    if stored != model:
        raise ModelMismatchError(
            asked,
            found=f"it was built with {stored}, not with {model}",
            remedy="Set the model that it was built with, or migrate the collection to the new model",
        )
    if found.get("store_epoch") != projection.store_epoch:
        raise EpochMismatchError(
            asked,
            found=f"its epoch is {found.get('store_epoch')}, the ledger expects {projection.store_epoch}",
            remedy="Connect the store that belongs to this ledger, or rebuild the index",
        )


def _read_label(label: str) -> Mapping[str, object]:
    try:
        found = json.loads(label)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def check_properties(name: str, present: set[str], specs: Sequence[PropertySpec]) -> None:
    """Refuse a collection whose properties are not ours."""
    expected = {spec.name for spec in specs}
    if present != expected:
        raise SchemaMismatchError(
            f"Use the collection {name}",
            found=f"properties missing: {sorted(expected - present)}; unknown: {sorted(present - expected)}",
            remedy="Choose another collection name, or rebuild the index with this version",
        )
