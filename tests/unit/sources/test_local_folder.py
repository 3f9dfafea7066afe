"""Folders as they are found: links, pipes, bad names, missing rights, files that change meanwhile."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from wellread.documents import SourceObject
from wellread.errors import DocumentError, SourceUnavailableError, TransientError
from wellread.runs import SourceDeclaration
from wellread.sources.keys import assert_sorted
from wellread.sources.local_folder import LocalFolderSource
from wellread.sources.protocol import Listing
from wellread.sources.settings import SourceSettings


def source_of(folder: Path, *, settings: SourceSettings | None = None, **options: Any) -> LocalFolderSource:
    return LocalFolderSource(SourceDeclaration("x", "folder", str(folder), **options), settings=settings)


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"text of {name}", encoding="utf-8", errors="surrogateescape")


def drained(source: LocalFolderSource) -> tuple[list[SourceObject], Listing]:
    listing = source.list_objects()
    return list(assert_sorted(listing.objects)), listing


def keys_of(source: LocalFolderSource) -> list[str]:
    objects, listing = drained(source)
    assert listing.is_complete
    return [item.natural_key for item in objects]


def aged(path: Path, *, by_seconds: float = 100.0) -> None:
    when = time.time() - by_seconds
    os.utime(path, (when, when))


def test_whole_keys_are_in_order_although_folders_are_walked(tmp_path: Path) -> None:
    write(tmp_path, "a/b", "a-b", "a.b", "a0", "a/b.c/d", "a/b-c", "B", "é/x", "z/é")
    assert keys_of(source_of(tmp_path)) == ["B", "a-b", "a.b", "a/b", "a/b-c", "a/b.c/d", "a0", "z/é", "é/x"]


def test_hidden_files_and_folders_are_left_out_and_counted_unless_wanted(tmp_path: Path) -> None:
    write(tmp_path, ".git/config", "a/.secret", "a/b")
    objects, listing = drained(source_of(tmp_path))
    assert [item.natural_key for item in objects] == ["a/b"]
    assert listing.skipped == {"hidden": 2}
    assert not source_of(tmp_path).exists("a/.secret")
    assert keys_of(source_of(tmp_path, hidden_files=True)) == [".git/config", "a/.secret", "a/b"]


def test_patterns_choose_and_the_second_look_knows_them(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "docs/b.md", "docs/c.txt", "node_modules/x/y.md")
    source = source_of(tmp_path, include=("**/*.md",), exclude=("node_modules/**",))
    assert keys_of(source) == ["a.md", "docs/b.md"]
    assert source.exists("docs/b.md")
    assert not source.exists("docs/c.txt")


def test_an_excluded_folder_is_not_even_opened(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o000)
    write(tmp_path, "a.md")
    assert keys_of(source_of(tmp_path, exclude=("locked/**",))) == ["a.md"]


def test_composed_and_decomposed_names_are_two_files_each_under_its_own_name(tmp_path: Path) -> None:
    composed, decomposed = unicodedata.normalize("NFC", "é.txt"), unicodedata.normalize("NFD", "é.txt")
    write(tmp_path, composed, decomposed)
    source = source_of(tmp_path, include=("é*",))
    assert keys_of(source) == [decomposed, composed]
    assert source.fetch(composed) == f"text of {composed}".encode()


def test_a_name_that_is_not_utf8_has_a_storable_key_that_leads_back(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9 \\n\n.txt")).write_bytes(b"x")
    source = source_of(tmp_path)
    (key,) = keys_of(source)
    assert key == r"caf\xe9 \x5cn\x0a.txt"
    assert source.fetch(key) == b"x"
    assert source.exists(key)


def test_pipes_sockets_and_dead_links_are_skipped_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dead").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as unix_socket:
        unix_socket.bind(str(tmp_path / "sock"))
        objects, listing = drained(source_of(tmp_path, follow_symlinks=True))
    assert objects == []
    assert listing.is_complete
    assert listing.skipped == {"special": 3}
    assert source_of(tmp_path).fetch("pipe") is None


class TestLinks:
    """Links by rule."""

    def test_links_are_skipped_and_counted_without_the_setting(self, tmp_path: Path) -> None:
        write(tmp_path, "a/b")
        (tmp_path / "file-link").symlink_to("a/b")
        (tmp_path / "folder-link").symlink_to("a")
        objects, listing = drained(source_of(tmp_path))
        assert [item.natural_key for item in objects] == ["a/b"]
        assert listing.skipped == {"link": 2}
        for key in ("file-link", "folder-link/b"):
            assert source_of(tmp_path).fetch(key) is None
            assert not source_of(tmp_path).exists(key)

    def test_followed_links_are_listed_under_their_own_names_without_loops(self, tmp_path: Path) -> None:
        write(tmp_path, "a/b")
        (tmp_path / "a" / "up").symlink_to("..")
        (tmp_path / "link").symlink_to("a")
        objects, listing = drained(source_of(tmp_path, follow_symlinks=True))
        assert [item.natural_key for item in objects] == ["a/b", "link/b"]
        assert listing.is_complete
        assert listing.skipped == {"link_loop": 2}

    def test_links_out_of_the_folder_are_refused_unless_allowed(self, tmp_path: Path) -> None:
        root, outside = tmp_path / "root", tmp_path / "root-outside"
        write(outside, "secret")
        write(root, "a")
        (root / "out").symlink_to(outside)
        (root / "file-out").symlink_to(outside / "secret")
        refusing = source_of(root, follow_symlinks=True)
        objects, listing = drained(refusing)
        assert [item.natural_key for item in objects] == ["a"]
        assert listing.skipped == {"link_outside": 2}
        assert refusing.fetch("out/secret") is None
        assert not refusing.exists("file-out")
        allowing = SourceSettings(allow_links_outside_root=True)
        assert keys_of(source_of(root, follow_symlinks=True, settings=allowing)) == ["a", "file-out", "out/secret"]

    def test_a_root_that_is_a_link_is_an_ordinary_root(self, tmp_path: Path) -> None:
        write(tmp_path / "real", "a")
        (tmp_path / "link").symlink_to("real")
        source = source_of(tmp_path / "link")
        assert keys_of(source) == ["a"]
        assert source.fetch("a") == b"text of a"


@pytest.mark.parametrize("key", ["../secret", "a/../../secret", "/etc/passwd", "a\\b", "\ud800"])
def test_a_key_that_leaves_the_folder_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(DocumentError) as caught:
        source_of(tmp_path).fetch(key)
    assert caught.value.cause == "bad_key"


def test_a_missing_folder_is_unavailable_for_listing_and_second_look(tmp_path: Path) -> None:
    source = source_of(tmp_path / "gone")
    with pytest.raises(SourceUnavailableError, match="nothing was deleted"):
        source.list_objects()
    with pytest.raises(SourceUnavailableError):
        source.exists("a")
    write(tmp_path, "file")
    with pytest.raises(SourceUnavailableError):
        source_of(tmp_path / "file").list_objects()


def test_a_root_replaced_during_the_listing_leaves_it_incomplete(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root, "a", "b")
    listing = source_of(root).list_objects()
    next(listing.objects)
    root.rename(tmp_path / "away")
    root.mkdir()
    assert list(listing.objects) == []
    assert not listing.is_complete
    assert "replaced" in listing.problems[0]


def test_a_subfolder_that_vanishes_during_the_listing_leaves_it_incomplete(tmp_path: Path) -> None:
    write(tmp_path, "a", "b/c")
    listing = source_of(tmp_path).list_objects()
    next(listing.objects)
    (tmp_path / "b" / "c").unlink()
    (tmp_path / "b").rmdir()
    assert list(listing.objects) == []
    assert not listing.is_complete
    assert listing.problems[0].startswith("b/: FileNotFoundError")


def test_a_file_that_vanishes_during_the_listing_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "a", "b", "c")
    listing = source_of(tmp_path).list_objects()
    next(listing.objects)
    (tmp_path / "b").unlink()
    assert [item.natural_key for item in listing.objects] == ["c"]
    assert listing.is_complete


def test_an_unreadable_subfolder_is_reported_and_an_unreadable_file_is_that_documents_fault(tmp_path: Path) -> None:
    write(tmp_path, "a", "locked/b", "private")
    code = f"""
import os
from pathlib import Path
from wellread.errors import DocumentError, TransientError
from wellread.runs import SourceDeclaration
from wellread.sources.local_folder import LocalFolderSource
root = Path({str(tmp_path)!r})
if os.geteuid() == 0:
    for folder in (root, *root.parents):
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    os.chown(root / "locked", 0, 0)
    os.setgid(65534); os.setuid(65534)
source = LocalFolderSource(SourceDeclaration("x", "folder", str(root)))
listing = source.list_objects()
assert [item.natural_key for item in listing.objects] == ["a", "private"]
assert not listing.is_complete and listing.problems[0].startswith("locked/: PermissionError"), listing
try:
    source.fetch("private")
except DocumentError as error:
    assert error.cause == "unreadable"
else:
    raise AssertionError("read")
try:
    source.exists("locked/b")
except TransientError:
    print("as promised")
"""
    (tmp_path / "locked").chmod(0o000)
    (tmp_path / "private").chmod(0o000)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    (tmp_path / "locked").chmod(0o700)
    assert result.stdout == "as promised\n", result.stderr


def test_no_token_for_a_file_modified_just_now(tmp_path: Path) -> None:
    write(tmp_path, "fresh", "settled")
    aged(tmp_path / "settled")
    objects, _ = drained(source_of(tmp_path))
    assert [item.version_token is None for item in objects] == [True, False]


def test_the_token_betrays_an_edit_of_equal_size_with_its_time_put_back(tmp_path: Path) -> None:
    write(tmp_path, "a")
    aged(tmp_path / "a")
    found = (tmp_path / "a").stat()
    ((before,), _), ((again,), _) = drained(source_of(tmp_path)), drained(source_of(tmp_path))
    assert before.version_token == again.version_token
    time.sleep(0.02)  # past the grain of the kernel's clock
    (tmp_path / "a").write_text("TEXT OF A")
    os.utime(tmp_path / "a", ns=(found.st_atime_ns, found.st_mtime_ns))
    ((after,), _) = drained(source_of(tmp_path))
    assert after.version_token != before.version_token


def test_a_file_of_an_impossible_time_is_listed(tmp_path: Path) -> None:
    write(tmp_path, "a")
    os.utime(tmp_path / "a", (-1, -1))
    ((item,), listing) = drained(source_of(tmp_path))
    assert listing.is_complete
    assert item.modified_at.year == 1970


def test_a_deep_tree_is_walked_without_recursion(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(1200):
        folder = folder / "d"
        folder.mkdir()
    (folder / "leaf").write_text("x")
    try:
        assert keys_of(source_of(tmp_path)) == ["d/" * 1200 + "leaf"]
    finally:  # from the bottom up: pytest's own cleaning is recursive, and Python gives up at a thousand levels
        (folder / "leaf").unlink()
        while folder != tmp_path:
            folder.rmdir()
            folder = folder.parent


def test_a_file_that_never_holds_still_is_left_to_a_retry(tmp_path: Path) -> None:
    path = tmp_path / "busy"
    path.write_bytes(b"x" * 50_000_000)
    stop = threading.Event()

    def keep_writing() -> None:
        with path.open("ab") as file:
            while not stop.is_set():
                file.write(b"y")
                file.flush()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        with pytest.raises(TransientError, match="changed during each"):
            source_of(tmp_path).fetch("busy")
    finally:
        stop.set()
        writer.join()
    assert source_of(tmp_path).fetch("busy") == path.read_bytes()
