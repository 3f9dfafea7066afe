"""What many deaths came to: the findings of the oracle by kind, and what was paid twice."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REQUEST_TEXTS = 8
"""Of the world's embedder: one request at a time is what a death may repeat."""
KINDS = ("lost", "stale", "double", "outside_the_vector_index", "other")
_MARKS = (
    ("not in the vector index", "outside_the_vector_index"),
    ("missing: ", "lost"),
    ("do not cover", "lost"),
    ("only in the ledger", "lost"),
    ("stale: ", "stale"),
    ("unknown document", "stale"),
    ("only in the store", "stale"),
    ("visible versions", "double"),
)
_PLACED = re.compile(r"(\d+) visible chunks, (\d+) placements")


def kind_of(fault: str) -> str:
    """One of ``KINDS`` for a line of the oracle."""
    if counted := _PLACED.search(fault):
        return "double" if int(counted[1]) > int(counted[2]) else "lost"
    return next((kind for mark, kind in _MARKS if mark in fault), "other")


@dataclass
class Tally:
    """Deaths of one kind in one deployment. Faults are counted, and the test goes on to the next death."""

    victim: str
    seed: int
    kills: int = 0
    moments: Counter[str] = field(default_factory=Counter)
    """Where the victims were."""
    faults: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def died(self, moment: str) -> None:
        """One more."""
        self.kills += 1
        self.moments[moment] += 1

    def look(self, world: Any, *folders: Path) -> None:
        """Ask the oracle after an ordinary run."""
        oracle = sys.modules["wellread_tests_oracle"]
        index = world.index()
        found = oracle.faults_of_ledger(index, world.home / "ledger.db", world.collection)
        for folder in folders or (world.files.path,):
            found += oracle.faults_of_source(index, folder.name, folder)
        self.faults.update(kind_of(fault) for fault in found)
        self.examples += found[: max(0, 10 - len(self.examples))]

    def end(self, world: Any, record: Callable[[str, object], None]) -> None:
        """Write the counts into the report of the tests, then judge them."""
        times = world.embedding.meter().repeated_texts
        repeated = sum(count - 1 for text, count in times.items() if "report" in text)  # not the canary of each run
        beyond = max(0, repeated - self.kills * REQUEST_TEXTS)
        counts = {
            "victim": self.victim,
            "seed": self.seed,
            "kills": self.kills,
            "moments": dict(sorted(self.moments.items())),
            "found_by_the_oracle": {kind: self.faults[kind] for kind in KINDS},
            "embeddings_repeated": repeated,
            "embeddings_repeated_beyond_those_in_flight": beyond,
        }
        record("tally", json.dumps(counts))
        assert not self.faults, self.examples
        assert beyond == 0, counts
