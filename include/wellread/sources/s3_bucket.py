"""An S3 bucket, or a folder in one, as a source."""

from __future__ import annotations

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


class S3Source:
    """Objects below ``s3://bucket/prefix``, in S3's order, which is that of their keys' UTF-8 bytes.

    A natural key is the whole object key. The prefix is a folder: ``docs`` holds ``docs/a`` and not
    ``docs-old/a``. Patterns are matched against the key below the prefix.
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
        first = self._page(None)
        listing = Listing(objects=iter(()))
        listing.objects = assert_sorted(self._objects(first, listing))
        return listing

    def fetch(self, natural_key: str) -> bytes | None:
        """The object's bytes, of one version as S3 guarantees, or ``None`` if it is gone.

        Raises ``TransientError``, ``AuthenticationError``, ``SourceUnavailableError``, ``DocumentError`` (stage
        ``fetch``; ``too_large``, ``unreadable``, ``archived``).
        """
        asked = f"to read {self._name(natural_key)}"
        max_bytes = self._settings.max_object_bytes
        try:
            with typed_s3_errors(asked, natural_key=natural_key):
                answer = self._client.get_object(Bucket=self._bucket, Key=natural_key)
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

    def close(self) -> None:
        """The client is shared: its owner closes it."""

    def _objects(self, page: dict[str, Any], listing: Listing) -> Iterator[SourceObject]:
        while True:
            for entry in page.get("Contents", ()):
                item = self._object(entry, listing)
                if item is not None:
                    yield item
            if not page["IsTruncated"]:
                break
            page = self._page(page["NextContinuationToken"])
        listing.is_complete = not listing.problems

    def _page(self, token: str | None) -> dict[str, Any]:
        options = {"ContinuationToken": token} if token else {}
        with typed_s3_errors(f"to list {self._name(self._prefix)} of source {self._declaration.id!r}"):
            page: dict[str, Any] = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=self._prefix, MaxKeys=self._settings.s3_keys_per_page, **options
            )
        if page["IsTruncated"] and page.get("NextContinuationToken") in {None, token}:
            raise SourceUnavailableError(
                f"to list {self._name(self._prefix)}",
                found="a page says that more follow, but not how to get them",
                remedy="Report the storage product: its paging is not S3's; nothing was changed",
            )
        return page

    def _object(self, entry: dict[str, Any], listing: Listing) -> SourceObject | None:
        key: str = entry["Key"]
        reason = self._reason_to_skip(key)
        if reason is not None:
            listing.skipped[reason] = listing.skipped.get(reason, 0) + 1
            return None
        etag = entry.get("ETag", "").strip('"')
        return SourceObject(
            natural_key=key,
            version_token=f"{etag}-{entry['Size']}" if etag else None,
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
