"""From a declaration to the source that it declares."""

from __future__ import annotations

from typing import Any

from wellread.runs import SourceDeclaration
from wellread.sources.local_folder import LocalFolderSource
from wellread.sources.protocol import Source
from wellread.sources.s3_bucket import S3Source
from wellread.sources.s3_client import build_s3_client
from wellread.sources.settings import SourceSettings


def open_source(
    declaration: SourceDeclaration,
    *,
    s3_client: Any = None,
    settings: SourceSettings | None = None,
) -> Source:
    """The source of a declaration. Nothing is read yet.

    ``s3_client``: for kind ``s3``, a shared client with the credentials of the declaration's connection; without
    it one is built with the environment's credentials. Raises ``SettingsError`` for a malformed endpoint.
    """
    if declaration.kind == "folder":
        return LocalFolderSource(declaration, settings=settings)
    client = s3_client or build_s3_client(endpoint_url=declaration.endpoint_url, settings=settings)
    return S3Source(declaration, client=client, settings=settings)
