"""Addresses as people write them become destinations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from wellread.answering.destinations.files import LocalFile, S3Object
from wellread.answering.destinations.protocol import Destination
from wellread.answering.destinations.settings import PublishingSettings
from wellread.answering.destinations.webhooks import Webhook
from wellread.errors import SettingsError


def open_destination(address: str, *, settings: PublishingSettings, s3_client: Callable[[], Any]) -> Destination:
    """The destination of an address: a path, ``s3://``, a database with a table, ``https://``.

    ``s3_client`` is called when an object is written. Raises ``SettingsError`` for any other scheme.
    """
    scheme, mark, rest = address.partition("://")
    if not mark:
        return LocalFile(Path(address))
    if scheme == "s3":
        bucket, _, key = rest.partition("/")
        return S3Object(bucket, key, s3_client, settings.retry)
    if scheme in {"http", "https"}:
        return Webhook(address, settings)
    # Imported here: most answers go to files.
    from wellread.answering.destinations.sql_tables import SCHEMES, SqlTable

    if scheme in SCHEMES:
        return SqlTable.of(address, retry=settings.retry)
    raise SettingsError(
        f"write answers to {scheme}://...",
        found="there is no such destination",
        remedy="Give a path, s3://bucket/key, postgresql+psycopg://...?table=name, sqlite:///file#name or https://...",
    )
