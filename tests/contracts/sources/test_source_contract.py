"""What every source promises, run on each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from wellread.documents import SourceObject
from wellread.runs import SourceDeclaration
from wellread.sources.keys import assert_sorted
from wellread.sources.opening import open_source
from wellread.sources.protocol import Source
from wellread.sources.settings import SourceSettings

KEYS = ("a-b.txt", "a.txt", "a/b.txt", "a/deep/c.txt", "ab.txt", "café.txt", "文档/概要.txt")


@dataclass
class World:
    """A source, and the power to change what it reads."""

    source: Source
    write: Callable[[str, bytes], None]
    remove: Callable[[str], None]

    def objects(self) -> dict[str, SourceObject]:
        listing = self.source.list_objects()
        found = {item.natural_key: item for item in assert_sorted(listing.objects)}
        assert listing.is_complete
        return found


@pytest.fixture(params=["folder", "s3"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    settings = SourceSettings(max_object_bytes=1000)
    made = _folder_world(tmp_path, settings) if request.param == "folder" else _s3_world(request, settings)
    for key in KEYS:
        made.write(key, f"text of {key}".encode())
    yield made
    made.source.close()


def _folder_world(root: Path, settings: SourceSettings) -> World:
    def write(key: str, content: bytes) -> None:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(content)

    declaration = SourceDeclaration(id="x", kind="folder", location=str(root), acl=("staff",))
    return World(open_source(declaration, settings=settings), write, lambda key: (root / key).unlink())


def _s3_world(request: pytest.FixtureRequest, settings: SourceSettings) -> World:
    client: Any = request.getfixturevalue("s3_client")
    bucket: str = request.getfixturevalue("bucket")
    declaration = SourceDeclaration(id="x", kind="s3", location=f"s3://{bucket}", acl=("staff",))
    return World(
        open_source(declaration, s3_client=client, settings=settings),
        lambda key, content: client.put_object(Bucket=bucket, Key=key, Body=content),
        lambda key: client.delete_object(Bucket=bucket, Key=key),
    )


def test_a_listing_holds_every_key_once_in_byte_order(world: World) -> None:
    assert list(world.objects()) == sorted(KEYS, key=str.encode)


def test_a_listing_says_size_time_and_access(world: World) -> None:
    item = world.objects()["a.txt"]
    assert item.size_bytes == len(b"text of a.txt")
    assert item.modified_at.tzinfo is UTC
    assert item.acl == ("staff",)


def test_an_abandoned_listing_is_not_complete(world: World) -> None:
    listing = world.source.list_objects()
    next(listing.objects)
    assert not listing.is_complete


def test_fetch_gives_the_bytes_of_now(world: World) -> None:
    world.objects()
    world.write("a.txt", b"changed")
    assert world.source.fetch("a.txt") == b"changed"


def test_an_empty_object_is_there(world: World) -> None:
    world.write("empty.txt", b"")
    assert world.source.fetch("empty.txt") == b""
    assert world.source.exists("empty.txt")


def test_what_is_removed_is_gone_for_fetch_second_look_and_listing(world: World) -> None:
    world.remove("a/b.txt")
    assert world.source.fetch("a/b.txt") is None
    assert not world.source.exists("a/b.txt")
    assert world.source.exists("a/deep/c.txt")
    assert "a/b.txt" not in world.objects()


def test_a_key_is_not_found_by_its_beginning(world: World) -> None:
    assert not world.source.exists("a")
    assert not world.source.exists("a.tx")
    assert world.source.fetch("a/deep") is None


def test_an_object_above_the_limit_is_a_document_error(world: World) -> None:
    from wellread.errors import DocumentError

    world.write("big.txt", b"x" * 1001)
    with pytest.raises(DocumentError) as caught:
        world.source.fetch("big.txt")
    assert (caught.value.stage, caught.value.cause) == ("fetch", "too_large")
