"""Answers as files: on this machine, or as one object of a bucket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellread.answering.destinations.protocol import Publication
from wellread.answering.files.answer_files import answers_as_bytes, require_format, write_answers
from wellread.errors import SettingsError
from wellread.retries import RetrySettings, call_with_retries
from wellread.sources.s3_client import typed_s3_errors


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that is replaced at once."""

    path: Path

    @property
    def label(self) -> str:
        """The path as given."""
        return str(self.path)

    def check(self, columns: Sequence[str]) -> None:
        """The ending and the folder."""
        del columns
        require_format(self.label)
        if not self.path.resolve().parent.is_dir() or self.path.is_dir():
            is_folder = self.path.is_dir()
            raise SettingsError(
                f"write answers to {self.path}",
                found="it is a folder" if is_folder else "its folder does not exist",
                remedy="Name a file in an existing folder.",
            )

    def publish(self, publication: Publication) -> None:
        """Write the file."""
        write_answers(publication.rows, self.path)


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object of a bucket, put at once: a reader sees the old one or the whole new one."""

    bucket: str
    key: str
    client: Callable[[], Any]
    """Gives the boto3 client when it is needed."""
    retry: RetrySettings

    @property
    def label(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"

    def check(self, columns: Sequence[str]) -> None:
        """The bucket's name, the key and its ending."""
        del columns
        require_object(self.bucket, self.key)
        require_format(self.key)

    def publish(self, publication: Publication) -> None:
        """Put the object."""
        content = answers_as_bytes(publication.rows, self.key)
        client = self.client()

        def put() -> None:
            with typed_s3_errors(f"write answers to {self.label}"):
                client.put_object(Bucket=self.bucket, Key=self.key, Body=content)

        call_with_retries(put, settings=self.retry, what="put answers")


def require_object(bucket: str, key: str) -> None:
    """Raises ``SettingsError`` for an address that names no object."""
    if not bucket or not key or key.endswith("/"):
        raise SettingsError(
            f"reach s3://{bucket}/{key}",
            found="it names no object",
            remedy="Write s3://bucket/folder/name.ext.",
        )
