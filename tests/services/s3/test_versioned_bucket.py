"""A bucket that keeps versions: the version id is the token, and the listed version is the one that is read."""

from __future__ import annotations

from typing import Any

import pytest

from wellread.documents import SourceObject
from wellread.runs import SourceDeclaration
from wellread.sources.opening import open_source
from wellread.sources.settings import SourceSettings


@pytest.fixture
def versioned(s3_client: Any, bucket: str) -> str:
    s3_client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def _source(client: Any, bucket: str, **settings: Any) -> Any:
    declaration = SourceDeclaration(id="bucket", kind="s3", location=f"s3://{bucket}")
    return open_source(declaration, s3_client=client, settings=SourceSettings(**settings))


def _listed(source: Any) -> list[SourceObject]:
    listing = source.list_objects()
    objects = list(listing.objects)
    assert listing.is_complete
    return objects


def _write(client: Any, bucket: str, key: str, text: str) -> str:
    return str(client.put_object(Bucket=bucket, Key=key, Body=text.encode())["VersionId"])


def test_the_version_id_is_the_token_and_the_listed_version_is_read(s3_client: Any, versioned: str) -> None:
    first = _write(s3_client, versioned, "a.txt", "the first version")
    source = _source(s3_client, versioned)
    (before,) = _listed(source)
    assert before.version_token == f"version:{first}"
    second = _write(s3_client, versioned, "a.txt", "the second version, written after the listing")
    assert source.fetch("a.txt", version_token=before.version_token) == b"the first version"
    (after,) = _listed(source)
    assert after.version_token == f"version:{second}"
    assert after.size_bytes == len("the second version, written after the listing")
    s3_client.delete_object(Bucket=versioned, Key="a.txt")
    assert source.fetch("a.txt", version_token=after.version_token) is not None
    assert source.fetch("a.txt") is None
    assert not source.exists("a.txt")
    assert _listed(source) == []


def test_a_version_that_was_removed_for_good_is_gone(s3_client: Any, versioned: str) -> None:
    version_id = _write(s3_client, versioned, "a.txt", "soon gone")
    source = _source(s3_client, versioned)
    (listed,) = _listed(source)
    s3_client.delete_object(Bucket=versioned, Key="a.txt", VersionId=version_id)
    assert source.fetch("a.txt", version_token=listed.version_token) is None


def test_only_the_newest_versions_are_listed_over_all_pages_in_order(s3_client: Any, versioned: str) -> None:
    keys = [f"docs/{number:02}.txt" for number in range(12)]
    for turn in range(3):
        for key in keys:
            _write(s3_client, versioned, key, f"turn {turn} of {key}")
    s3_client.delete_object(Bucket=versioned, Key=keys[5])
    source = _source(s3_client, versioned, s3_keys_per_page=7)
    objects = _listed(source)
    assert [item.natural_key for item in objects] == [key for key in keys if key != keys[5]]
    for item in objects:
        content = source.fetch(item.natural_key, version_token=item.version_token)
        assert content == f"turn 2 of {item.natural_key}".encode()


def test_what_was_there_before_versioning_is_compared_by_its_etag(s3_client: Any, bucket: str) -> None:
    s3_client.put_object(Bucket=bucket, Key="old.txt", Body=b"older than versioning")
    (before,) = _listed(_source(s3_client, bucket))
    s3_client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    _write(s3_client, bucket, "new.txt", "newer")
    old, new = sorted(_listed(_source(s3_client, bucket)), key=lambda item: item.natural_key, reverse=True)
    assert old.version_token == before.version_token
    assert (new.version_token or "").startswith("version:")
    assert _source(s3_client, bucket).fetch("old.txt", version_token=old.version_token) == b"older than versioning"


def test_switched_off_etags_are_compared(s3_client: Any, versioned: str) -> None:
    _write(s3_client, versioned, "a.txt", "text")
    (listed,) = _listed(_source(s3_client, versioned, s3_version_ids=False))
    assert not (listed.version_token or "version:").startswith("version:")
