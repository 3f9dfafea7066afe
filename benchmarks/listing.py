"""How long listing 10,000 small files takes, and the memory it holds: ``python benchmarks/listing.py``."""

from __future__ import annotations

import json
import tempfile
import time
import tracemalloc
from pathlib import Path

from wellread.runs import SourceDeclaration
from wellread.sources.keys import assert_sorted
from wellread.sources.local_folder import LocalFolderSource

FILES_COUNT = 10_000
FOLDERS_COUNT = 100
ROUNDS_COUNT = 5


def main() -> None:
    """Print one JSON object: the median of the rounds and the peak of Python's memory in a round of its own."""
    with tempfile.TemporaryDirectory() as root:
        for number in range(FILES_COUNT):
            folder = Path(root, f"folder-{number % FOLDERS_COUNT:03}")
            folder.mkdir(exist_ok=True)
            (folder / f"file-{number:05}.txt").write_text("text")
        source = LocalFolderSource(SourceDeclaration("bench", "folder", root))
        seconds = sorted(_list_once(source) for _ in range(ROUNDS_COUNT))
        tracemalloc.start()
        _list_once(source)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    median = round(seconds[ROUNDS_COUNT // 2], 3)
    print(json.dumps({"files": FILES_COUNT, "seconds_median": median, "python_peak_bytes": peak_bytes}))


def _list_once(source: LocalFolderSource) -> float:
    started = time.perf_counter()
    count = sum(1 for _ in assert_sorted(source.list_objects().objects))
    if count != FILES_COUNT:
        raise RuntimeError(f"{count} of {FILES_COUNT} files listed")
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
