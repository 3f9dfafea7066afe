"""The options of ``wellread answer``, and what is wrong with them before anything is opened."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast, get_args

from wellread.answering.jobs.spending import BudgetSettings, OnBudget
from wellread.answering.settings import SendingMode
from wellread.errors import SettingsError
from wellread.workspace.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """What ``wellread answer`` was told, as it was written."""

    questions: str
    out: str
    to: Sequence[str] = ()
    mode: str | None = None
    deadline: str | None = None
    budget_usd: float | None = None
    on_budget: str | None = None
    yes: bool = False
    dry_run: bool = False
    name: str | None = None
    collection: str | None = None

    @property
    def job_name(self) -> str:
        """By default where the answers go: the same command is the same job."""
        if self.name is not None:
            return self.name
        return self.out if "://" in self.out else str(Path(self.out).resolve())


def when_of(options: AnswerOptions) -> tuple[SendingMode | None, datetime | None]:
    """How requests are sent, and until when. A deadline alone means ``auto``."""
    mode = None if options.mode is None else _one_of("--mode", options.mode, get_args(SendingMode))
    if options.deadline is None:
        return cast("SendingMode | None", mode), None
    if mode not in {None, "auto"}:
        raise SettingsError(
            f"answer with --mode {mode} and a --deadline",
            found="only the mode auto looks at a deadline",
            remedy="Leave one of them out.",
        )
    return "auto", _moment(options.deadline)


def _moment(text: str) -> datetime:
    found = "it is no time"
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None and moment > datetime.now(UTC):
            return moment.astimezone(UTC)
        found = "it has no time zone" if moment.tzinfo is None else "it is past"
    raise SettingsError(
        f"answer until {text!r}",
        found=found,
        remedy="Write a time to come, such as 2030-01-31T08:00+01:00 or 2030-01-31T07:00Z.",
    )


def _one_of(option: str, given: str, known: Sequence[str]) -> str:
    if given not in known:
        raise SettingsError(
            f"answer with {option} {given}",
            found="there is no such choice",
            remedy=f"Choose of {', '.join(known)}.",
        )
    return given


def budget_override(options: AnswerOptions) -> Mapping[str, Any]:
    """The settings of answering with the options' budget; empty where there is none."""
    if options.budget_usd is None and options.on_budget is None:
        return {}
    settings = load_settings()
    budget = settings.answering.budget.model_dump()
    if options.budget_usd is not None:
        budget["run_usd"] = options.budget_usd
    if options.on_budget is not None:
        budget["on_budget"] = _one_of("--on-budget", options.on_budget, get_args(OnBudget))
    changed = BudgetSettings(**budget)
    if options.on_budget is not None:
        _require_sense(changed, settings)
    return {"answering": settings.answering.model_copy(update={"budget": changed})}


def _require_sense(budget: BudgetSettings, settings: Settings) -> None:
    """Raises where ``--on-budget`` could never do anything."""
    found = None
    if not budget.is_limited:
        found, remedy = "there is no budget", "Add --budget-usd, or set a budget of answering.budget."
    elif budget.on_budget == "degrade" and settings.chat.degraded is None:
        found, remedy = "there is no cheaper model", "Set chat.degraded to the model that shall answer then."
    elif budget.on_budget == "defer" and budget.day_usd is None and budget.tenant_day_usd is None:
        found, remedy = "only budgets of a day are new tomorrow", "Set answering.budget.day_usd, or choose stop."
    if found is not None:
        raise SettingsError(f"answer with --on-budget {budget.on_budget}", found=found, remedy=remedy)
