"""`kill -9` of the Weaviate server while `wellread ingest` runs; it is started again, then an ordinary run."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from tally import Tally

from wellread.server.control import ensure_server, server_status
from wellread.server.settings import ServerSettings
from wellread.server.temporary import local_weaviate

pytestmark = pytest.mark.weaviate

Record = Callable[[str, object], None]
SEED = 11
RETRY = 75


@pytest.fixture
def served(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A library on a server of its own, with enough work that a kill meets a run in its writes."""
    world.server_home = tmp_path_factory.mktemp("killed-server")
    world.options = {"indexing": {"deletions": {"hold_ratio_from_count": 1_000}, "chunks_per_group": 20}}
    for number in range(12):
        world.files.write(f"paper{number}.txt", world.prose(f"paper{number}", 6))
    with local_weaviate(world.server_home) as address:
        world.address = address
        world.ingest()
        yield world


def change(world: Any, number: int) -> None:
    """Every document gets new chunks and keeps old ones; one comes, one goes."""
    names = sorted(path.name for path in world.files.path.iterdir())
    for name in names:
        text = world.files.read(name).replace("the quay", f"the quay of round {number}", 2)
        world.files.write(name, text)
    world.files.write(f"new-{number}.txt", world.prose(f"round{number}", 8))
    world.files.remove(names[0])


def length_of(world: Any) -> float:
    """Seconds from the first embedding of a whole run to its end; the run of a killed server is as long."""
    change(world, 0)
    process = world.start("ingest", str(world.files.path), "--json")
    wait_for_work(world, process)
    began = time.monotonic()
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, (output, errors)
    return time.monotonic() - began


def wait_for_work(world: Any, process: Any) -> None:
    """Until the run has asked for its first vectors beyond the canary: from there on it writes."""
    before = world.embedding.meter().texts_count
    while process.poll() is None and world.embedding.meter().texts_count <= before + 1:
        time.sleep(0.005)


def kill_server(world: Any) -> None:
    """As the kernel does it when memory runs out."""
    pid = server_status(world.server_home).pid
    assert pid is not None
    victim = psutil.Process(pid)
    victim.kill()
    victim.wait(timeout=30)


def killed_server_rounds(world: Any, seed: int, rounds: int, *, length_seconds: float | None = None) -> Tally:
    """A run goes on where the server is back in time and ends in order where not; the next one makes it good."""
    draw = random.Random(seed)  # reproducible moments, no secret
    tally = Tally("the Weaviate server", seed)
    world.embedding.behave(latency_seconds=0.03)
    length_seconds = length_seconds or length_of(world)
    for number in range(1, rounds + 1):
        change(world, number)
        process = world.start("ingest", str(world.files.path), "--json")
        wait_for_work(world, process)
        time.sleep(length_seconds * (number - 1 + draw.random()) / rounds)
        moment = "in a run" if process.poll() is None else "just after a run"
        kill_server(world)
        time.sleep(draw.choice((0.0, 3.0)))  # it comes back at once, or not so soon
        world.address = ensure_server(ServerSettings(), world.server_home)
        output, errors = process.communicate(timeout=300)
        assert process.returncode in {0, 1, RETRY}, (output, errors)
        tally.died(moment if process.returncode == 0 else f"{moment}, which failed")
        again = world.shell("ingest", str(world.files.path), "--json")
        assert again.returncode == 0, again.stderr
        sheet = json.loads(again.stdout)["documents"]
        assert sheet["failed_transient"] == sheet["quarantined"] == 0
        tally.look(world)
    assert world.ingest().index_writes == 0
    return tally


@pytest.mark.timeout(600)
def test_a_server_killed_under_a_run_loses_nothing(served: Any, record_property: Record) -> None:
    tally = killed_server_rounds(served, seed=1, rounds=1, length_seconds=1.0)
    tally.end(served, record_property)


@pytest.mark.torture
@pytest.mark.timeout(3_600)
def test_ten_servers_killed_under_runs_lose_nothing(served: Any, record_property: Record) -> None:
    tally = killed_server_rounds(served, seed=SEED, rounds=10)
    tally.end(served, record_property)
    assert tally.kills - tally.moments["just after a run"] >= 5, tally.moments
