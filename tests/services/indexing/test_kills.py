"""`kill -9` of `wellread ingest` at seeded moments, then an ordinary run: nothing lost, stale or double."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from tally import REQUEST_TEXTS, Tally

pytestmark = pytest.mark.weaviate

Record = Callable[[str, object], None]


def change(world: Any, draw: random.Random, number: int) -> None:
    """Edits, a new file, a rename and a removal: work for every step of a run."""
    names = sorted(path.name for path in world.files.path.iterdir())
    for name in draw.sample(names, 3):
        text = world.files.read(name)
        world.files.write(name, text.replace("the quay", f"the quay of round {number}", draw.randint(1, 4)))
    world.files.write(f"new-{number}.txt", world.prose(f"round{number}", 6))
    world.files.rename(names[0], f"moved-{number}-{names[0]}")
    if number % 3 == 2:
        world.files.remove(names[-1])


def asked(world: Any, query: str) -> list[Any]:
    """Rows of the ledger as another process sees them; none where there is no ledger yet."""
    try:
        with sqlite3.connect(f"file:{world.home / 'ledger.db'}?mode=ro", uri=True, timeout=5) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []


def wait_for_lease(world: Any, process: Any) -> None:
    """Until the run has begun: its imports are over."""
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if asked(world, "select 1 from leases where expires_at > 0"):
            return
        time.sleep(0.01)


def phase_of(world: Any) -> str:
    """Where the killed run was, by what it left behind."""
    if not asked(world, "select 1 from revisions where state = 'open'"):
        return "outside"
    found = Counter(row[0] for row in asked(world, "select state from staged_documents"))
    if found["loaded"]:
        return "load" if found["extracted"] else "publish"
    intended = asked(world, "select 1 from index_objects where acknowledged_at is null")
    if intended:
        return "load"
    return "embed" if found["extracted"] and not found["planned"] else "extract"


def killed_rounds(world: Any, seed: int, rounds: int) -> Tally:
    """Kill and re-run again and again; the oracle looks after each re-run."""
    draw = random.Random(seed)  # reproducible moments, no secret
    tally = Tally("wellread ingest", seed)
    world.embedding.behave(latency_seconds=0.03)
    world.options = {"indexing": {"deletions": {"hold_ratio_from_count": 1_000}}}  # many leave, and none is held
    for topic in ("amber", "birch", "cedar", "dogwood", "elm", "fir"):
        world.files.write(f"{topic}.txt", world.prose(topic))
    process = world.start("ingest", str(world.files.path), "--json")
    wait_for_lease(world, process)
    began = time.monotonic()
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, (output, errors)
    length_seconds = time.monotonic() - began
    for number in range(rounds):
        change(world, draw, number)
        process = world.start("ingest", str(world.files.path), "--json")
        wait_for_lease(world, process)
        time.sleep(length_seconds * (number + draw.random()) / rounds)
        process.kill()
        process.communicate(timeout=60)
        tally.died(phase_of(world))
        sheet = world.ingest()
        assert sum(sheet.outcomes.values()) >= sheet.listed
        tally.look(world)
    assert world.ingest().index_writes == 0
    return tally


@pytest.mark.timeout(1_200)  # eleven processes that import everything: a minute alone, five on a busy machine
def test_ten_kills_at_seeded_moments_leave_nothing_behind(world: Any, record_property: Record) -> None:
    tally = killed_rounds(world, seed=1, rounds=10)
    tally.end(world, record_property)
    assert tally.kills - tally.moments["outside"] >= 3, tally.moments


@pytest.mark.torture
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", [2, 3])
def test_many_kills_at_seeded_moments_leave_nothing_behind(world: Any, seed: int, record_property: Record) -> None:
    tally = killed_rounds(world, seed=seed, rounds=25)
    tally.end(world, record_property)
    assert len(tally.moments) >= 3, tally.moments


def test_a_killed_first_load_is_taken_up_without_paying_twice(library: Any) -> None:
    library.embedding.behave(latency_seconds=0.2)
    process = library.start("ingest", str(library.files.path), "--json")
    wait_for_lease(library, process)
    deadline = time.monotonic() + 120
    while library.embedding.meter().texts_count < 10 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate(timeout=60)
    paid = library.embedding.meter().texts_count
    assert paid >= 10
    ended = library.shell("ingest", str(library.files.path), "--json")
    assert ended.returncode == 0, ended.stderr
    sheet = json.loads(ended.stdout)
    assert sheet["documents"]["committed"] == 6
    assert sheet["parsed"] == 0
    assert sheet["embeddings"]["reused"] > 0
    library.assert_exact()
    repeated = {text: times for text, times in library.embedding.meter().repeated_texts.items() if "report" in text}
    assert sum(times - 1 for times in repeated.values()) <= REQUEST_TEXTS
