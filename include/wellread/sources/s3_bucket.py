"""An S3 bucket, or a folder in one, as a source."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from wellread.documents import SourceObject
from wellread.errors import AuthenticationError, DocumentError, SourceUnavailableError, TransientError
from wellread.runs import SourceDeclaration
from wellread.sources.file_reading import too_large
from wellread.sources.globs import PathRules
from wellread.sources.keys import assert_sorted
from wellread.sources.protocol import Listing
from wellread.sources.s3_client import ObjectGoneError, typed_s3_errors
from wellread.sources.settings import SourceSettings

VERSION_MARK = "version:"
"""Before a version id in a version token, which may be an ETag with a size too."""
_VANISHED = "it had vanished when it was asked who may read it"
UNVERSIONED = "null"
"""The id of what was written before the bucket kept versions; it can be overwritten."""


class S3Source:
    """Objects below ``s3://bucket/prefix``, in S3's order, which is that of their keys' UTF-8 bytes.

    A natural key is the whole object key. The prefix is a folder: ``docs`` holds ``docs/a`` and not
    ``docs-old/a``. Patterns are matched against the key below the prefix. Where the bucket keeps versions, the
    version id is the version token, and that version is read, whatever was written since the listing.
    """

    def __init__(
        self,
        declaration: SourceDeclaration,
        *,
        client: Any,
        settings: SourceSettings | None = None,
    ) -> None:
        """``client`` comes from ``build_s3_client`` and stays the caller's to close."""
        self._declaration = declaration
        self._client = client
        self._settings = settings or SourceSettings()
        bucket, _, prefix = declaration.location.removeprefix("s3://").partition("/")
        self._bucket = bucket
        self._prefix = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
        self._rules = PathRules(include=declaration.include, exclude=declaration.exclude)

    def list_objects(self) -> Listing:
        """Stream the listing, page by page.

        Raises ``SourceUnavailableError`` without the bucket or where the order breaks, ``AuthenticationError``,
        ``TransientError``: the first of them here, the others while the listing is read.
        """
        pages = self._pages()
        first = next(pages)
        listing = Listing(objects=iter(()))
        listing.objects = assert_sorted(self._objects(itertools.chain([first], pages), listing))
        return listing

    def fetch(self, natural_key: str, *, version_token: str | None = None) -> bytes | None:
        """The object's bytes, of one version as S3 guarantees, or ``None`` if it is gone.

        With a version id as token, of that version: what was overwritten or deleted since is still there.

        Raises ``TransientError``, ``AuthenticationError``, ``SourceUnavailableError``, ``DocumentError`` (stage
        ``fetch``; ``too_large``, ``unreadable``, ``archived``).
        """
        asked = f"to read {self._name(natural_key)}"
        max_bytes = self._settings.max_object_bytes
        is_version = (version_token or "").startswith(VERSION_MARK)
        version = {"VersionId": (version_token or "").removeprefix(VERSION_MARK)} if is_version else {}
        try:
            with typed_s3_errors(asked, natural_key=natural_key):
                answer = self._client.get_object(Bucket=self._bucket, Key=natural_key, **version)
                with answer["Body"] as body:
                    if answer["ContentLength"] > max_bytes:
                        raise too_large(natural_key, max_bytes=max_bytes)
                    content: bytes = body.read()
        except ObjectGoneError:
            return None
        if len(content) != answer["ContentLength"]:
            raise TransientError(
                asked,
                found=f"{len(content)} bytes of {answer['ContentLength']}",
                remedy="The connection was cut; it is tried again",
            )
        return content

    def exists(self, natural_key: str) -> bool:
        """Whether the object is there now and the declaration's rules would still list it.

        Raises ``SourceUnavailableError`` without the bucket, ``AuthenticationError`` when one may not look,
        ``TransientError``.
        """
        if not self._wants(natural_key):
            return False
        asked = f"to look whether {self._name(natural_key)} still exists"
        try:
            with typed_s3_errors(asked, natural_key=natural_key):
                self._client.head_object(Bucket=self._bucket, Key=natural_key)
        except ObjectGoneError:
            self._require_bucket()  # a missing bucket gives the same bare 404
            return False
        except DocumentError as error:
            raise AuthenticationError(asked, found=error.found, remedy=error.remedy) from error
        return True

    def read_tag(self, natural_key: str, name: str) -> str | None:
        """The value of one of the object's tags now; ``None`` without it.

        Raises as ``fetch`` does; ``DocumentError`` where the tags may not be read, ``ValueError`` where the object
        is gone: nothing is known of who may read it.
        """
        try:
            with typed_s3_errors(f"the tags of {self._name(natural_key)}", natural_key=natural_key):
                answer = self._client.get_object_tagging(Bucket=self._bucket, Key=natural_key)
        except ObjectGoneError as error:
            raise ValueError(_VANISHED) from error
        return next((tag["Value"] for tag in answer["TagSet"] if tag["Key"] == name), None)

    def read_metadata(self, natural_key: str, name: str) -> str | None:
        """The value of one of the object's own metadata fields now (``x-amz-meta-NAME``); as :meth:`read_tag`."""
        try:
            with typed_s3_errors(f"the metadata of {self._name(natural_key)}", natural_key=natural_key):
                answer = self._client.head_object(Bucket=self._bucket, Key=natural_key)
        except ObjectGoneError as error:
            raise ValueError(_VANISHED) from error
        found: dict[str, str] = answer["Metadata"]
        return found.get(name.lower())

    def close(self) -> None:
        """The client is shared: its owner closes it."""

    def _objects(self, pages: Iterator[list[dict[str, Any]]], listing: Listing) -> Iterator[SourceObject]:
        for entries in pages:
            for entry in entries:
                item = self._object(entry, listing)
                if item is not None:
                    yield item
        listing.is_complete = not listing.problems

    def _pages(self) -> Iterator[list[dict[str, Any]]]:
        """The newest objects, page by page: with their version ids where the bucket keeps versions."""
        versioned = self._settings.s3_version_ids and self._keeps_versions()
        call = self._client.list_object_versions if versioned else self._client.list_objects_v2
        markers: dict[str, str] = {}
        while True:
            with typed_s3_errors(f"to list {self._name(self._prefix)} of source {self._declaration.id!r}"):
                page: dict[str, Any] = call(
                    Bucket=self._bucket, Prefix=self._prefix, MaxKeys=self._settings.s3_keys_per_page, **markers
                )
            following = _markers(page, versioned=versioned)
            if page["IsTruncated"] and (not following or following == markers):
                raise SourceUnavailableError(
                    f"to list {self._name(self._prefix)}",
                    found="a page says that more follow, but not how to get them",
                    remedy="Report the storage product: its paging is not S3's; nothing was changed",
                )
            newest = [entry for entry in page.get("Versions", ()) if entry["IsLatest"]]
            yield newest if versioned else list(page.get("Contents", ()))
            if not page["IsTruncated"]:
                return
            markers = following

    def _keeps_versions(self) -> bool:
        """Whether the bucket keeps versions, and lists them to us: it is no fault where it does not."""
        asked = f"whether the bucket {self._bucket} keeps versions"
        try:
            with typed_s3_errors(asked, natural_key=""):
                if self._client.get_bucket_versioning(Bucket=self._bucket).get("Status") != "Enabled":
                    return False
                self._client.list_object_versions(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
        except (ObjectGoneError, DocumentError):  # refused, or a product that does not know the question
            return False
        return True

    def _object(self, entry: dict[str, Any], listing: Listing) -> SourceObject | None:
        key: str = entry["Key"]
        reason = self._reason_to_skip(key)
        if reason is not None:
            listing.skipped[reason] = listing.skipped.get(reason, 0) + 1
            return None
        return SourceObject(
            natural_key=key,
            version_token=_token(entry),
            size_bytes=entry["Size"],
            modified_at=entry["LastModified"].astimezone(UTC),
            acl=self._declaration.acl,
        )

    def _reason_to_skip(self, key: str) -> str | None:
        if key.endswith("/"):
            return "folder_marker"
        if "\x00" in key:
            return "unstorable_key"  # Postgres holds no NUL
        return None if self._wants(key) else "excluded"

    def _wants(self, key: str) -> bool:
        return key.startswith(self._prefix) and self._rules.wants(key[len(self._prefix) :])

    def _require_bucket(self) -> None:
        asked = f"the bucket {self._bucket} of source {self._declaration.id!r}"
        try:
            with typed_s3_errors(asked, natural_key=""):
                self._client.head_bucket(Bucket=self._bucket)
        except ObjectGoneError as error:
            raise SourceUnavailableError(
                asked, found="there is no such bucket", remedy="Check its name, region and endpoint"
            ) from error
        except DocumentError as error:
            raise AuthenticationError(asked, found=error.found, remedy=error.remedy) from error

    def _name(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"


def _token(entry: dict[str, Any]) -> str | None:
    version_id = entry.get("VersionId", UNVERSIONED)
    if version_id != UNVERSIONED:
        return f"{VERSION_MARK}{version_id}"
    etag = entry.get("ETag", "").strip('"')
    return f"{etag}-{entry['Size']}" if etag else None


def _markers(page: dict[str, Any], *, versioned: bool) -> dict[str, str]:
    """What asks for the page behind this one."""
    if not versioned:
        token = page.get("NextContinuationToken")
        return {"ContinuationToken": token} if token else {}
    found = {"KeyMarker": page.get("NextKeyMarker"), "VersionIdMarker": page.get("NextVersionIdMarker")}
    return {name: marker for name, marker in found.items() if marker}
