"""Who may read each document, as its source says: a side-car file, an S3 tag or a metadata field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice

import yaml

from wellread.documents import NOBODY, Acl, SourceObject
from wellread.errors import DocumentError
from wellread.runs import AccessRules
from wellread.sources.protocol import Listing, Source

SIDECAR_SUFFIX = ".wellread.yaml"
SIDECAR_PATTERN = f"*{SIDECAR_SUFFIX}"
"""Files that say something about others and are no documents."""
_MOST_BYTES = 65_536
_READ_AT_ONCE = 8
_RECENT = timedelta(hours=1)
"""More than the clocks of this machine and of the storage differ, and than a listing takes."""
_BETWEEN = re.compile(r"[,\s]+")
Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Described:
    """What a source says of one document."""

    acl: Acl | None = None
    """``None``: nothing."""
    metadata: Mapping[str, Value] = field(default_factory=dict)


Describe = Callable[[SourceObject], Described]
"""What is said of a listed object. Raises ``ValueError`` for what cannot be read, and what every source raises."""


class DescribedSource:
    """A source whose documents carry access lists of their own."""

    def __init__(self, source: Source, rules: AccessRules, prepare: Callable[[], Describe]) -> None:
        """``prepare`` is called once for each listing."""
        self._source = source
        self._rules = rules
        self._prepare = prepare

    def list_objects(self) -> Listing:
        """The listing, each object with its own access list, or with why it cannot be read."""
        describe = self._prepare()
        listing = self._source.list_objects()
        listing.objects = self._described(listing.objects, describe)
        return listing

    def fetch(self, natural_key: str, *, version_token: str | None = None) -> bytes | None:
        """As the source does."""
        return self._source.fetch(natural_key, version_token=version_token)

    def exists(self, natural_key: str) -> bool:
        """As the source does."""
        return self._source.exists(natural_key)

    def close(self) -> None:
        """As the source does."""
        self._source.close()

    def _described(self, objects: Iterator[SourceObject], describe: Describe) -> Iterator[SourceObject]:
        with ThreadPoolExecutor(max_workers=_READ_AT_ONCE, thread_name_prefix="access") as pool:
            while part := list(islice(objects, _READ_AT_ONCE * 8)):
                yield from pool.map(lambda item: self._one(item, describe), part)

    def _one(self, item: SourceObject, describe: Describe) -> SourceObject:
        try:
            said = describe(item)
        except DocumentError as error:
            return replace(item, acl=NOBODY, access_problem=error.found)
        except ValueError as error:
            return replace(item, acl=NOBODY, access_problem=str(error))
        acl = said.acl
        if acl is None:
            acl = item.acl if self._rules.missing == "default" else NOBODY
        return replace(item, acl=acl, metadata={**item.metadata, **said.metadata})


def sidecars_by_listing(source: Source) -> Callable[[], Describe]:
    """Of a source that lists only side-cars: they are listed once and read one by one. Meant for S3."""

    def prepare() -> Describe:
        recently = datetime.now(UTC) - _RECENT
        listing = source.list_objects()
        known = {item.natural_key for item in listing.objects}
        problem = (
            None if listing.is_complete else "the side-cars could not all be listed: " + "; ".join(listing.problems)
        )

        def describe(item: SourceObject) -> Described:
            name = item.natural_key + SIDECAR_SUFFIX
            if name in known:
                return read_sidecar(name, source.fetch(name))
            if problem is not None:
                raise ValueError(problem)
            # Both may have been written after the side-cars were listed: then the new document is asked about.
            content = source.fetch(name) if item.modified_at > recently else None
            return Described() if content is None else read_sidecar(name, content)

        return describe

    return prepare


def sidecars_by_name(source: Source, has_name: Callable[[str], bool]) -> Callable[[], Describe]:
    """Of a source where asking for one name costs little: a folder. ``has_name``: whatever stands there."""

    def describe(item: SourceObject) -> Described:
        name = item.natural_key + SIDECAR_SUFFIX
        if has_name(name):
            return read_sidecar(name, source.fetch(name))
        if not has_name(item.natural_key):
            raise ValueError("it had vanished when its side-car was asked for")
        return Described()

    return lambda: describe


def read_sidecar(name: str, content: bytes | None) -> Described:
    """What a side-car says: ``acl``, a list of groups, and ``metadata``, a mapping of names to plain values.

    An empty list of groups means nobody. Raises ``ValueError`` that says what is wrong.
    """
    if content is None:
        raise ValueError(f"{name} is there and is no file that may be read")
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{name} has more than {_MOST_BYTES} bytes")
    try:
        value = yaml.safe_load(content.decode("utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not valid YAML in UTF-8: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(value, dict) or not value or not value.keys() <= {"acl", "metadata"}:
        raise ValueError(f"{name} must hold `acl`, `metadata` or both, and nothing else")
    acl = _groups(name, value["acl"]) if "acl" in value else None
    return Described(acl, _metadata(name, value.get("metadata", {})))


def read_value(text: str) -> Described:
    """What a tag or metadata field says: groups with spaces or commas between. Raises ``ValueError``."""
    return Described(_groups("its value", [name for name in _BETWEEN.split(text) if name]))


def _groups(name: str, value: object) -> Acl:
    is_list = isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value)
    if not isinstance(value, list) or not is_list or any(one.startswith("!") for one in value):
        raise ValueError(f"{name}: acl must be a list of group names, and none begins with !")
    return tuple(sorted({one.strip() for one in value})) or NOBODY


def _metadata(name: str, value: object) -> Mapping[str, Value]:
    fits = isinstance(value, dict) and all(
        isinstance(key, str) and isinstance(one, str | int | float | bool) for key, one in value.items()
    )
    if not isinstance(value, dict) or not fits:
        raise ValueError(f"{name}: metadata must map names to texts, numbers or true and false")
    return value
