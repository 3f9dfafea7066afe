"""The bytes of quarantined documents: kept as they were, shown, dropped with the last row, purged, and limited."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from wellread.errors import StorageFullError
from wellread.indexing.payloads import keep_payloads
from wellread.ledger import quarantine_rows
from wellread.upkeep.vacuum import vacuum

pytestmark = pytest.mark.weaviate

BROKEN = b"%PDF-1.4\nthis is no document at all\n"


@pytest.fixture
def small(world: Any) -> Any:
    """One healthy document and a broken one, not ingested yet."""
    world.files.write("amber.txt", world.prose("amber", 1))
    world.files.write("post/broken.pdf", BROKEN)
    return world


def rows(world: Any) -> dict[str, Any]:
    with world.open() as workspace, workspace.ledger.reading() as reading:
        return {row["natural_key"]: row for row in quarantine_rows.list_quarantine(reading, world.collection)}


def payload_files(world: Any) -> list[Path]:
    return sorted(path for path in (world.home / "artifacts" / "payloads").rglob("*") if path.is_file())


def test_the_bytes_are_kept_until_the_document_is_healthy(small: Any, tmp_path: Path) -> None:
    small.ingest()
    (told,) = json.loads(small.shell("quarantine", "--save", str(tmp_path / "look"), "--json").stdout)["quarantine"]
    assert (told["class"], told["stage"], told["attempts"]) == ("document", "parse", 1)
    assert told["first_at"] == told["last_at"]
    assert told["payload"]["size_bytes"] == len(BROKEN)
    assert Path(told["payload"]["saved"]).read_bytes() == BROKEN
    assert Path(told["payload"]["saved"]) == tmp_path / "look" / "papers" / "post" / "broken.pdf"

    newer = BROKEN + b"nor is this\n"
    small.files.write("post/broken.pdf", newer)
    small.ingest()
    row = rows(small)["post/broken.pdf"]
    with small.open() as workspace:
        assert workspace.artifacts.get(row["payload_ref"]) == newer
    assert (row["attempts"], len(payload_files(small))) == (2, 1)  # those of the first attempt are dropped

    small.files.write("post/broken.pdf", small.prose("birch", 1))
    small.ingest()
    assert (rows(small), payload_files(small)) == ({}, [])
    small.assert_exact()


def test_two_documents_of_the_same_bytes_share_them_until_the_last_is_gone(small: Any) -> None:
    small.files.write("copy.pdf", BROKEN)
    small.ingest()
    assert len({row["payload_ref"] for row in rows(small).values()}) == 1
    assert small.shell("purge", "copy.pdf", "--yes").returncode == 0
    assert list(rows(small)) == ["post/broken.pdf"]
    assert len(payload_files(small)) == 1
    assert small.shell("purge", "post/broken.pdf", "--yes").returncode == 0
    assert payload_files(small) == []


def test_a_file_that_vanishes_takes_its_bytes_along(small: Any) -> None:
    small.files.write("copy.pdf", BROKEN)
    small.ingest()
    small.files.remove("copy.pdf")
    small.ingest()
    assert len(payload_files(small)) == 1
    small.files.remove("post/broken.pdf")
    small.ingest()
    assert payload_files(small) == []


def test_what_is_too_large_or_unsupported_is_only_noted(small: Any) -> None:
    small.options = {"indexing": {"quarantine": {"payload_max_bytes": len(BROKEN)}}}
    small.files.write("large.pdf", BROKEN + b"more than that\n")
    small.files.write("tool.exe", b"MZ\x90\x00" + bytes(range(256)) * 8)
    small.ingest()
    found = rows(small)
    assert found["post/broken.pdf"]["payload_ref"] is not None
    large = found["large.pdf"]
    assert (large["payload_ref"], large["size_bytes"], len(large["content_sha"])) == (None, len(BROKEN) + 15, 64)
    assert "payload_max_bytes" in large["payload_note"]
    assert found["tool.exe"]["payload_ref"] is None
    assert len(payload_files(small)) == 1


def _until_publication(world: Any, workspace: Any) -> Any:
    run = workspace.runner.plan(world.declaration(), run_id="by hand", one_process=True)
    for batch in range(run.batch_count):
        workspace.runner.extract(run, batch)
        workspace.runner.load(run, batch)
    return run


@pytest.mark.parametrize("meanwhile", ["changed", "gone", "unreachable"])
def test_a_source_that_does_not_give_the_bytes_again_stops_no_publication(small: Any, meanwhile: str) -> None:
    with small.open() as workspace:
        run = _until_publication(small, workspace)
        if meanwhile == "changed":
            small.files.write("post/broken.pdf", BROKEN + b"newer")
        elif meanwhile == "gone":
            small.files.remove("post/broken.pdf")
        else:
            nowhere = small.declaration(kind="s3", location="s3://bucket", endpoint_url="http://127.0.0.1:9")
            runner = dataclasses.replace(workspace.runner, open_source=lambda _: workspace.open_source(nowhere))
            keep_payloads(workspace.parts, run, lambda: runner._source(nowhere))
        assert workspace.runner.publish(run).sheet.outcomes == {"committed": 1, "quarantined": 1}
    row = rows(small)["post/broken.pdf"]
    assert row["payload_ref"] is None
    assert ("could not be read again" if meanwhile == "unreachable" else "changed") in row["payload_note"]


def test_a_run_that_is_given_up_after_it_stored_bytes_leaves_none_for_good(small: Any) -> None:
    with small.open() as workspace:
        run = _until_publication(small, workspace)
        opened = workspace.open_source(small.declaration())
        assert keep_payloads(workspace.parts, run, lambda: nullcontext(opened)) == 1
        assert keep_payloads(workspace.parts, run, lambda: nullcontext(opened)) == 0
        vacuum(workspace.parts, small.collection)
        assert len(payload_files(small)) == 1  # the run may still be published
        workspace.runner.abandon(run, reason="a test")
        vacuum(workspace.parts, small.collection)
    assert payload_files(small) == []


@pytest.mark.parametrize("small_disk", [2], indirect=True)
@pytest.mark.parametrize("is_full_from", ["the beginning", "publication on"])
def test_a_full_artifact_store_stops_the_run_and_quarantines_nothing(
    small: Any, small_disk: Path, fill_up: Callable[[Path], Path], is_full_from: str
) -> None:
    small.options = {"artifacts_url": str(small_disk)}
    with small.open() as workspace:
        if is_full_from == "the beginning":
            with pytest.raises(StorageFullError):
                filler = fill_up(small_disk)
                workspace.runner.run(small.declaration())
        else:
            run = _until_publication(small, workspace)
            filler = fill_up(small_disk)
            with pytest.raises(StorageFullError):
                workspace.runner.publish(run)
            workspace.runner.abandon(run, reason="the disk is full")
    assert rows(small) == {}
    filler.unlink()
    assert small.ingest().outcomes == {"committed": 1, "quarantined": 1}
    small.assert_exact(without=frozenset({"post/broken.pdf"}))
