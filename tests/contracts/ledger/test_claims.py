"""Claims on embedding keys, on both databases: one payer a key, and a dead one holds nobody up."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import sqlalchemy as sa

from wellread.ledger.claims import Claimant, drop_expired
from wellread.ledger.database import Ledger
from wellread.ledger.schema import claims
from wellread.ledger.vectors import store_vectors

KEYS = [f"key-{number:03}" for number in range(40)]


def pay(claimant: Claimant, keys: list[str]) -> None:
    with claimant.ledger.transaction() as tx:
        store_vectors(tx, "model", {key: np.ones(4, dtype=np.float32) for key in keys})
        claimant.release(tx, keys)


def test_a_claimed_key_is_nobody_elses_until_it_is_let_go(ledger: Ledger) -> None:
    first, second = Claimant(ledger, 60), Claimant(ledger, 60)
    assert first.take(KEYS[:3]).mine == KEYS[:3]
    assert second.take(KEYS[1:5]).mine == KEYS[3:5]
    first.release_all()
    assert second.take(KEYS[:3]).mine == KEYS[:3]


def test_what_was_paid_meanwhile_comes_back_as_a_vector_and_stays_unclaimed(ledger: Ledger) -> None:
    first, second = Claimant(ledger, 60), Claimant(ledger, 60)
    first.take(KEYS[:2])
    pay(first, KEYS[:1])
    taken = second.take(KEYS[:2])
    assert (list(taken.known), taken.mine) == (KEYS[:1], [])
    first.release_all()
    assert second.take(KEYS[:2]).mine == KEYS[1:2]


def test_claims_of_a_worker_that_gives_no_sign_of_life_lapse(ledger: Ledger) -> None:
    silent, living = Claimant(ledger, 0.05), Claimant(ledger, 60)
    silent.take(KEYS)
    time.sleep(0.1)
    assert living.take(KEYS).mine == KEYS


def test_expired_claims_that_nobody_meets_again_are_dropped(ledger: Ledger) -> None:
    silent, living = Claimant(ledger, 0.05), Claimant(ledger, 60)
    silent.take(KEYS[:3])
    living.take(KEYS[3:5])
    time.sleep(0.1)
    assert drop_expired(ledger) == 3
    assert drop_expired(ledger) == 0
    with ledger.reading() as reading:
        assert sorted(reading.execute(sa.select(claims.c.embedding_key)).scalars()) == KEYS[3:5]


def test_a_worker_that_pays_for_long_keeps_its_claims(ledger: Ledger) -> None:
    slow, other = Claimant(ledger, 3), Claimant(ledger, 60)
    with slow.paying():
        slow.take(KEYS)
        time.sleep(5)
        assert other.take(KEYS).mine == []
    assert other.take(KEYS).mine == KEYS


def test_a_killed_worker_of_this_machine_holds_nothing(ledger: Ledger, ledger_url: str) -> None:
    program = (
        "import os, signal, sys\n"
        "from wellread.ledger.claims import Claimant\n"
        "from wellread.ledger.database import Ledger\n"
        "taken = Claimant(Ledger.open(sys.argv[1]), 3_600).take(sys.argv[2:])\n"
        "assert taken.mine == sys.argv[2:]\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, ledger_url, *KEYS], check=False, timeout=120)
    assert ended.returncode == -9
    assert Claimant(ledger, 60).take(KEYS).mine == KEYS


@pytest.mark.timeout(120)
def test_many_workers_at_once_pay_each_key_once_and_never_block_each_other(ledger: Ledger) -> None:
    workers = 4
    together = Barrier(workers)

    def work(number: int) -> list[str]:
        claimant = Claimant(ledger, 60)
        # Each in an order of its own: a circle of waiting locks would show as a deadlock.
        keys = KEYS if number % 2 else KEYS[::-1]
        paid: list[str] = []
        together.wait()
        while True:
            with claimant.paying():
                taken = claimant.take(keys)
                if len(taken.known) == len(keys):
                    return paid
                for start in range(0, len(taken.mine), 3):
                    pay(claimant, taken.mine[start : start + 3])
                paid.extend(taken.mine)

    with ThreadPoolExecutor(workers) as pool:
        paid = [key for keys in pool.map(work, range(workers)) for key in keys]
    assert sorted(paid) == KEYS
