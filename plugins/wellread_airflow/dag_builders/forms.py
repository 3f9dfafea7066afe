"""The fields of the DAGs' forms."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from wellread_airflow.operators.question_options import MODES, ON_BUDGET

_ANSWERS = r"(\.(jsonl|ndjson|csv|tsv|xlsx|parquet)$|^conn:[^#]+#.+$)"


def questions_param(default: str) -> Param:
    """The file of questions."""
    return Param(
        default,
        type="string",
        minLength=1,
        title="Questions",
        description="Path or URI of a JSONL, CSV, TSV, XLSX or Parquet file with a column `question`. A column "
        "`id` is used; other columns are handed through to the answers.",
    )


def answers_param(default: str) -> Param:
    """Where the answers go."""
    return Param(
        default,
        type="string",
        pattern=_ANSWERS,
        title="Answers",
        description="Path or URI of the file to write: its ending says the format, its folder must exist. Or a "
        "table, `conn:CONNECTION#table`, or a webhook, `conn:CONNECTION#/path`.",
    )


def question_param() -> Param:
    """One question."""
    return Param(
        "What is this collection about?",
        type="string",
        minLength=1,
        maxLength=10_000,
        format="multiline",
        title="Question",
        description="One question in plain words.",
    )


def job_params(job_name: str | None, *, review: bool = False) -> dict[str, Param]:
    """The options of a question job, in the order of the form."""
    return {
        "mode": _choice(MODES, "How to send", "One by one, in the provider's batches, or by size and deadline."),
        "budget_usd": _amount("Budget (US dollars)", "What this job may cost, its retries included."),
        "on_budget": _choice(ON_BUDGET, "Where the budget is short", "End, ask a cheaper model, go on tomorrow."),
        "confirm_above_usd": _amount("Ask above (US dollars)", "A job that may cost more waits for a person."),
        "deadline_at": _text("Needed by", "A moment such as 2026-01-31T08:00:00Z; the mode `auto` looks at it."),
        "prompt": _text("Prompt", "The prompt file, without .md."),
        "filter": _text("Filter", 'Which documents may answer, as JSON: {"field": "year", "at_least": 2024}.'),
        "review": Param(
            review,
            type="boolean",
            title="Review",
            description="Flagged answers wait for a person before they are published.",
        ),
        "also": _text("Also publish to", "More destinations, one a line.", format="multiline"),
        "job": Param(
            job_name,
            type=["null", "string"],
            title="Name of the job",
            description="What its answers are compared with from run to run. Without it: where the answers go.",
        ),
    }


def box_param(title: str, description: str, *, default: bool) -> Param:
    """A box that is ticked or not."""
    return Param(default, type="boolean", title=title, description=description)


def needed_param(title: str, description: str) -> Param:
    """A text that has no default: whoever starts the DAG must say it."""
    return Param(type="string", minLength=1, maxLength=1_000, title=title, description=description)


def _choice(words: tuple[str, ...], title: str, description: str) -> Param:
    return Param(
        None, type=["null", "string"], enum=[None, *words], title=title, description=f"{description} {_SETTING}"
    )


def _amount(title: str, description: str) -> Param:
    return Param(None, type=["null", "number"], minimum=0, title=title, description=f"{description} {_SETTING}")


def _text(title: str, description: str, **more: Any) -> Param:
    return Param(None, type=["null", "string"], title=title, description=description, **more)


_SETTING = "Empty: as the deployment's settings say."
