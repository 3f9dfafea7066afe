"""What the demo promises, held against what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wellread.runs import BalanceSheet
from wellread_airflow.demo.dag_runs import DagRunResult

Check = tuple[str, bool]


def first_run(run: DagRunResult, sheet: BalanceSheet, *, files_count: int) -> list[Check]:
    """Everything readable is published, everything else has a state and a cause."""
    quarantined = [problem for problem in sheet.problems if problem.get("cause")]
    return [
        ("the DAG run succeeded", run.state == "success"),
        (f"each of {files_count} files ended in one state", sum(sheet.outcomes.values()) == files_count),
        ("the scan and the cut-off file are in quarantine, with their causes", len(quarantined) == 2),
        ("all other files are published", sheet.outcomes.get("committed") == files_count - 2),
    ]


def idle_run(run: DagRunResult, sheet: BalanceSheet) -> list[Check]:
    """Nothing changed: nothing is done."""
    return [
        ("the DAG run succeeded", run.state == "success"),
        ("0 mapped tasks", run.mapped_count <= 0 or _all_skipped(run)),
        ("0 documents parsed", sheet.parsed == 0),
        ("0 texts embedded", sheet.embeddings_computed == 0),
        ("0 index writes", sheet.index_writes == 0),
    ]


def changed_run(run: DagRunResult, sheet: BalanceSheet) -> list[Check]:
    """One edited, one renamed, one removed: exactly that is done."""
    return [
        ("the DAG run succeeded", run.state == "success"),
        ("1 document parsed: the edited one", sheet.parsed == 1 and sheet.outcomes.get("committed") == 1),
        ("at most 3 chunks embedded", 1 <= sheet.embeddings_computed <= 3),
        ("the renamed file was moved, not embedded again", sheet.outcomes.get("moved") == 1),
        ("the removed file is gone", sheet.outcomes.get("deleted") == 1),
    ]


def answered(
    run: DagRunResult, rows: Sequence[Mapping[str, Any]], asked: Sequence[Mapping[str, Any]]
) -> list[Check]:
    """One row a question, and every quote found in its document."""
    quotes = [item for row in rows for claim in row["claims"] for item in claim["citations"]]
    return [
        ("the DAG run succeeded", run.state == "success"),
        ("one row for each question, in order", [row["id"] for row in rows] == [row["id"] for row in asked]),
        (f"all {len(quotes)} quotes were found in their documents", all(q["match"] != "failed" for q in quotes)),
        ("every question without an answer says why", all(row["answer"] or row["abstain_reason"] for row in rows)),
    ]


def asked_again(run: DagRunResult, row: Mapping[str, Any], *, new: str, old: str) -> list[Check]:
    """The index says what the document says now."""
    text = str(row.get("answer"))
    return [
        ("the DAG run succeeded", run.state == "success"),
        ("the answer quotes the new sentence, not the old one", new in text and old not in text),
    ]


def _all_skipped(run: DagRunResult) -> bool:
    return all(task.state == "skipped" for task in run.tasks if task.map_index >= 0)
