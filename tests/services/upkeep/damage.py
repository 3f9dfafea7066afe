"""Ways in which an index comes to differ from its ledger, done to the raw store by a plain client."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from typing import Any

DIMENSIONS = 64


def _chunks(world: Any, client: Any) -> Any:
    return client.collections.get(f"{world.collection}_chunks_1")


def _versions(world: Any, client: Any) -> Any:
    return client.collections.get(f"{world.collection}_versions_1")


def _some(collection: Any, draw: random.Random, *, closed: bool | None = None) -> Any:
    """One raw object: any, or one that is closed, or one that is not."""
    found = sorted(collection.iterator(include_vector=True), key=lambda item: str(item.uuid))
    return draw.choice([item for item in found if closed in {None, item.properties["rev_to"] != 0}])


def delete_chunk(world: Any, client: Any, draw: random.Random) -> None:
    _chunks(world, client).data.delete_by_id(_some(_chunks(world, client), draw).uuid)


def delete_version(world: Any, client: Any, draw: random.Random) -> None:
    _versions(world, client).data.delete_by_id(_some(_versions(world, client), draw).uuid)


def change_payload(world: Any, client: Any, draw: random.Random) -> None:
    chosen = _some(_chunks(world, client), draw)
    properties = {"payload_hash": "0" * 64, "text": "something else"}
    _chunks(world, client).data.update(chosen.uuid, properties=properties)


def change_version_payload(world: Any, client: Any, draw: random.Random) -> None:
    chosen = _some(_versions(world, client), draw)
    _versions(world, client).data.update(chosen.uuid, properties={"payload_hash": "0" * 64, "title": "other"})


def lose_index_entry(world: Any, client: Any, draw: random.Random) -> None:
    """The object stays, and the vector index does not find it."""
    chosen = _some(_chunks(world, client), draw)
    chunks = _chunks(world, client)
    chunks.data.delete_by_id(chosen.uuid)
    chunks.data.insert(dict(chosen.properties), uuid=chosen.uuid)


def change_vector(world: Any, client: Any, draw: random.Random) -> None:
    chosen = _some(_chunks(world, client), draw, closed=False)
    vector = [draw.uniform(-1, 1) for _ in range(DIMENSIONS)]
    _chunks(world, client).data.update(chosen.uuid, properties={}, vector={"default": vector})


def close_open(world: Any, client: Any, draw: random.Random) -> None:
    chosen = _some(_chunks(world, client), draw, closed=False)
    _chunks(world, client).data.update(chosen.uuid, properties={"rev_to": chosen.properties["rev_from"]})


def reopen_closed(world: Any, client: Any, draw: random.Random) -> None:
    chosen = _some(_chunks(world, client), draw, closed=True)
    _chunks(world, client).data.update(chosen.uuid, properties={"rev_to": 0})


def widen_access(world: Any, client: Any, draw: random.Random) -> None:
    chosen = _some(_chunks(world, client), draw)
    _chunks(world, client).data.update(chosen.uuid, properties={"acl": ["strangers"]})


def add_stray_chunk(world: Any, client: Any, draw: random.Random) -> None:
    chosen = _some(_chunks(world, client), draw)
    stray = uuid.UUID(int=draw.getrandbits(128))
    _chunks(world, client).data.insert(dict(chosen.properties), uuid=stray, vector=chosen.vector)


def add_stray_version(world: Any, client: Any, draw: random.Random) -> None:
    chosen = _some(_versions(world, client), draw)
    _versions(world, client).data.insert(dict(chosen.properties), uuid=uuid.UUID(int=draw.getrandbits(128)))


Damage = Callable[[Any, Any, random.Random], None]
FAULTS: dict[str, tuple[Damage, ...]] = {
    "missing": (delete_chunk, delete_version),
    "payload": (change_payload, change_version_payload),
    "unindexed": (lose_index_entry,),
    "vector": (change_vector,),
    "rev_to": (close_open, reopen_closed),
    "access": (widen_access,),
    "stray": (add_stray_chunk, add_stray_version),
}
