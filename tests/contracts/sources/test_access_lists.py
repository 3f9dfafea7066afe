"""Access lists from the source: side-cars on every kind of source, tags and metadata of S3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wellread.documents import NOBODY, SourceObject
from wellread.errors import SettingsError
from wellread.runs import AccessRules, SourceDeclaration
from wellread.sources.declarations import load_declaration
from wellread.sources.opening import open_source

SIDECAR = AccessRules("sidecar")


@dataclass
class Place:
    """Where a source's files are."""

    write: Callable[[str, bytes], None]
    listed: Callable[..., dict[str, SourceObject]]


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return _folder(tmp_path) if request.param == "folder" else _s3(request)


def _folder(root: Path) -> Place:
    def write(key: str, content: bytes) -> None:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(content)

    def listed(**changes: Any) -> dict[str, SourceObject]:
        return objects(SourceDeclaration(id="x", kind="folder", location=str(root), **changes))

    return Place(write, listed)


def _s3(request: pytest.FixtureRequest) -> Place:
    client: Any = request.getfixturevalue("s3_client")
    bucket: str = request.getfixturevalue("bucket")

    def listed(**changes: Any) -> dict[str, SourceObject]:
        return objects(SourceDeclaration(id="x", kind="s3", location=f"s3://{bucket}", **changes), client)

    return Place(lambda key, content: client.put_object(Bucket=bucket, Key=key, Body=content), listed)


def objects(declaration: SourceDeclaration, client: Any = None) -> dict[str, SourceObject]:
    source = open_source(declaration, s3_client=client)
    listing = source.list_objects()
    found = {item.natural_key: item for item in listing.objects}
    assert listing.is_complete
    return found


def test_a_sidecar_says_who_may_read_and_what_is_known(place: Place) -> None:
    place.write("a/one.txt", b"one")
    place.write("a/one.txt.wellread.yaml", b"acl: [staff, board]\nmetadata: {year: 2021, final: true}\n")
    place.write("two.txt", b"two")
    found = place.listed(access=SIDECAR, acl=("readers",))
    assert list(found) == ["a/one.txt", "two.txt"]
    assert found["a/one.txt"].acl == ("board", "staff")
    assert dict(found["a/one.txt"].metadata) == {"year": 2021, "final": True}
    assert found["two.txt"].acl == ("readers",)


def test_patterns_that_leave_the_sidecars_out_do_not_open_the_documents(place: Place) -> None:
    place.write("one.txt", b"one")
    place.write("one.txt.wellread.yaml", b"acl: [staff]")
    found = place.listed(access=SIDECAR, include=("*.txt",), exclude=("*.yaml",))
    assert {key: item.acl for key, item in found.items()} == {"one.txt": ("staff",)}


def test_a_document_without_a_list_can_be_hidden(place: Place) -> None:
    place.write("one.txt", b"one")
    place.write("two.txt", b"two")
    place.write("two.txt.wellread.yaml", b"metadata: {year: 2021}")
    found = place.listed(access=AccessRules("sidecar", missing="hide"))
    assert {item.acl for item in found.values()} == {NOBODY}
    assert {item.access_problem for item in found.values()} == {None}


@pytest.mark.parametrize(
    "content",
    [
        b"acl: [staff",
        b"acl: staff",
        b"acl: [1]",
        b"acl: ['!nobody']",
        b"acl: ['']",
        b"",
        b"acls: [staff]",
        b"\xff\xfe",
        b"- staff",
        b"acl: [staff]\nmetadata: {a: [1]}",
        b"acl: [staff]" + b" " * 70_000,
    ],
)
def test_a_malformed_sidecar_opens_nothing(place: Place, content: bytes) -> None:
    place.write("one.txt", b"one")
    place.write("one.txt.wellread.yaml", content)
    item = place.listed(access=SIDECAR)["one.txt"]
    assert item.acl == NOBODY
    assert item.access_problem is not None
    assert "one.txt.wellread.yaml" in item.access_problem


def test_an_empty_list_is_nobody(place: Place) -> None:
    place.write("one.txt", b"one")
    place.write("one.txt.wellread.yaml", b"acl: []")
    item = place.listed(access=SIDECAR)["one.txt"]
    assert (item.acl, item.access_problem) == (NOBODY, None)


def test_without_rules_a_sidecar_is_a_file_like_others(place: Place) -> None:
    place.write("one.txt.wellread.yaml", b"acl: [staff]")
    assert list(place.listed()) == ["one.txt.wellread.yaml"]


def test_a_sidecar_that_is_a_link_is_not_taken_for_none(tmp_path: Path) -> None:
    place = _folder(tmp_path / "docs")
    place.write("one.txt", b"one")
    (tmp_path / "list.yaml").write_bytes(b"acl: ['*']")
    (tmp_path / "docs/one.txt.wellread.yaml").symlink_to(tmp_path / "list.yaml")
    item = place.listed(access=SIDECAR)["one.txt"]
    assert item.acl == NOBODY
    assert item.access_problem is not None


@pytest.mark.parametrize("kind", ["tag", "metadata"])
def test_access_from_tags_and_metadata_of_s3(s3_client: Any, bucket: str, kind: Any) -> None:
    def put(key: str, value: str | None) -> None:
        more: dict[str, Any] = {}
        if value is not None:
            more = {"Tagging": f"readers={value}"} if kind == "tag" else {"Metadata": {"Readers": value}}
        s3_client.put_object(Bucket=bucket, Key=key, Body=b"x", **more)

    put("one.txt", "staff")
    put("two.txt", "!nobody" if kind == "metadata" else "")
    put("three.txt", None)
    if kind == "tag":
        tags = {"TagSet": [{"Key": "readers", "Value": "board staff"}]}
        s3_client.put_object_tagging(Bucket=bucket, Key="one.txt", Tagging=tags)
    else:
        put("one.txt", "staff, board")
    declaration = SourceDeclaration(
        id="x",
        kind="s3",
        location=f"s3://{bucket}",
        acl=("readers",),
        access=AccessRules(kind, name="readers"),
    )
    found = objects(declaration, s3_client)
    assert found["one.txt"].acl == ("board", "staff")
    assert found["two.txt"].acl == NOBODY
    assert found["three.txt"].acl == ("readers",)


def test_the_declaration_of_access_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("id: x\nkind: folder\nlocation: docs\naccess: {from: sidecar, unreadable: keep}\n")
    assert load_declaration(path).access == AccessRules("sidecar", unreadable="keep")
    for wrong in ("{from: tag}", "{from: nowhere}", "{from: sidecar, missing: open}", "{}"):
        path.write_text(f"id: x\nkind: folder\nlocation: docs\naccess: {wrong}\n")
        with pytest.raises(SettingsError):
            load_declaration(path)
    path.write_text("id: x\nkind: folder\nlocation: docs\nacl: ['!nobody']\n")
    with pytest.raises(SettingsError):
        load_declaration(path)
