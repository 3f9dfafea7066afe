"""``wellread report``: the quality report of a run, opened from the artifacts, on whatever machine it was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wellread.artifacts.bundles import get_folder
from wellread.cli.opening import opened
from wellread.cli.output import Output
from wellread.errors import SettingsError
from wellread.ledger import run_records
from wellread.workspace import Workspace

LOOKED_AT_COUNT = 200


def report(output: Output, source: str, *, collection: str | None) -> None:
    """Write the pages of the source's newest report below the home and print where."""
    with opened(output, collection=collection) as workspace:
        run = next(_with_report(workspace, source), None)
        if run is None:
            raise SettingsError(
                f"the quality report of the source {source!r}",
                found="none of its newest runs has one",
                remedy="Runs of fewer documents than quality.run.documents_count_min are not judged as a whole; "
                "see `wellread status` for the runs",
            )
        kept = run["report"][run_records.QUALITY_REPORT]
        folder = workspace.home / "reports" / kept["reference"].rsplit("/", 1)[-1][:16]
        page = get_folder(workspace.artifacts, kept["reference"], folder) / "index.html"
    found = {"source": source, "run_id": run["run_id"], "state": run["state"], "revision": run["revision"]}
    output.result({**found, "page": page.as_uri(), "artifact": kept["uri"]})
    output.line(page.as_uri())


def _with_report(workspace: Workspace, source: str) -> Iterator[Mapping[str, Any]]:
    with workspace.ledger.reading() as reading:
        runs = run_records.latest_runs(reading, workspace.settings.collection, limit=LOOKED_AT_COUNT)
    for run in runs:
        if run["source_id"] == source and run_records.QUALITY_REPORT in (run["report"] or {}):
            yield run
