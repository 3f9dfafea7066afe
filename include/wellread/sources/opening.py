"""From a declaration to the source that it declares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wellread.documents import SourceObject
from wellread.errors import SettingsError
from wellread.runs import AccessRules, SourceDeclaration
from wellread.sources.access_lists import (
    SIDECAR_PATTERN,
    Described,
    DescribedSource,
    read_value,
    sidecars_by_listing,
    sidecars_by_name,
)
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
    it one is built with the environment's credentials. Raises ``SettingsError`` for a malformed endpoint,
    and for tags of a folder.
    """
    if declaration.kind == "s3" and s3_client is None:
        s3_client = build_s3_client(endpoint_url=declaration.endpoint_url, settings=settings)
    rules = declaration.access
    if rules is None:
        return _plain(declaration, s3_client, settings)
    documents = replace(declaration, exclude=(*declaration.exclude, SIDECAR_PATTERN))
    return _with_access(rules, documents, s3_client, settings)


def _plain(declaration: SourceDeclaration, s3_client: Any, settings: SourceSettings | None) -> Source:
    if declaration.kind == "folder":
        return LocalFolderSource(declaration, settings=settings)
    return S3Source(declaration, client=s3_client, settings=settings)


def _with_access(
    rules: AccessRules, declaration: SourceDeclaration, s3_client: Any, settings: SourceSettings | None
) -> Source:
    source = _plain(declaration, s3_client, settings)
    if rules.read_from != "sidecar":
        if not isinstance(source, S3Source):
            raise SettingsError(
                f"read access of the source {declaration.id!r} from a {rules.read_from}",
                found="files of a folder have none",
                remedy="Write `access: {from: sidecar}`.",
            )
        read = source.read_tag if rules.read_from == "tag" else source.read_metadata

        def describe(item: SourceObject) -> Described:
            value = read(item.natural_key, rules.name)
            return Described() if value is None else read_value(value)

        return DescribedSource(source, rules, lambda: describe)
    # Whatever documents are included or left out, what is said about them is read.
    sidecars = _plain(replace(declaration, include=(SIDECAR_PATTERN,), exclude=()), s3_client, settings)
    if isinstance(sidecars, LocalFolderSource):
        return DescribedSource(source, rules, sidecars_by_name(sidecars, sidecars.has_name))
    return DescribedSource(source, rules, sidecars_by_listing(sidecars))
