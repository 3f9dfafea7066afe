"""Leases, revisions, heads, order of keys, vectors: the same on SQLite and on Postgres, many threads at once."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from wellread.errors import LeaseHeldError, RevisionClosedError, SchemaMismatchError, SystemicError
from wellread.ledger import documents, leases, objects, revisions, schema, vectors
from wellread.ledger.database import Ledger
from wellread.ledger.objects import ObjectRow
from wellread.runs import SourceDeclaration
from wellread.snapshots import ModelIdentity

MODEL = ModelIdentity(provider="test", model="hash", revision="1", dimensions=4)
THREADS = 6


def together(call: Callable[[int], Any], count: int = THREADS) -> list[Any]:
    """Results or errors of ``call`` in threads that start at one moment."""
    gate = threading.Barrier(count)

    def guarded(number: int) -> Any:
        gate.wait()
        try:
            return call(number)
        except Exception as error:  # noqa: BLE001  what was raised is what the test looks at
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(guarded, range(count)))


def opened(ledger: Ledger, source_id: str, run_id: str = "run", highest: int = 0) -> int:
    with ledger.transaction() as tx:
        return revisions.open_revision(
            tx, "Docs", source_id=source_id, run_id=run_id, lease_token=1, plan_ref="p", highest_in_store=highest
        )


def test_one_of_many_gets_a_lease_and_the_others_learn_how_long_to_wait(ledger: Ledger) -> None:
    for round_number in range(3):
        ended = together(
            lambda n, name=f"source {round_number}": leases.acquire(  # type: ignore[misc]  # a lambda's default
                ledger, name, f"holder {n}", seconds=30, one_process=False
            )
        )
        won = [one for one in ended if isinstance(one, leases.Lease)]
        lost = [one for one in ended if isinstance(one, LeaseHeldError)]
        assert (len(won), len(lost)) == (1, THREADS - 1), ended
        assert all(one.retry_after_seconds is None or 0 < one.retry_after_seconds <= 30 for one in lost)


def test_a_lease_that_ran_out_goes_to_one_of_many_with_a_higher_token(ledger: Ledger) -> None:
    first = leases.acquire(ledger, "s", "first", seconds=0.05, one_process=False)
    time.sleep(0.1)
    ended = together(lambda n: leases.acquire(ledger, "s", f"holder {n}", seconds=30, one_process=False))
    won = [one for one in ended if isinstance(one, leases.Lease)]
    assert [one.token for one in won] == [first.token + 1]
    with pytest.raises(LeaseHeldError):
        leases.renew(ledger, first, seconds=30)
    leases.release(ledger, first)  # one that changed hands is left alone
    leases.renew(ledger, won[0], seconds=30)


def test_the_same_holder_takes_its_lease_again_under_the_same_token(ledger: Ledger) -> None:
    first = leases.acquire(ledger, "s", "me", seconds=30, one_process=False)
    assert leases.acquire(ledger, "s", "me", seconds=30, one_process=False) == first


def test_a_lease_is_kept_alive_past_its_time_while_its_body_runs(ledger: Ledger) -> None:
    lease = leases.acquire(ledger, "s", "me", seconds=0.4, one_process=False)
    with leases.kept_alive(ledger, lease, seconds=0.4):
        time.sleep(1.0)
        with pytest.raises(LeaseHeldError):
            leases.acquire(ledger, "s", "other", seconds=30, one_process=False)
    time.sleep(0.6)
    assert leases.acquire(ledger, "s", "other", seconds=30, one_process=False).token == lease.token + 1


def test_one_of_many_opens_a_revision_for_a_source(ledger: Ledger) -> None:
    ended = together(lambda n: opened(ledger, "s", f"run {n}"))
    assert sorted(type(one).__name__ for one in ended) == ["LeaseHeldError"] * (THREADS - 1) + ["int"]
    with ledger.reading() as reading:
        assert len(revisions.revisions_in_state(reading, "Docs", ["open"])) == 1


def test_heads_grow_one_by_one_and_each_holds_all_that_was_published_before(ledger: Ledger) -> None:
    def publish(number: int) -> list[tuple[int, int, frozenset[int]]]:
        mine = []
        for _ in range(5):
            revision = opened(ledger, f"source {number}", f"run {number}")
            with ledger.transaction() as tx:
                revisions.require_open(tx, "Docs", revision, exclusive=True)
                revisions.locked_collection(tx, "Docs")
                revisions.end_revision(tx, "Docs", revision, "published")
                head = revisions.append_head(tx, "Docs")
            assert head.snapshot.has(revision)
            mine.append((head.seq, revision, head.snapshot.excluded))
        return mine

    published = sorted(item for mine in together(publish) for item in mine)
    assert [seq for seq, _, _ in published] == list(range(2, 2 + THREADS * 5))
    assert sorted(revision for _, revision, _ in published) == list(range(1, 1 + THREADS * 5))
    for position, (_, _, excluded) in enumerate(published):
        before = {revision for _, revision, _ in published[: position + 1]}
        assert not before & excluded
    with ledger.reading() as reading:
        assert revisions.current_snapshot(reading, "Docs").as_text() == str(1 + THREADS * 5)


def test_a_collection_is_created_once_however_many_ask(ledger: Ledger) -> None:
    def create(_: int) -> str:
        with ledger.transaction() as tx:
            revisions.create_collection(tx, "Fresh", MODEL, next_revision=1)
        with ledger.reading() as reading:
            return revisions.live_projection(reading, "Fresh").store_epoch

    assert len({str(one) for one in together(create)}) == 1


def test_numbers_that_only_the_store_knows_are_hidden(ledger: Ledger) -> None:
    number = opened(ledger, "s", highest=4)
    assert number == 5
    with ledger.reading() as reading:
        assert revisions.current_snapshot(reading, "Docs").as_text() == "6-{1,2,3,4,5}"


def test_a_revision_that_ended_is_never_written_again(ledger: Ledger) -> None:
    number = opened(ledger, "s")
    with ledger.transaction() as tx:
        revisions.end_revision(tx, "Docs", number, "published")
    with pytest.raises(RevisionClosedError, match="published"), ledger.transaction() as tx:
        revisions.require_open(tx, "Docs", number)
    with pytest.raises(RevisionClosedError, match="does not exist"), ledger.transaction() as tx:
        revisions.require_open(tx, "Docs", number + 1)
    with pytest.raises(SystemicError), ledger.reading() as reading:
        revisions.find_revision(reading, "Docs", number + 1)


def test_an_abandoned_revision_settles_after_two_audits_far_enough_apart(ledger: Ledger) -> None:
    number = opened(ledger, "s")
    with ledger.transaction() as tx:
        revisions.end_revision(tx, "Docs", number, "abandoned")

    def audited(apart_seconds: float) -> bool:
        with ledger.transaction() as tx:
            return revisions.note_clean_audit(tx, "Docs", number, apart_seconds=apart_seconds)

    assert not audited(0.2)
    assert not audited(0.2)
    with ledger.transaction() as tx:
        revisions.reset_clean_audit(tx, "Docs", number)
    time.sleep(0.3)
    assert not audited(0.2)
    time.sleep(0.3)
    assert audited(0.2)


AWKWARD = [
    "B.md",
    "Zeta.md",
    "a-b.md",
    "a_c.md",
    "ab.md",
    "a/b.md",
    "é.md",
    "e\u0301.md",
    "ä.md",
    "中.md",
    "z 1.md",
]


def known(ledger: Ledger, keys: list[str]) -> list[str]:
    rows = [
        {
            "collection": "Docs",
            "doc_id": uuid.uuid5(uuid.NAMESPACE_URL, key),
            "source_id": "s",
            "natural_key": key,
            "state": "live",
            "version_token": "t",
            "content_sha": "c",
            "size_bytes": 1,
            "modified_at": 0.0,
            "facts_sha": "f",
            "acl": ["*"],
            "stage_signature": "g",
            "chunks_ref": "r",
            "version_hash": "v",
            "title": "t",
            "revision": 1,
            "changed_at": 0.0,
        }
        for key in keys
    ]
    columns = set(documents.documents.c.keys())
    with ledger.transaction() as tx:
        documents.write_documents(tx, [{name: row[name] for name in row if name in columns} for row in rows])
    return [item.natural_key for item in documents.stream_known(ledger, "Docs", "s")]


def test_keys_come_in_the_order_of_their_bytes_as_listings_do(ledger: Ledger) -> None:
    keys = list(AWKWARD)
    random.Random(7).shuffle(keys)
    assert known(ledger, keys) == sorted(keys, key=lambda key: key.encode())


def test_more_documents_than_a_page_come_once_each(ledger: Ledger) -> None:
    keys = [f"{number * 7919 % 10_007:05}" for number in range(5_200)]
    assert known(ledger, keys) == sorted(keys)


def test_a_source_id_means_one_place(ledger: Ledger) -> None:
    here = SourceDeclaration(id="s", kind="folder", location="/here", collection="Docs")
    there = SourceDeclaration(id="s", kind="folder", location="/there", collection="Docs")
    with ledger.transaction() as tx:
        documents.register_source(tx, here, may_move=False)
    with pytest.raises(SystemicError, match="/here"), ledger.transaction() as tx:
        documents.register_source(tx, there, may_move=False)
    with ledger.transaction() as tx:
        documents.register_source(tx, there, may_move=True)
    with pytest.raises(SystemicError), ledger.transaction() as tx:
        documents.register_source(tx, here, may_move=False)


def test_vectors_come_back_bit_for_bit_and_the_first_one_stays(ledger: Ledger) -> None:
    draws = np.random.default_rng(3).standard_normal((600, 4)).astype(np.float32)
    given = {f"key {number}": draws[number] for number in range(600)}
    with ledger.transaction() as tx:
        vectors.store_vectors(tx, "m", given)
        vectors.store_vectors(tx, "m", {"key 0": draws[1]})
    with ledger.reading() as reading:
        found = vectors.find_vectors(reading, [*given, "unknown"])
        assert vectors.known_keys(reading, [*given, "unknown"]) == set(given)
    assert found.keys() == given.keys()
    assert all(np.array_equal(found[key], given[key]) for key in given)


def test_many_threads_store_the_same_vectors_without_an_error(ledger: Ledger) -> None:
    given = {f"key {number}": np.ones(4, dtype=np.float32) for number in range(50)}

    def store(_: int) -> int:
        with ledger.transaction() as tx:
            vectors.store_vectors(tx, "m", given)
            vectors.record_usage(tx, run_id="r", model_hash="m", kind="embed", requests=1, texts=2, tokens=3)
        return 0

    assert together(store) == [0] * THREADS
    with ledger.reading() as reading:
        assert vectors.embedding_usage(reading, ["r"]).texts == 2 * THREADS


def row_of(number: int, rev_from: int, rev_to: int = 0) -> ObjectRow:
    key = uuid.uuid5(uuid.NAMESPACE_URL, str(number))
    return ObjectRow(
        key, "chunks", key, uuid.UUID(int=number % 3), rev_from, rev_to, 1, "h", "e", "r", 0, {"source_id": "s"}
    )


def test_reference_rows_remember_what_was_meant_and_what_was_seen(ledger: Ledger) -> None:
    with ledger.reading() as reading:
        projection = revisions.live_projection(reading, "Docs")
    number = opened(ledger, "s")
    rows = [row_of(one, number) for one in range(700)]
    with ledger.transaction() as tx:
        objects.intend(tx, projection, rows)
        objects.acknowledge(tx, projection, [row.object_id for row in rows[:600]])
        revisions.end_revision(tx, "Docs", number, "published")
    with ledger.reading() as reading:
        assert len(objects.opened_by(reading, projection, number)) == 700
        assert len(objects.newest_acknowledged(reading, projection, limit=1000)) == 600
        unseen = objects.unaudited(reading, projection)
        assert {row.object_id for row in unseen} == {row.object_id for row in rows[600:]}
    with ledger.transaction() as tx:
        objects.set_rev_to(tx, projection, [rows[0].object_id], 9)
        objects.forget(tx, projection, [rows[1].object_id])
    with ledger.reading() as reading:
        assert [row.object_id for row in objects.closed_by(reading, projection, 9)] == [rows[0].object_id]
        assert rows[1].object_id not in objects.find_rows(reading, projection, [row.object_id for row in rows])


def test_a_failed_transaction_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.transaction() as tx:
        revisions.open_revision(
            tx, "Docs", source_id="s", run_id="r", lease_token=1, plan_ref="p", highest_in_store=0
        )
        raise RuntimeError
    with ledger.reading() as reading:
        assert revisions.current_snapshot(reading, "Docs").next_revision == 1


def test_many_processes_may_open_a_new_ledger_at_once(ledger_url: str) -> None:
    ended = together(lambda _: Ledger.open(ledger_url).close(), 3)
    assert ended == [None] * 3


def test_a_ledger_of_a_newer_version_is_refused_by_name(ledger: Ledger, ledger_url: str) -> None:
    with ledger.transaction() as tx:
        tx.execute(sa.text("update alembic_version set version_num = '9999_future'"))
    with pytest.raises(SchemaMismatchError, match="9999_future"):
        Ledger.open(ledger_url)


def test_a_lease_is_prolonged_only_where_a_call_would_outlive_it(ledger: Ledger) -> None:
    lease = leases.acquire(ledger, "s", "me", seconds=30, one_process=False)

    def left() -> float:
        with ledger.reading() as reading:
            [expires_at] = reading.execute(sa.select(schema.leases.c.expires_at)).scalars()
        return float(expires_at) - ledger.now()

    leases.outlast(ledger, [lease], call_seconds=5, seconds=600)
    assert left() <= 30
    leases.outlast(ledger, [lease], call_seconds=60, seconds=600)
    assert left() > 60
    leases.release(ledger, lease)
    leases.acquire(ledger, "s", "other", seconds=600, one_process=False)
    with pytest.raises(LeaseHeldError):
        leases.outlast(ledger, [lease], call_seconds=5, seconds=600)
