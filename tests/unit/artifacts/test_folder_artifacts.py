"""The folder of artifacts under trouble: a full disk, a writer killed, many writers."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from wellread.artifacts.codec import decode, encode
from wellread.artifacts.folder import FolderArtifacts
from wellread.documents import Chunk, Element
from wellread.errors import SystemicError
from wellread.runs import DocumentStatistics

WRITE_FOR_EVER = """
import os, sys
from pathlib import Path
from wellread.artifacts.folder import FolderArtifacts
store = FolderArtifacts(Path(sys.argv[1]))
print("writing", flush=True)
while True:
    store.put("chunks", os.urandom(300_000))
"""

WRITE_TO_A_FULL_DISK = """
import sys
from pathlib import Path
from wellread.artifacts.folder import FolderArtifacts
from wellread.errors import StorageFullError
store = FolderArtifacts(Path(sys.argv[1]))
try:
    for number in range(100):
        store.put("chunks", number.to_bytes(2, "big") + bytes(range(256)) * 4096 + str(number).encode())
        store.put("raw", __import__("os").urandom(500_000))
except StorageFullError as error:
    print("full:", error.remedy)
"""


def test_a_killed_writer_leaves_only_whole_blobs(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.7)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    store = FolderArtifacts(tmp_path)
    blobs = list((tmp_path / "chunks").rglob("*.z"))
    assert blobs
    for path in blobs:
        store.get(f"chunks/{path.parent.name}{path.stem}")


def test_a_full_disk_is_said_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    try:
        result = subprocess.run(
            [sys.executable, "-c", WRITE_TO_A_FULL_DISK, str(disk)], capture_output=True, text=True, check=True
        )
        assert result.stdout.startswith("full: Free space")
        assert not list(disk.rglob("*.tmp"))
        store = FolderArtifacts(disk)
        for path in disk.rglob("*.z"):
            store.get(f"{path.parent.parent.name}/{path.parent.name}{path.stem}")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_many_writers_of_one_content_do_not_disturb_each_other(tmp_path: Path) -> None:
    content = b"the same content" * 10_000
    references: list[str] = []
    threads = [
        threading.Thread(target=lambda: references.append(FolderArtifacts(tmp_path).put("chunks", content)))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(references) == 16
    assert len(set(references)) == 1
    assert FolderArtifacts(tmp_path).get(references[0]) == content
    assert len(list(tmp_path.rglob("*.*"))) == 1


def test_a_folder_in_the_way_is_an_error_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "chunks").write_text("a file where a folder belongs")
    with pytest.raises(SystemicError, match="write access"):
        FolderArtifacts(tmp_path).put("chunks", b"x")


def test_values_of_every_kind_used_come_back_equal() -> None:
    elements = (Element("heading", "A", level=1), Element("table", "a | b\n1 | 2", page=3, header_rows=1))
    assert decode(tuple[Element, ...], encode(elements)) == elements
    row = DocumentStatistics("k", "text/plain", "extracted", None, 1, 2, 0, 1, 1, 1.5, 2, None, "0" * 64)
    assert decode(list[DocumentStatistics], encode([row])) == [row]
    assert encode(elements) == encode(tuple(elements))


def test_what_was_written_by_another_version_is_a_typed_error() -> None:
    with pytest.raises(SystemicError, match="another version"):
        decode(tuple[Chunk, ...], b'[{"text": 1}]')
    with pytest.raises(SystemicError, match="another version"):
        decode(tuple[Chunk, ...], b"[{")


def test_what_json_cannot_hold_is_a_typed_error() -> None:
    with pytest.raises(SystemicError, match="encode"):
        encode(Element("paragraph", "lone \ud800"))
    with pytest.raises(SystemicError, match="encode"):
        encode(object())
