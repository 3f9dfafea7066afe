"""What every artifact store promises, run on each kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wellread.artifacts.bundles import get_folder, put_folder
from wellread.artifacts.codec import get_json, put_json
from wellread.artifacts.folder import FolderArtifacts
from wellread.artifacts.protocol import ArtifactStore
from wellread.artifacts.references import blob_path
from wellread.artifacts.s3_bucket import S3Artifacts
from wellread.documents import Chunk
from wellread.errors import SystemicError


@dataclass
class World:
    """A store, and the power to damage a blob behind its back."""

    store: ArtifactStore
    damage: Callable[[str, bytes], None]


@pytest.fixture(params=["folder", "s3"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    if request.param == "folder":
        return World(FolderArtifacts(tmp_path), lambda path, content: _overwrite(tmp_path / path, content))
    client: Any = request.getfixturevalue("s3_client")
    bucket: str = request.getfixturevalue("bucket")
    return World(
        S3Artifacts(client, bucket=bucket, prefix="wellread/artifacts"),
        lambda path, content: client.put_object(Bucket=bucket, Key=f"wellread/artifacts/{path}", Body=content),
    )


def _overwrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@pytest.mark.parametrize("content", [b"", b"x", os.urandom(100_000), "überall".encode() * 10_000])
def test_what_was_put_comes_back(world: World, content: bytes) -> None:
    reference = world.store.put("chunks", content)
    assert world.store.exists(reference)
    assert world.store.get(reference) == content


def test_all_that_is_there_is_listed(world: World) -> None:
    assert list(world.store.references()) == []
    put = {world.store.put("chunks", str(number).encode()) for number in range(20)}
    put.add(world.store.put("answer-rows", b"0"))
    world.damage("chunks/notes.txt", b"no blob")
    world.damage(f"{next(iter(put)).split('/')[0]}/half.tmp", b"no blob either")
    assert set(world.store.references()) == put
    gone = put.pop()
    world.store.delete(gone)
    assert set(world.store.references()) == put


def test_a_reference_follows_from_the_content_alone(world: World) -> None:
    first = world.store.put("chunks", b"same")
    assert world.store.put("chunks", b"same") == first
    assert world.store.put("plans", b"same") != first
    assert world.store.put("chunks", b"other") != first


def test_delete_is_idempotent(world: World) -> None:
    reference = world.store.put("chunks", b"x")
    world.store.delete(reference)
    world.store.delete(reference)
    assert not world.store.exists(reference)


def test_a_missing_blob_is_an_error_that_names_its_place(world: World) -> None:
    reference = f"chunks/{'0' * 64}"
    with pytest.raises(SystemicError) as caught:
        world.store.get(reference)
    assert blob_path(reference) in str(caught.value)


@pytest.mark.parametrize("stored", [b"", b"not compressed", __import__("zlib").compress(b"another content")])
def test_a_damaged_blob_is_never_returned_and_the_next_put_heals_it(world: World, stored: bytes) -> None:
    reference = world.store.put("chunks", b"content")
    world.damage(blob_path(reference), stored)
    with pytest.raises(SystemicError, match="damaged"):
        world.store.get(reference)
    world.store.put("chunks", b"content")
    assert world.store.get(reference) == b"content"


@pytest.mark.parametrize("reference", ["", "chunks", "../etc/passwd", f"chunks/{'0' * 63}", f"a/b/{'0' * 64}"])
def test_what_is_no_reference_is_refused(world: World, reference: str) -> None:
    with pytest.raises(SystemicError, match="kind"):
        world.store.get(reference)


@pytest.mark.parametrize("kind", ["", "Chunks", "../x", "a/b", ".hidden"])
def test_a_kind_that_is_no_folder_name_is_refused(world: World, kind: str) -> None:
    with pytest.raises(SystemicError, match="kind"):
        world.store.put(kind, b"x")


def test_the_uri_is_absolute(world: World) -> None:
    assert world.store.uri(world.store.put("chunks", b"x")).startswith(("file:///", "s3://"))


def test_typed_values_survive_the_way_through(world: World) -> None:
    chunks = tuple(
        Chunk(
            text=f"Text {number} – “quoted”",
            repeated_chars=0,
            start_char=number,
            end_char=number + 1,
            headings=("A", "B"),
            page=None,
            language="en",
            embedding_input="x",
        )
        for number in range(100)
    )
    reference = put_json(world.store, "chunks", chunks)
    assert get_json(world.store, tuple[Chunk, ...], reference) == chunks


def test_a_folder_comes_back_elsewhere_with_all_its_files(world: World, tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    files = {"index.html": b"<p>one</p>", "static/style.css": b"p {}", "validations/run 1.html": b""}
    for name, content in files.items():
        (pages / name).parent.mkdir(parents=True, exist_ok=True)
        (pages / name).write_bytes(content)
    reference = put_folder(world.store, "reports", pages)
    assert put_folder(world.store, "reports", pages) == reference
    other = get_folder(world.store, reference, tmp_path / "elsewhere" / "deep")
    found = {path.relative_to(other).as_posix(): path.read_bytes() for path in other.rglob("*") if path.is_file()}
    assert found == files
