"""A folder of files as a source."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from wellread.documents import SourceObject
from wellread.errors import DocumentError, SourceUnavailableError, TransientError, WellreadError
from wellread.runs import SourceDeclaration
from wellread.sources.file_reading import read_consistent
from wellread.sources.globs import PathRules
from wellread.sources.keys import escape_name, unescape_name
from wellread.sources.protocol import Listing
from wellread.sources.settings import SourceSettings

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_EntryKind = Literal["file", "folder", "link", "link_outside", "special"]
_FolderIdentity = tuple[int, int]


@dataclass(slots=True)
class _OpenFolder:
    """A folder on the walk's stack: one folder's names are in memory, not the tree's."""

    prefix: str
    """Its key with a slash at the end; empty for the root."""
    identity: _FolderIdentity
    waiting: list[str]
    """Names still to visit, last first; folders with a slash at the end."""


class LocalFolderSource:
    """Files below one folder, listed in the order of their keys' UTF-8 bytes.

    A natural key is the path relative to the folder, with ``/``, escaped as :mod:`wellread.sources.keys` says.
    """

    def __init__(self, declaration: SourceDeclaration, *, settings: SourceSettings | None = None) -> None:
        """Reads nothing yet; a folder that is missing is reported when it is listed."""
        self._declaration = declaration
        self._settings = settings or SourceSettings()
        self._root = str(Path(declaration.location).expanduser().absolute())
        self._rules = PathRules(include=declaration.include, exclude=declaration.exclude)

    def list_objects(self) -> Listing:
        """Stream the listing. Raises ``SourceUnavailableError`` when the folder is missing or unreadable.

        A subfolder that cannot be read is named in ``problems`` and leaves the listing incomplete. A file that
        vanishes while the listing runs is left out.
        """
        root = self._open_root()
        listing = Listing(objects=iter(()))
        listing.objects = self._walk(root, listing)
        return listing

    def fetch(self, natural_key: str, *, version_token: str | None = None) -> bytes | None:  # noqa: ARG002
        """One consistent version of the file's bytes, or ``None`` if it is gone (or no longer a regular file).

        Raises ``TransientError`` when it changes faster than it is read or the disk fails, ``DocumentError``
        (stage ``fetch``; causes ``too_large``, ``unreadable``, ``bad_key``) for this one file.
        """
        path = self._path(natural_key)
        if not self._is_within_rules(path):
            return None
        return read_consistent(
            path,
            natural_key,
            max_bytes=self._settings.max_object_bytes,
            attempts_count=self._settings.read_attempts_count,
            follow_symlinks=self._declaration.follow_symlinks,
        )

    def exists(self, natural_key: str) -> bool:
        """Whether the file is there now and the declaration's rules would still list it.

        Raises ``SourceUnavailableError`` when the whole folder is away, ``TransientError`` when one cannot tell.
        """
        self._open_root()
        path = self._path(natural_key)
        if not self._rules.wants(natural_key) or self._is_hidden(natural_key):
            return False
        try:
            is_file = stat.S_ISREG(Path(path).stat().st_mode)
        except OSError as error:
            if error.errno in _GONE:
                return False
            raise TransientError(
                f"to look whether {natural_key!r} still exists",
                found=f"{type(error).__name__}: {error.strerror}",
                remedy="Give this user read access to the folder, then run again: nothing is deleted before",
            ) from error
        return is_file and self._is_within_rules(path)

    def has_name(self, natural_key: str) -> bool:
        """Whether anything at all stands there now, a link or a file that one may not read too.

        Raises ``TransientError`` when one cannot tell.
        """
        path = self._path(natural_key)
        try:
            os.lstat(path)
        except OSError as error:
            if error.errno in {*_GONE, errno.ENAMETOOLONG}:
                return False
            raise TransientError(
                f"to look whether there is {natural_key!r}",
                found=f"{type(error).__name__}: {error.strerror}",
                remedy="Give this user read access to the folder, then run again",
            ) from error
        return True

    def close(self) -> None:
        """Nothing is held open."""

    # -- the walk ---------------------------------------------------------------------------------------------

    def _open_root(self) -> _OpenFolder:
        try:
            found = Path(self._root).stat()
            if not stat.S_ISDIR(found.st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "it is not a folder", self._root)
            os.scandir(self._root).close()
        except OSError as error:
            raise self._unavailable(error) from error
        return _OpenFolder("", (found.st_dev, found.st_ino), [])

    def _unavailable(self, error: OSError) -> SourceUnavailableError:
        return SourceUnavailableError(
            f"the folder {self._root} of source {self._declaration.id!r}",
            found=f"{type(error).__name__}: {error.strerror}",
            remedy="Check the location and that it is mounted and readable; nothing was deleted",
        )

    def _walk(self, root: _OpenFolder, listing: Listing) -> Iterator[SourceObject]:
        try:
            self._read_folder(root, listing)
        except OSError as error:
            raise self._unavailable(error) from error
        stack = [root]
        while stack:
            folder = stack[-1]
            if not folder.waiting:
                stack.pop()
                continue
            name = folder.waiting.pop()
            if name.endswith("/"):
                child = self._descend(folder.prefix + name, stack, listing)
                if child is not None:
                    stack.append(child)
            elif (item := self._object(folder.prefix + name, listing)) is not None:
                yield item
        self._finish(root, listing)

    def _finish(self, root: _OpenFolder, listing: Listing) -> None:
        if self._open_root().identity != root.identity:
            listing.problems.append("the source's folder was replaced or unmounted while it was listed")
        listing.is_complete = not listing.problems

    def _descend(self, key: str, stack: list[_OpenFolder], listing: Listing) -> _OpenFolder | None:
        path = self._path(key)
        try:
            found = Path(path).stat()
            child = _OpenFolder(key, (found.st_dev, found.st_ino), [])
            if any(child.identity == folder.identity for folder in stack):
                _count(listing, "link_loop")
                return None
            self._read_folder(child, listing)
        except OSError as error:
            listing.problems.append(f"{key}: {type(error).__name__}: {error.strerror}")
            return None
        return child

    def _read_folder(self, folder: _OpenFolder, listing: Listing) -> None:
        """Fill ``waiting``. A folder's name sorts with its slash, so that whole keys come out in order."""
        names = []
        with os.scandir(self._path(folder.prefix)) as entries:
            for entry in entries:
                name = self._listed_name(folder.prefix, entry, listing)
                if name is not None:
                    names.append(name)
        names.sort(key=str.encode, reverse=True)
        folder.waiting = names

    def _listed_name(self, prefix: str, entry: os.DirEntry[str], listing: Listing) -> str | None:
        name = escape_name(entry.name)
        kind = self._entry_kind(entry)
        skip: str | None = None
        if not self._declaration.hidden_files and entry.name.startswith("."):
            skip = "hidden"
        elif kind not in {"file", "folder"}:
            skip = kind
        elif kind == "folder":
            skip = "excluded" if self._rules.prunes(prefix + name) else None
            name += "/"
        elif not self._rules.wants(prefix + name):
            skip = "excluded"
        if skip is not None:
            _count(listing, skip)
            return None
        return name

    def _entry_kind(self, entry: os.DirEntry[str]) -> _EntryKind:
        if entry.is_symlink():
            if not self._declaration.follow_symlinks:
                return "link"
            if not self._is_inside(os.path.realpath(entry.path)):
                return "link_outside"
        if entry.is_dir():
            return "folder"
        return "file" if entry.is_file() else "special"

    def _object(self, key: str, listing: Listing) -> SourceObject | None:
        path = self._path(key)
        try:
            found = Path(path).stat(follow_symlinks=self._declaration.follow_symlinks)
        except OSError as error:
            if error.errno not in _GONE:
                listing.problems.append(f"{key}: {type(error).__name__}: {error.strerror}")
            return None
        if not stat.S_ISREG(found.st_mode):
            _count(listing, "special")
            return None
        return SourceObject(
            natural_key=key,
            version_token=self._version_token(found),
            size_bytes=found.st_size,
            modified_at=_utc(found.st_mtime_ns),
            acl=self._declaration.acl,
        )

    def _version_token(self, found: os.stat_result) -> str | None:
        """Size and both times: the change time also betrays an edit whose modification time was put back."""
        age_ns = time.time_ns() - found.st_mtime_ns
        if age_ns < self._settings.fresh_seconds * 1e9:
            return None
        return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ctime_ns}"

    # -- rules ------------------------------------------------------------------------------------------------

    def _path(self, natural_key: str) -> str:
        try:
            relative = unescape_name(natural_key)
        except ValueError as error:
            raise self._bad_key(natural_key) from error
        if relative.startswith("/") or ".." in relative.split("/"):
            raise self._bad_key(natural_key)
        return f"{self._root}/{relative}"

    def _bad_key(self, natural_key: str) -> WellreadError:
        return DocumentError(
            f"the file {natural_key!a} of source {self._declaration.id!r}",
            found="that is not a path inside the source's folder",
            remedy="Use the key that the listing gave",
            stage="fetch",
            cause="bad_key",
        )

    def _is_hidden(self, natural_key: str) -> bool:
        return not self._declaration.hidden_files and any(part.startswith(".") for part in natural_key.split("/"))

    def _is_inside(self, real_path: str) -> bool:
        if self._settings.allow_links_outside_root:
            return True
        root = os.path.realpath(self._root)
        return real_path == root or real_path.startswith(root.rstrip("/") + "/")

    def _is_within_rules(self, path: str) -> bool:
        """Whether no link leads to the file that may not be followed: links can be put in place after a listing."""
        real = os.path.realpath(path)
        if self._declaration.follow_symlinks:
            return self._is_inside(real)
        return real == os.path.realpath(self._root) + path[len(self._root) :]


def _count(listing: Listing, reason: str) -> None:
    listing.skipped[reason] = listing.skipped.get(reason, 0) + 1


def _utc(time_ns: int) -> datetime:
    seconds = min(max(time_ns // 1_000_000_000, 0), 253402300799)  # years that datetime can hold
    return datetime.fromtimestamp(seconds, tz=UTC)


def folder_location(path: Path) -> str:
    """The one spelling of a folder that is stored and compared: absolute, links resolved."""
    return str(path.expanduser().resolve())
