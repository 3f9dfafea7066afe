from __future__ import annotations

import dataclasses

import pytest

from wellread.errors import ModelMismatchError, SettingsError, SystemicError
from wellread.retrieval.heads import HeadCache, check_model, check_snapshot
from wellread.snapshots import Head, ModelIdentity, Projection, Snapshot

MODEL = ModelIdentity("local", "m", "r1", 4)


def head(seq: int, *, oldest: int = 0) -> Head:
    return Head(seq, Projection("Documents", 1, MODEL, "epoch"), Snapshot(seq + 1), oldest)


class Rows:
    """The head rows of a store at one time, and how often they were read."""

    def __init__(self, newest: Head | None) -> None:
        self.newest = newest
        self.reads = 0

    def __call__(self, collection: str) -> Head | None:
        self.reads += 1
        return self.newest


def test_a_head_is_read_again_after_two_seconds_and_not_before() -> None:
    now = [100.0]
    rows = Rows(head(1))
    cache = HeadCache(rows, lifetime_seconds=2.0, clock_seconds=lambda: now[0])
    cache.newest("Documents")
    rows.newest = head(2)
    now[0] = 101.9
    assert cache.newest("Documents").seq == 1
    now[0] = 102.0
    assert cache.newest("Documents").seq == 2
    assert rows.reads == 2


@pytest.mark.parametrize("later", [head(4), None])
def test_a_head_never_goes_back(later: Head | None) -> None:
    now = [0.0]
    rows = Rows(head(5))
    cache = HeadCache(rows, lifetime_seconds=2.0, clock_seconds=lambda: now[0])
    cache.newest("Documents")
    rows.newest = later
    now[0] = 10.0
    assert cache.newest("Documents").seq == 5


def test_a_collection_that_nobody_published_to_is_an_error_that_names_it() -> None:
    with pytest.raises(SettingsError, match="Contracts"):
        HeadCache(Rows(None)).newest("Contracts")


def test_another_model_is_refused_and_the_difference_named() -> None:
    check_model(head(1), MODEL)
    with pytest.raises(ModelMismatchError, match="revision 'r1', not 'r2'"):
        check_model(head(1), dataclasses.replace(MODEL, revision="r2"))


@pytest.mark.parametrize("name", [item.name for item in dataclasses.fields(ModelIdentity)])
def test_every_part_of_a_models_identity_counts(name: str) -> None:
    other: object = 99 if isinstance(getattr(MODEL, name), int) else "other"
    with pytest.raises(ModelMismatchError, match=f"{name} .*, not .*{other}"):
        check_model(head(1), dataclasses.replace(MODEL, **{name: other}))  # type: ignore[arg-type]


def test_a_snapshot_older_than_the_oldest_readable_is_refused() -> None:
    check_snapshot(head(9, oldest=5), Snapshot(5))
    with pytest.raises(SystemicError, match="vacuumed"):
        check_snapshot(head(9, oldest=5), Snapshot(4))


def test_a_head_can_be_read_anew_however_young_it_is() -> None:
    rows = Rows(head(1))
    cache = HeadCache(rows, clock_seconds=lambda: 0.0)
    cache.newest("Documents")
    rows.newest = head(2)
    assert cache.newest("Documents").seq == 1
    assert cache.newest("Documents", renew=True).seq == 2
    rows.newest = head(1)
    assert cache.newest("Documents", renew=True).seq == 2
