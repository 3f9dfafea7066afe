"""What a question job will cost, shown and confirmed before it is spent."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import typer

from wellread.answering.jobs.spending import Estimate
from wellread.cli.output import Output
from wellread.errors import PolicyError
from wellread.workspace.questions import PlannedJob


def usd(amount: float | None) -> str:
    """A sum of money for people."""
    if amount is None:
        return "an unknown price"
    if amount >= 1 or amount == 0:
        return f"${amount:,.2f}"
    return f"${amount:.4f}" if amount >= 0.001 else f"${amount:.6f}"


def plan_as_dict(job: PlannedJob) -> Mapping[str, object]:
    """The plan for ``--json``."""
    return {**job.estimate.as_dict(), "sending": job.sending, "resumed": job.resumed}


def print_plan(output: Output, job: PlannedJob) -> None:
    """How many rows will be asked, and for how much."""
    estimate = job.estimate
    output.line(
        f"{estimate.row_count} questions: {estimate.paid_count} to ask, {estimate.known_count} answered before, "
        f"{estimate.free_count} with nothing to read",
        style="bold",
    )
    if job.resumed:
        output.line("An interrupted job goes on with its plan.")
    for line in _price_lines(job, estimate):
        output.line(line)


def _price_lines(job: PlannedJob, estimate: Estimate) -> list[str]:
    if estimate.paid_count == 0 or (estimate.high_usd == 0 and estimate.price_source is None):
        return ["Nothing is paid."]
    how = "in the provider's batches" if job.sending == "batch" else "one by one"
    asked = f"{estimate.input_tokens:,} input tokens at most, sent {how}"
    if estimate.high_usd is None:
        return ["Price: unknown (state it in the setting chat.price)", f"       {asked}"]
    price = f"Price: {usd(estimate.low_usd)} to {usd(estimate.high_usd)}"
    return [f"{price} (by {estimate.price_source})", f"       {asked}"]


def confirm_price(output: Output, job: PlannedJob, *, limit_usd: float | None, yes: bool) -> None:
    """Ask on a terminal where the plan may cost more than the limit.

    Raises ``PolicyError`` where the answer is no, or nobody can be asked.
    """
    estimate = job.estimate
    is_cheap = estimate.high_usd is not None and limit_usd is not None and estimate.high_usd <= limit_usd
    if yes or limit_usd is None or estimate.paid_count == 0 or is_cheap:
        return
    asked = f"answer {estimate.paid_count} questions for {_up_to(estimate.high_usd)}"
    if output.as_json or not sys.stdin.isatty():
        raise PolicyError(
            asked,
            found=f"more than {usd(limit_usd)} is to be confirmed, and there is no terminal to ask on",
            remedy="Add --yes, or raise the setting answering.budget.confirm_above_usd.",
        )
    if not typer.confirm(f"Spend {_up_to(estimate.high_usd)}?", err=True):
        raise PolicyError(asked, found="the answer was no", remedy="Nothing was spent.")


def _up_to(amount: float | None) -> str:
    return usd(amount) if amount is None else f"up to {usd(amount)}"
