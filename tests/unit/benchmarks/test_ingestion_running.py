"""The ingestion benchmark can be run, goes on where it was broken off, and shows what cannot be measured."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(_BENCHMARKS.parent))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        del sys.modules[name]


def test_every_peer_has_a_script_that_compiles_and_pinned_requirements() -> None:
    from benchmarks.ingestion.peers import contestants

    folder = _BENCHMARKS / "ingestion"
    names = contestants().keys()
    assert {"langchain_full", "langchain_incremental", "llamaindex", "airflow_hook", "unstructured_ingest"} < names
    for path in (folder / "contestants").glob("*.py"):
        compile(path.read_text(encoding="utf-8"), str(path), "exec")
    for path in (folder / "environments").glob("*.txt"):
        assert "==" in path.read_text(encoding="utf-8").splitlines()[0], path


def test_workloads_with_a_target_come_first_and_some_are_wellreads_alone() -> None:
    from benchmarks.ingestion.__main__ import FIRST, WORKLOADS, cells_of
    from benchmarks.ingestion.peers import contestants

    every = contestants()
    order = [(one.name, name) for one, name in cells_of(list(every.values()), None)]
    assert len(order) == len(set(order))
    assert [name for _, name in order[: len(FIRST)]] == list(FIRST)
    assert {name for one, name in order if one == "wellread"} == WORKLOADS.keys()
    assert {name for one, name in order if one == "llamaindex"} == WORKLOADS.keys() - {"W7", "W12", "W13"}


def test_a_cell_is_kept_for_its_sizes_only(tmp_path: Path) -> None:
    from benchmarks.ingestion.competing import Sizes
    from benchmarks.ingestion.results import Results

    results = Results(tmp_path / "results.json")
    assert not results.has("wellread", "W1", Sizes(10, 5))
    for workload in ("W10", "W8u", "W1"):
        results.store("wellread", "as it comes", workload, {"embeddings": 0}, Sizes(10, 5))
    assert list(results.read()["workloads"]) == ["W1", "W8u", "W10"]
    assert results.has("wellread", "W1", Sizes(10, 5))
    assert not results.has("wellread", "W1", Sizes(20, 5))
    assert not results.has("llamaindex", "W1", Sizes(10, 5))


def test_the_table_says_what_cannot_be_measured_and_what_was_smaller() -> None:
    from benchmarks.ingestion.table import table

    right: dict[str, Any] = {
        "documents": 1_000,
        "sizes": [1_000, 150],
        "embeddings": 0,
        "embeddings_ideal": 0,
        "requests": 0,
        "writes": {"changed": 3},
        "errors": {"lost": 0, "stale": 0, "double": 0, "wrong_metadata": 0, "outside": 0},
    }
    wrong = right | {"documents": 60, "sizes": [60, 32], "errors": right["errors"] | {"stale": 2}}
    report = {
        "contestants": {"wellread": "", "small": "", "other": ""},
        "workloads": {"W4": {"wellread": right, "small": wrong, "other": {"cannot": "has no metadata"}}},
    }
    line = table(report).splitlines()[-1]
    assert "| 0 embeddings (ideal 0), 0 requests, 3 writes; 0 errors |" in line
    assert "| n/a: has no metadata |" in line
    assert "| (60 documents) 0 embeddings (ideal 0), 0 requests, 3 writes; **2 stale** |" in line


def test_of_several_turns_the_median_by_time_is_kept(tmp_path: Path) -> None:
    from benchmarks.ingestion.__main__ import Turns
    from benchmarks.ingestion.competing import Sizes
    from benchmarks.ingestion.peers import contestants
    from benchmarks.ingestion.results import Results

    results, wellread = Results(tmp_path / "results.json"), contestants()["wellread"]
    turns = Turns(results)
    for seconds in (9.0, 2.0, 4.0):
        turns.store(wellread, "W0", {"seconds": seconds, "embeddings": seconds}, Sizes(10, 5))
    kept = results.read()["workloads"]["W0"]["wellread"]
    assert (kept["embeddings"], kept["seconds_of_turns"]) == (4.0, [9.0, 2.0, 4.0])
