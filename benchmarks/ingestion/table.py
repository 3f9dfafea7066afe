"""The results as one Markdown table: ``python -m benchmarks.ingestion --table``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Cell = Mapping[str, Any]

_TITLES = {
    "W0": "first load",
    "W1": "nothing changed",
    "W2": "a sentence in the middle of 10 documents",
    "W3": "a sentence at the head of 10 documents",
    "W4": "metadata of 10 % changed",
    "W5": "2 % removed",
    "W6": "2 % renamed",
    "W7": "5 % stand in a second source too, then the first loses them",
    "W8": "killed in the first load (4 points), run again",
    "W8u": "killed in an update of 30 %, run again",
    "W9": "10 % 429, 2 % 500, 5 documents refused; two runs",
    "W10": "Weaviate killed at 40 %, back after 3 s, run again",
    "W10b": "a reader, while its document is replaced",
    "W11": "the source lists nothing",
    "W12": "another embedding model, under 20 queries a second and edits; rollback",
    "W13": "another chunk size",
    "W14": "two first loads at once",
    "W15": "the store is lost",
    "W16": "`guide-N.md` edited beside `guide-N-appendix.md`",
}
_WORDS = {
    "lost": "lost",
    "stale": "stale",
    "double": "double",
    "wrong_metadata": "with old metadata",
    "outside": "outside the vector index",
}


def table(report: Mapping[str, Any]) -> str:
    """One line a workload, one column a contestant; what is wrong is bold.

    A cell that was measured with fewer documents than Wellread's says so.
    """
    names = sorted(report["contestants"], key=lambda name: (name != "wellread", name))
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for workload, cells in report["workloads"].items():
        usual = cells.get("wellread", {}).get("sizes")
        told = [_sized(workload, cells[name], usual) if name in cells else "not run" for name in names]
        lines.append(f"| {workload} {_TITLES[workload]} | {' | '.join(told)} |")
    return "\n".join(lines)


def _sized(workload: str, cell: Cell, usual: list[int] | None) -> str:
    size = "" if cell.get("sizes") == usual or "cannot" in cell else f"({cell['documents']} documents) "
    return size + _told(workload, cell)


def _told(workload: str, cell: Cell) -> str:
    if "cannot" in cell:
        return f"n/a: {cell['cannot']}"
    special = {
        "W0": _load,
        "W1": _load,
        "W9": _provider,
        "W10b": _reader,
        "W11": _emptied,
        "W12": _migrated,
        "W13": _resized,
    }.get(workload)
    parts = special(cell) if special else _costs(cell)
    return "; ".join([*parts, *_faults(cell)])


def _load(cell: Cell) -> list[str]:
    return [f"{_spent(cell)}, {cell['seconds']:.0f} s, {cell['peak_memory_mib']} MiB"]


def _costs(cell: Cell) -> list[str]:
    if "embeddings_extra_max" in cell:
        in_flight = max((point["texts_per_request_max"] for point in cell["points"]), default=0)
        missed = len(cell["points"]) - cell["points_hit"]
        return [
            f"{cell['embeddings_extra_max']} extra embeddings at most, {in_flight} in a request",
            *([f"ended before the kill at {missed} points"] if missed else []),
        ]
    if "embeddings_extra" in cell:
        absent = cell.get("documents_absent_between")
        return [
            f"{max(0, cell['embeddings_extra'])} extra embeddings",
            *([] if cell["was_hit"] else ["ended before the kill"]),
            *([f"**{absent} documents absent in between**"] if absent else []),
        ]
    return [_spent(cell)]


def _spent(cell: Cell) -> str:
    """Older results have no requests or writes of some workloads."""
    ideal = f" (ideal {cell['embeddings_ideal']})" if "embeddings_ideal" in cell else ""
    requests = [f"{cell['requests']} requests"] if "requests" in cell else []
    writes = [f"{sum(cell['writes'].values())} writes"] if "writes" in cell else []
    return ", ".join([f"{cell['embeddings']} embeddings{ideal}", *requests, *writes])


def _provider(cell: Cell) -> list[str]:
    text = f"{cell['healthy_stored']} of {cell['healthy']} healthy documents stored"
    return [text if cell["healthy_stored"] == cell["healthy"] else f"**{text}**"]


def _reader(cell: Cell) -> list[str]:
    found = [("nothing seen", cell["zero_ms"]), ("old and new together", cell["doubled_ms"])]
    return [f"{what} for {count} ms" if not count else f"**{what} for {count} ms**" for what, count in found]


def _migrated(cell: Cell) -> list[str]:
    failed = f"{cell['queries_failed']} of {sum(cell['queries'].values())} queries failed"
    return [
        _spent(cell),
        f"**{failed}**" if cell["queries_failed"] else failed,
        f"rollback {cell['rollback_seconds']} s",
        *_reader(cell),
    ]


def _resized(cell: Cell) -> list[str]:
    return [_spent(cell), *_reader(cell)]


def _emptied(cell: Cell) -> list[str]:
    count = cell["deleted_unasked"]
    return [f"**deletes {count} of {cell['of']}**" if count else "deletes nothing"]


def _faults(cell: Cell) -> list[str]:
    if "errors" not in cell:
        return []
    found = [f"{count} {_WORDS[name]}" for name, count in cell["errors"].items() if count]
    return [f"**{', '.join(found)}**"] if found else ["0 errors"]
