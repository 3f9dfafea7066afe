"""The results on disk, cell by cell, so that a run that was broken off goes on where it was."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.ingestion.competing import Sizes
from benchmarks.reporting import machine, versions

RESUMED_WITHIN = timedelta(hours=12)


class Results:
    """One file of results; several processes may write at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any]:
        """Everything; empty where there is no file."""
        return dict(json.loads(self.path.read_text(encoding="utf-8"))) if self.path.is_file() else {}

    def has(self, name: str, workload: str, sizes: Sizes) -> bool:
        """Whether the cell was measured lately, and at these sizes."""
        cell = self.read().get("workloads", {}).get(workload, {}).get(name, {})
        if cell.get("sizes") != [sizes.documents, sizes.faults]:
            return False
        return datetime.now(UTC) - datetime.fromisoformat(cell["measured_at"]) < RESUMED_WITHIN

    def store(self, name: str, note: str, workload: str, cell: Mapping[str, Any], sizes: Sizes) -> None:
        """Put one cell in the place of the one before."""
        stamp = {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "sizes": [sizes.documents, sizes.faults],
        }
        with Path(__file__).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            report = self.read() | {
                "benchmark": "ingestion",
                "machine": machine(),
                "versions": versions(["weaviate-client", "openai"]),
            }
            report.setdefault("contestants", {})[name] = note
            report.setdefault("workloads", {}).setdefault(workload, {})[name] = {**cell, **stamp}
            report["workloads"] = dict(sorted(report["workloads"].items(), key=lambda item: order_of(item[0])))
            text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
            part = self.path.with_suffix(".part")
            part.write_text(text, encoding="utf-8")
            part.replace(self.path)


def order_of(workload: str) -> tuple[int, str]:
    """W8 before W8u before W10."""
    number = "".join(character for character in workload if character.isdigit())
    return int(number), workload
