"""A migration that is killed goes on where it was, whatever ran in between."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import random
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from mortality import Mortal, let_fall, mortal_parts

from wellread.upkeep.migrating import finish, migrate, roll_back
from wellread.upkeep.rebuilding import rebuild

pytestmark = pytest.mark.weaviate


def _load(name: str) -> ModuleType:
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"wellread_tests_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_migrating = _load("test_migrating")
moving = _migrating.moving


def die_at(world: Any, point: int) -> bool:
    """One try of a migration that dies at a journal point; returns whether it came to its end before."""
    with world.open() as workspace:
        try:
            migrate(mortal_parts(workspace, Mortal(point)), world.collection, wait_seconds=5)
        except SystemExit:
            return False
        finally:
            let_fall(workspace)
        return True


def test_death_at_journal_points_with_runs_between_leaves_two_exact_copies(moving: Any) -> None:
    for number in itertools.count(1):
        is_over = die_at(moving, 5 * number)
        assert moving.search("amber harbour cranes")[0] == "amber.txt"
        if number % 4 == 0:
            moving.files.write(f"new{number}.txt", moving.prose(f"new{number}", parts=1))
            moving.ingest()
            moving.assert_exact(moving.files.path)
        if is_over:
            break
    assert number > 5
    assert _migrating.moved(moving).live == 2
    assert _migrating.copies_agree(moving) == 2
    moving.assert_exact(moving.files.path)
    with moving.open() as workspace:
        roll_back(workspace.parts, moving.collection)
    moving.assert_exact(moving.files.path)


def test_a_run_after_a_death_before_the_copy_stands_in_the_store_writes_what_there_is(moving: Any) -> None:
    for point in range(1, 9):  # the row of the copy, its collections, its first page
        die_at(moving, point)
        moving.files.write("new.txt", moving.prose(f"new{point}", parts=1))
        moving.ingest()
        moving.assert_exact(moving.files.path)
    assert _migrating.moved(moving).live == 2
    assert _migrating.copies_agree(moving) == 2


@pytest.mark.torture
@pytest.mark.timeout(3_600)
def test_death_at_every_journal_point(moving: Any) -> None:
    """Each with a rollback after it, so that every point before the switch is met."""
    for point in itertools.count(1):
        is_over = die_at(moving, point)
        moving.assert_exact(moving.files.path)
        if is_over:
            break
    assert _migrating.copies_agree(moving) == 2


class DiesBeforeDropping:
    """A real store, whose process ends when a copy is to be dropped."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        if name == "drop_projection":
            raise SystemExit("the process dies here")
        return getattr(self._store, name)


def test_a_finish_that_died_is_not_taken_for_a_rebuild_that_died(moving: Any) -> None:
    _migrating.moved(moving)
    with moving.open() as workspace:
        with pytest.raises(SystemExit):
            finish(
                dataclasses.replace(workspace.parts, store=DiesBeforeDropping(workspace.store)), moving.collection
            )
        let_fall(workspace)
        done = rebuild(workspace.parts, moving.collection, grace_seconds=0)
    assert (done.is_resumed, sorted(done.replaced)) == (False, [1, 2])
    assert done.filled.written == done.chunks + done.versions > 0
    assert moving.assert_exact(moving.files.path).head["number"] == 3
    assert _migrating.copies_agree(moving) == 1


@pytest.mark.torture
def test_a_killed_command_goes_on_where_it_was(moving: Any) -> None:
    draw = random.Random(7)
    for _ in range(2):
        process = moving.start("migrate", moving.collection, "--json")
        time.sleep(draw.uniform(2.0, 5.0))
        process.kill()
        process.communicate(timeout=60)
    ended = moving.shell("migrate", moving.collection, "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert _migrating.copies_agree(moving) == 2
    assert moving.assert_exact(moving.files.path).head["number"] == 2
    for option, number in (("--rollback", 1), ("--finish", 1)):
        ended = moving.shell("migrate", moving.collection, option, "--json")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert moving.assert_exact(moving.files.path).head["number"] == number
