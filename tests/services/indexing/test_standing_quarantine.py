"""When a quarantined document is tried again, how often it was, and what never comes into quarantine."""

from __future__ import annotations

import dataclasses
import socket
from typing import Any

import pytest

from wellread.errors import AuthenticationError, QualityError, QuotaExhaustedError, TransientError, WellreadError
from wellread.indexing.running import Runner
from wellread.ledger import quarantine_rows
from wellread.testing.embedding_server import Fault

pytestmark = pytest.mark.weaviate

BROKEN = b"%PDF-1.4\nthis is no document at all\n"


def attempts(world: Any) -> dict[str, int]:
    with world.open() as workspace, workspace.ledger.reading() as reading:
        rows = quarantine_rows.list_quarantine(reading, world.collection)
    return {row["natural_key"]: row["attempts"] for row in rows}


def ingest_with_code(world: Any, signature: str) -> Any:
    """A run of another version of the parsers."""
    with world.open() as workspace:
        parts = dataclasses.replace(workspace.parts, parse_signature=signature)
        return Runner(parts, workspace.open_source).run(world.declaration())


def test_it_is_tried_again_for_other_bytes_code_or_settings_and_for_nothing_else(world: Any) -> None:
    world.files.write("amber.txt", world.prose("amber", 1))
    world.files.write("broken.pdf", BROKEN)
    world.files.write("tool.exe", b"MZ\x90\x00" + bytes(range(256)) * 8)
    world.ingest()
    once = {"broken.pdf": 1, "tool.exe": 1}
    assert attempts(world) == once

    world.options = {"retrieval": {"head_cache_seconds": 1}}
    world.files.write("amber.txt", world.prose("amber", 2))
    assert world.ingest().parsed == 1
    world.files.touch("broken.pdf")  # another token, the same bytes
    assert world.ingest().parsed == 0
    assert attempts(world) == once

    world.files.write("broken.pdf", BROKEN + b"still none\n")
    world.ingest()
    assert attempts(world) == {"broken.pdf": 2, "tool.exe": 1}

    world.options = {"quality": {"document": {"chunks_count_max": 99_999}}}
    world.ingest()
    assert attempts(world) == {"broken.pdf": 3, "tool.exe": 2}
    world.ingest()
    assert attempts(world) == {"broken.pdf": 3, "tool.exe": 2}

    ingest_with_code(world, "a newer parser")
    assert attempts(world) == {"broken.pdf": 4, "tool.exe": 3}
    ingest_with_code(world, "a newer parser")
    assert attempts(world) == {"broken.pdf": 4, "tool.exe": 3}


def test_the_neighbours_of_a_poisoned_text_are_paid_once_and_kept(world: Any) -> None:
    world.options = {"embedder": {"openai": {"texts_per_request": 64}}}
    world.files.write("amber.txt", world.prose("amber", 8))
    world.files.write("birch.txt", world.prose("birch", 8).replace("the quay", "the NIGHTSHADE quay", 1))
    world.embedding.behave(poison=("NIGHTSHADE",))
    sheet = world.ingest()
    assert sheet.outcomes == {"committed": 1, "quarantined": 1}
    paid = world.embedding.meter().times_by_text
    assert not any("NIGHTSHADE" in text for text in paid)
    assert len(paid) > 8
    assert sum(paid.values()) <= len(paid) + 1  # the probe that clears the model's options is the canary again

    world.embedding.reset()
    healed = ingest_with_code(world, "a newer parser")  # the same text again; the provider takes it by now
    assert healed.embeddings_computed == 1
    assert all("NIGHTSHADE" in text for text in world.embedding.meter().times_by_text.keys() - paid.keys())
    world.assert_exact()


def refused_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        ("unauthorized", AuthenticationError),
        ("insufficient_quota", QuotaExhaustedError),
        ("server_error", TransientError),
        ("refused connection", TransientError),
    ],
)
def test_a_provider_that_fails_every_document_quarantines_none(
    world: Any, trouble: Any, error: type[WellreadError]
) -> None:
    for topic in ("amber", "birch", "cedar"):
        world.files.write(f"{topic}.txt", world.prose(topic, 1))
    world.options = {"embedder": {"retry": {"attempts_count": 2}}}
    if trouble == "refused connection":
        world.options["embedder"]["openai"] = {"base_url": f"http://127.0.0.1:{refused_port()}/v1"}
    else:
        world.embedding.behave(Fault(kind=trouble, times=1000))
    with pytest.raises(error) as caught:
        world.ingest()
    assert caught.value.remedy
    assert attempts(world) == {}
    assert world.embedding.meter().requests_count <= 2  # at once: not once a document
    world.options = {}
    world.embedding.behave()
    assert world.ingest().outcomes == {"committed": 3}
    world.assert_exact()


def test_a_run_in_which_every_document_fails_quarantines_none(world: Any) -> None:
    for number in range(20):
        world.files.write(f"{number:02}.pdf", BROKEN + str(number).encode())
    with pytest.raises(QualityError) as caught:
        world.ingest()
    assert "fail" in caught.value.found
    assert attempts(world) == {}
    with world.open() as workspace:
        assert not list((workspace.home / "artifacts").glob("payloads/**/*.z"))
