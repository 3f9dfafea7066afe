"""What a job may spend, and what to do where that is not enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from wellread.errors import BudgetDeferredError, BudgetExhaustedError

OnBudget = Literal["stop", "degrade", "defer"]
MICRO = 1_000_000
"""Money is counted in millionths of a US dollar, in integers."""


class BudgetSettings(BaseModel):
    """Limits in US dollars. Each is one counter that all workers share; a request is reserved in all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_usd: float | None = Field(default=None, ge=0, description="For one question job, its retries included.")
    day_usd: float | None = Field(default=None, ge=0, description="For all jobs of one day (UTC).")
    tenant_day_usd: float | None = Field(default=None, ge=0, description="For one tenant's jobs of one day.")
    on_budget: OnBudget = Field(
        default="stop",
        description="Where a reservation does not fit: 'stop' ends the rows with status `budget`, 'degrade' asks "
        "the cheaper model first, 'defer' ends the run with an error that says when to come back (day budgets).",
    )
    confirm_above_usd: float | None = Field(
        default=None,
        ge=0,
        description="A plan that may cost more is shown and waits for a person. None: nobody is asked.",
    )

    @property
    def is_limited(self) -> bool:
        """Whether anything bounds the spending."""
        return any(limit is not None for limit in (self.run_usd, self.day_usd, self.tenant_day_usd))


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of one job."""

    settings: BudgetSettings
    job_id: str
    tenant: str

    def limits(self, *, now: datetime | None = None) -> dict[str, int]:
        """Scope -> limit in micro-dollars, as they are at this moment (UTC)."""
        day = (now or datetime.now(UTC)).date().isoformat()
        named = {
            f"run:{self.job_id}": self.settings.run_usd,
            f"day:{day}": self.settings.day_usd,
            f"tenant:{self.tenant}:{day}": self.settings.tenant_day_usd,
        }
        return {scope: round(limit * MICRO) for scope, limit in named.items() if limit is not None}

    def deferred(self, scope: str, *, now: datetime | None = None) -> BudgetDeferredError:
        """The error of a job that goes on when the day's budget is new."""
        present = now or datetime.now(UTC)
        midnight = present.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return BudgetDeferredError(
            f"spend more of the budget {scope}",
            found="what is left does not cover the next question",
            remedy="Run the job again tomorrow (UTC), or raise the budget: it goes on where it stopped.",
            retry_after_seconds=math.ceil((midnight - present).total_seconds()),
        )

    def exhausted(self, scope: str) -> BudgetExhaustedError:
        """The error of a row that there is no money for."""
        return BudgetExhaustedError(
            f"spend more of the budget {scope}",
            found="what is left does not cover this question",
            remedy="Raise the budget and answer the file again: what is answered is not paid again.",
        )


def micro_usd(usd: float) -> int:
    """Millionths, rounded up: a budget is never exceeded by rounding."""
    return math.ceil(usd * MICRO)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What executing a plan will cost, before anything is spent."""

    row_count: int
    paid_count: int
    """Rows that something would be sent for."""
    known_count: int
    """Rows whose response is stored already."""
    free_count: int
    """Rows that end without a response: nothing relevant, or no question."""
    input_tokens: int
    """A bound, over all rows that would be sent."""
    low_usd: float | None
    """With answers of the usual length; ``None`` where the price is not known."""
    high_usd: float | None
    """With answers as long as they may be. Repairs and fallbacks come on top, and budgets hold them too."""
    price_source: str | None

    def as_dict(self) -> Mapping[str, object]:
        """As JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}
