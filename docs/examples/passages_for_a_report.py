"""Passages for a task of your own: retrieval by Wellread, the rest by you."""

import json
from pathlib import Path

from airflow.sdk import dag, task

from wellread_airflow.operators import RetrievePassagesOperator


@dag(schedule="0 6 * * 1", catchup=False)
def weekly_risk_report() -> None:
    """Find passages, then work on them."""
    found = RetrievePassagesOperator(
        task_id="find_passages",
        questions=["Which risks were reported?", "Which deadlines were missed?"],
        passages="/data/risks-{{ run_id }}.jsonl",
    )

    @task
    def write_report(passages: str) -> int:
        rows = [json.loads(line) for line in Path(passages).read_text(encoding="utf-8").splitlines()]
        return sum(len(row["passages"]) for row in rows)

    write_report(found.output["passages"])


weekly_risk_report()
