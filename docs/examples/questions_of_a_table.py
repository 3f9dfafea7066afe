"""Questions that a function finds, answered only from fresh documents; then a task that reads the answers."""

import json
from pathlib import Path

from airflow.sdk import dag, task

from wellread_airflow.sensors import IndexFreshSensor


@dag(schedule="0 7 * * 1-5", catchup=False)
def supplier_questions() -> None:
    """Wait for today's ingestion, ask, work on the answers."""
    fresh = IndexFreshSensor(task_id="wait_for_documents", fresh_since="{{ dag_run.run_after.date() }}")

    @task.wellread_answer(answers="/data/suppliers.jsonl", budget_usd=2)
    def ask_about_suppliers() -> list[dict[str, str]]:
        suppliers = ["Harbour Ropes", "North Lamps"]  # in your DAG: rows of a table
        return [{"id": name, "question": f"When does the contract with {name} end?"} for name in suppliers]

    @task
    def count_answers(answers: str) -> int:
        rows = [json.loads(line) for line in Path(answers).read_text(encoding="utf-8").splitlines()]
        return sum(row["status"] == "answered" for row in rows)

    asked = ask_about_suppliers()
    fresh >> asked
    count_answers(asked["answers"])


supplier_questions()
