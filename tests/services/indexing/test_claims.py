"""One text is paid once, however many processes meet it at the same moment."""

from __future__ import annotations

import time
from typing import Any

import pytest

from wellread.testing.embedding_server import Fault

pytestmark = [pytest.mark.weaviate, pytest.mark.timeout(600)]


def twin_folders(library: Any) -> list[Any]:
    """Two sources with the same texts under the same names."""
    twin = library.root / "twin"
    twin.mkdir()
    for path in library.files.path.iterdir():
        (twin / path.name).write_bytes(path.read_bytes())
    return [library.files.path, twin]


def paid_twice(library: Any) -> dict[str, int]:
    return {text: times for text, times in library.embedding.meter().repeated_texts.items() if "report" in text}


def test_two_sources_with_the_same_texts_pay_them_once_together(library: Any) -> None:
    folders = twin_folders(library)
    with library.open():
        pass  # the ledger and the collection exist before both begin
    library.embedding.behave(latency_seconds=0.3)
    processes = [library.start("ingest", str(folder), "--json") for folder in folders]
    for process in processes:
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, (output, errors)
    assert paid_twice(library) == {}
    assert library.embedding.meter().texts_count > 6
    library.assert_exact(*folders)


def test_a_killed_payer_is_replaced_by_the_one_that_waits(library: Any) -> None:
    folders = twin_folders(library)
    library.embedding.behave(latency_seconds=0.3)
    first = library.start("ingest", str(folders[0]), "--json")
    deadline = time.monotonic() + 120
    while library.embedding.meter().texts_count < 8 and time.monotonic() < deadline:
        time.sleep(0.01)
    second = library.start("ingest", str(folders[1]), "--json")
    first.kill()
    first.communicate(timeout=60)
    output, errors = second.communicate(timeout=300)
    assert second.returncode == 0, (output, errors)
    library.ingest()
    assert sum(times - 1 for times in paid_twice(library).values()) <= 8  # the request that was in flight
    library.assert_exact(*folders)


def test_a_text_that_is_refused_to_both_holds_neither_up(library: Any) -> None:
    folders = twin_folders(library)
    library.files.edit("cedar.txt", "and counts the ropes", "and counts the NIGHTSHADE ropes")
    (folders[1] / "cedar.txt").write_bytes((folders[0] / "cedar.txt").read_bytes())
    library.embedding.behave(Fault(kind="server_error", times=1), poison=("NIGHTSHADE",), latency_seconds=0.2)
    processes = [library.start("ingest", str(folder), "--json") for folder in folders]
    for process in processes:
        process.communicate(timeout=300)
        assert process.returncode is not None
    library.embedding.reset()
    for folder in folders:
        sheet = library.ingest(folder)
        assert sheet.outcomes["quarantined"] == 1, sheet.outcomes
        assert sheet.outcomes["unchanged"] == 5, sheet.outcomes
