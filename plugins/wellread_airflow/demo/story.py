"""The demo as it is told: three ingestions, a batch of questions, one question again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from wellread.cli.ingesting import print_sheet
from wellread.cli.output import Output
from wellread.errors import SystemicError
from wellread.runs import BalanceSheet
from wellread_airflow.demo import checks, stage
from wellread_airflow.demo.checks import Check
from wellread_airflow.demo.dag_runs import DagFolder, DagRunResult
from wellread_airflow.demo.stage import Stage

INGEST, ANSWER, ASK = "ingest__demo", "answer_questions", "ask"
QUESTION_AGAIN = "Who surveyed the route of the railway, and when?"


class Story:
    """Tells the demo on a console and remembers what did not go as promised."""

    def __init__(self, place: Stage, console: Console) -> None:
        self.place = place
        self.console = console
        self.broken: list[str] = []
        self._output = Output(as_json=False)
        self._output.console = console

    def tell(self) -> int:
        """Play it; 0 if everything went as promised, else 1."""
        started = time.monotonic()
        self._say("Wellread: documents in, checked answers out", style="bold")
        self._say(f"It plays in {self.place.folder}; your own documents and settings are not touched.")
        self._say(f"Everything that Airflow says is in {self.place.log}")
        with self._busy("Copying the documents, preparing Airflow's database"):
            stage.set_up(self.place)
            dags = DagFolder(self.place.dags)
        self._ingestions_before(dags)
        self._questions(dags)
        self._changes(dags)
        self._end(time.monotonic() - started)
        return 1 if self.broken else 0

    # -- chapters ---------------------------------------------------------------------------------------------
    def _ingestions_before(self, dags: DagFolder) -> None:
        files = [path for path in self.place.documents.rglob("*") if path.is_file()]
        self._heading(f"1  First run: {len(files)} files in {len({p.suffix for p in files})} formats")
        run, sheet = self._ingest(dags)
        self._check(checks.first_run(run, sheet, files_count=len(files)))
        self._heading("2  Second run: nothing has changed")
        run, sheet = self._ingest(dags)
        self._check(checks.idle_run(run, sheet))

    def _questions(self, dags: DagFolder) -> None:
        asked = _json_lines(self.place.questions.read_text(encoding="utf-8"))
        self._heading(f"3  {len(asked)} questions from {self.place.questions.name}, as one batch")
        conf = {"questions": str(self.place.questions), "answers": str(self.place.answers)}
        run = self._run(dags, ANSWER, conf)
        if not self.place.answers.exists():
            self._check([("the answers were written", False)])
            return
        rows = _json_lines(self.place.answers.read_text(encoding="utf-8"))
        for row in rows:
            self._print_row(row)
        self._check(checks.answered(run, rows, asked))

    def _changes(self, dags: DagFolder) -> None:
        stage.change_documents(self.place)
        self._heading("4  Third run: three things have changed")
        self._say(f"edited   {stage.EDITED}: “{stage.OLD_WORDS}” is now “{stage.NEW_WORDS}”")
        self._say(f"renamed  {stage.RENAMED} to {stage.NEW_NAME}")
        self._say(f"removed  {stage.REMOVED}")
        run, sheet = self._ingest(dags)
        self._check(checks.changed_run(run, sheet))
        self._heading("5  Asking again what the edited sentence says")
        run = self._run(dags, ASK, {"question": QUESTION_AGAIN})
        row = run.results.get(ASK) or {}
        self._print_row(row)
        self._check(checks.asked_again(run, row, new=stage.NEW_WORDS, old=stage.OLD_WORDS))

    def _end(self, seconds: float) -> None:
        self._heading("What to do next")
        home = f"WELLREAD_HOME={self.place.home}"
        self._say(f"{home} .venv/bin/wellread ask 'When does the last train leave Kestrel Summit?'")
        self._say(f"{home} .venv/bin/wellread search 'snow on the viaduct'")
        self._say(".venv/bin/wellread ingest FOLDER      your own documents")
        self._say(
            "make up                               Airflow's web interface with these DAGs; make down stops it"
        )
        self._say("dags/sources/demo.yaml                copy it for a source of your own")
        self._say(f"The answers are in {self.place.answers}")
        self._say()
        if self.broken:
            self._say(f"NOT as promised, after {seconds:.0f} s:", style="bold red")
            for promise in self.broken:
                self._say(f"  {promise}", style="red")
            self._say(f"See {self.place.log}")
        else:
            self._say(f"Everything went as promised, in {seconds:.0f} s.", style="bold green")

    # -- pieces -----------------------------------------------------------------------------------------------
    def _ingest(self, dags: DagFolder) -> tuple[DagRunResult, BalanceSheet]:
        run = self._run(dags, INGEST, {})
        sheet = _stored_sheet(f"airflow {run.dag_id} {run.run_id}")
        print_sheet(self._output, sheet)
        return run, sheet

    def _run(self, dags: DagFolder, dag_id: str, conf: Mapping[str, Any]) -> DagRunResult:
        with self._busy(f"Airflow runs the DAG {dag_id}"):
            run = dags.run(dag_id, conf)
        steps = ", ".join(_step(run, name) for name in dict.fromkeys(task.task_id for task in run.tasks))
        self._say(f"DAG {dag_id}: {run.state} ({steps})", style="dim")
        return run

    def _print_row(self, row: Mapping[str, Any]) -> None:
        self._say()
        self._say(str(row.get("question")), style="bold")
        if not row.get("answer"):
            reason = row.get("abstain_reason") or row.get("status")
            self._say(f"  no answer: {str(reason).replace('_', ' ')}", style="yellow")
            return
        self._say(f"  {row['answer']}")
        for claim in row["claims"]:
            for item in claim["citations"]:
                page = "" if item["page"] is None else f", page {item['page']}"
                self._say(f"  “{item['quote']}”  {item['document']}{page} ({item['match']} quote)", style="dim")

    def _check(self, promises: Sequence[Check]) -> None:
        self._say()
        for promise, kept in promises:
            self._say(f"  {'✓' if kept else '✗'} {promise}", style="green" if kept else "bold red")
            if not kept:
                self.broken.append(promise)

    def _heading(self, text: str) -> None:
        self.console.print()
        self.console.rule(text, align="left", style="cyan")

    def _say(self, text: str = "", *, style: str | None = None) -> None:
        self.console.print(text, style=style, markup=False)

    def _busy(self, text: str) -> Any:
        return self.console.status(f"{text} ...")


def _step(run: DagRunResult, task_id: str) -> str:
    tasks = [task for task in run.tasks if task.task_id == task_id]
    mapped = f" ×{len(tasks)}" if tasks[0].map_index >= 0 else ""
    if all(task.state == "skipped" for task in tasks):
        return f"{task_id} skipped"
    return f"{task_id}{mapped} {sum(task.seconds for task in tasks):.1f} s"


def _stored_sheet(run_id: str) -> BalanceSheet:
    """The balance sheet as the ledger keeps it."""
    from wellread.ledger import run_records
    from wellread.workspace import Workspace

    with Workspace.open() as workspace, workspace.ledger.reading() as reading:
        record = run_records.find_run(reading, run_id)
    report = (record or {}).get("report") or {}
    if "sheet" not in report:
        raise SystemicError(
            f"read the balance sheet of {run_id}",
            found="the run was not published",
            remedy=f"See the log: {os.environ['WELLREAD_HOME']}/../demo.log",
        )
    return BalanceSheet.from_dict(report["sheet"])


def _json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]
