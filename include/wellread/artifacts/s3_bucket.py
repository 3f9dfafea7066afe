"""Artifacts in an S3 bucket: one compressed object a blob."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wellread.artifacts.references import (
    blob_path,
    compress,
    decompress_verified,
    missing,
    reference_at,
    reference_of,
)
from wellread.errors import AuthenticationError, StorageFullError, SystemicError, TransientError, WellreadError

_GONE = {"NoSuchKey", "404", "NotFound"}
_FULL = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "EntityTooLarge"}
_THROTTLED = {"SlowDown", "Throttling", "ThrottlingException", "RequestTimeout"}


class S3Artifacts:
    """An ``ArtifactStore`` in S3 or anything that speaks it. Safe for many writers: names follow from content."""

    def __init__(self, client: Any, *, bucket: str, prefix: str = "") -> None:
        """``client`` is a boto3 S3 client whose own retries are off; it stays the caller's to close."""
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def put(self, kind: str, content: bytes) -> str:
        """Store bytes and return their reference; S3 shows the whole object or none.

        It is written again even if it is there: that costs one request, as a look would, and heals damage.
        Raises ``StorageFullError``, ``AuthenticationError``, ``TransientError``, ``SystemicError``.
        """
        reference = reference_of(kind, content)
        with _typed_errors(f"to store the artifact {self.uri(reference)}"):
            self._client.put_object(Bucket=self._bucket, Key=self._key(reference), Body=compress(content))
        return reference

    def get(self, reference: str) -> bytes:
        """The bytes again, hash verified. Raises ``SystemicError`` when missing or damaged."""
        where = self.uri(reference)
        try:
            with _typed_errors(f"to read the artifact {where}"):
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key(reference))
                with answer["Body"] as body:
                    stored: bytes = body.read()
        except _GoneError as error:
            raise missing(reference, where) from error
        return decompress_verified(reference, stored, where=where)

    def exists(self, reference: str) -> bool:
        """Whether the blob is there. It is not read."""
        try:
            with _typed_errors(f"to look for the artifact {self.uri(reference)}"):
                self._client.head_object(Bucket=self._bucket, Key=self._key(reference))
        except _GoneError:
            return False
        return True

    def delete(self, reference: str) -> None:
        """Remove a blob; one that is gone is no error."""
        with _typed_errors(f"to delete the artifact {self.uri(reference)}"):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(reference))

    def references(self) -> Iterator[str]:
        """Every blob that is there, in the order of keys; one request for each 1,000."""
        with _typed_errors(f"to list the artifacts in s3://{self._bucket}/{self._prefix}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            for page in pages:
                for item in page.get("Contents", ()):
                    reference = reference_at(item["Key"].removeprefix(self._prefix))
                    if reference is not None:
                        yield reference

    def uri(self, reference: str) -> str:
        """``s3://bucket/…``."""
        return f"s3://{self._bucket}/{self._key(reference)}"

    def _key(self, reference: str) -> str:
        return self._prefix + blob_path(reference)


class _GoneError(Exception):
    """The object asked for is not there."""


@contextmanager
def _typed_errors(asked: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        raise _from_answer(error.response, asked) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise _refused(asked, str(error)) from error
    except (BotoCoreError, HTTPError, OSError) as error:
        found = f"{type(error).__name__}: {error}"
        raise TransientError(
            asked, found=found, remedy="It is tried again; if it stays, check the endpoint"
        ) from error


def _from_answer(response: dict[str, Any], asked: str) -> Exception:
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    found = f"{code} ({status}): {response.get('Error', {}).get('Message', '')}"
    if code in _GONE:
        return _GoneError(asked)
    if code in _FULL or status == 507:
        return StorageFullError(
            asked, found=found, remedy="Free space in the bucket or raise its quota, then run again"
        )
    if code in _THROTTLED or status in {408, 429} or status >= 500:
        return TransientError(asked, found=found, remedy="It is tried again later")
    if status in {401, 403}:
        return _refused(asked, found)
    return SystemicError(
        asked, found=found, remedy="Check the bucket of the artifact store: name, region, endpoint"
    )


def _refused(asked: str, found: str) -> WellreadError:
    return AuthenticationError(
        asked, found=found, remedy="Check the access key and that it may read and write there"
    )
