"""Money for embedding: reserved before each request, settled after it, in counters that all workers share.

The scopes are ``embed-run:ID``, ``embed-day:DATE`` and ``embed-tenant:NAME:DATE`` (UTC). A process that dies leaves
its reservations standing: what was in flight may have been billed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from wellread.errors import (
    BudgetExhaustedError,
    DocumentError,
    RateLimitedError,
    SettingsError,
    SystemicError,
    WellreadError,
)
from wellread.indexing.parts import Parts
from wellread.indexing.settings import EmbeddingBudgetSettings
from wellread.ledger.budgets import Budgets
from wellread.models.chat.protocol import ChatUsage
from wellread.models.prices import Price
from wellread.models.protocol import Embedder, EmbedderLimits, EmbeddingKind, EmbeddingResult
from wellread.snapshots import ModelIdentity

MICRO = 1_000_000
"""Money is counted in millionths of a US dollar, in integers."""
_UNBILLED = (RateLimitedError, DocumentError, SystemicError)
"""Refusals: the provider computed nothing. After any other error it may have."""


def require_price(parts: Parts) -> None:
    """Raises ``SettingsError`` where there is a budget and nobody knows what would be spent of it."""
    if parts.settings.budget.is_limited and parts.price is None:
        identity = parts.embedder.identity
        raise SettingsError(
            "keep the budget for embedding",
            found=f"the price of {identity.provider} {identity.model} is not known",
            remedy="Set embedder.price_usd_per_million (0 for a server of your own), or take indexing.budget away.",
        )


def cost_micro_usd(price: Price, tokens: int) -> int:
    """What so many tokens cost, rounded up: a budget is never exceeded by rounding."""
    return math.ceil(price.cost_usd(ChatUsage(input_tokens=tokens, output_tokens=0)) * MICRO)


@dataclass(frozen=True, slots=True)
class Purse:
    """What one run may spend on embedding. Without a budget everything fits."""

    budgets: Budgets
    settings: EmbeddingBudgetSettings
    price: Price | None
    run: str
    """Whose ``run_usd`` counts: the same for all waves of one command."""
    tenant: str

    @classmethod
    def of(cls, parts: Parts, run: str, *, tenant: str) -> Purse:
        """The purse of a run."""
        return cls(Budgets(parts.ledger), parts.settings.budget, parts.price, run, tenant)

    def limits(self, *, now: datetime | None = None) -> dict[str, int]:
        """Scope -> limit in micro-dollars, as they are at this moment (UTC)."""
        day = (now or datetime.now(UTC)).date().isoformat()
        named = {
            f"embed-run:{self.run}": self.settings.run_usd,
            f"embed-day:{day}": self.settings.day_usd,
            f"embed-tenant:{self.tenant}:{day}": self.settings.tenant_day_usd,
        }
        return {scope: int(limit * MICRO) for scope, limit in named.items() if limit is not None}

    def cost(self, tokens: int) -> int:
        """Micro-dollars of so many tokens; 0 where the price is not known, which no budget allows."""
        return 0 if self.price is None else cost_micro_usd(self.price, tokens)

    def left_micro_usd(self) -> tuple[int, str] | None:
        """What the tightest scope has left, and its name; ``None``: nothing bounds the spending."""
        limits = self.limits()
        if not limits:
            return None
        held = self.budgets.read(limits)
        return min(
            (max(0, limit - held[scope].spent_micro_usd - held[scope].reserved_micro_usd), scope)
            for scope, limit in limits.items()
        )

    def fitting(self, costs_micro_usd: Sequence[int]) -> int:
        """How many of these, in order, fit into what is left together. Others may spend meanwhile."""
        left = self.left_micro_usd()
        if left is None:
            return len(costs_micro_usd)
        total = 0
        for count, cost in enumerate(costs_micro_usd):
            total += cost
            if total > left[0]:
                return count
        return len(costs_micro_usd)

    def exhausted(self, *, needed_micro_usd: int, scope: str | None = None) -> BudgetExhaustedError:
        """The error of work that there is no money for."""
        left = self.left_micro_usd()
        tight = scope or ("" if left is None else left[1])
        found = "nothing" if left is None else f"${left[0] / MICRO:.6f}"
        return BudgetExhaustedError(
            f"spend up to ${needed_micro_usd / MICRO:.6f} on embedding",
            found=f"the budget {tight} has {found} left",
            remedy="Raise indexing.budget, or run again when the day's budget is new: what is loaded stays, the "
            "rest is pending, and nothing is paid twice.",
        )


class PaidEmbedder:
    """An embedder that spends from a purse: every attempt is reserved before it is sent."""

    def __init__(self, embedder: Embedder, purse: Purse) -> None:
        self._embedder = embedder
        self._purse = purse
        self.billed_tokens = 0
        """Of all answers so far."""

    @property
    def identity(self) -> ModelIdentity:
        """The model's."""
        return self._embedder.identity

    @property
    def limits(self) -> EmbedderLimits:
        """The model's."""
        return self._embedder.limits

    def count_tokens(self, text: str) -> int:
        """As the model counts, or a bound."""
        return self._embedder.count_tokens(text)

    def embed(self, texts: Sequence[str], *, kind: EmbeddingKind) -> EmbeddingResult:
        """One request. Raises ``BudgetExhaustedError`` before anything is sent, else as the model does.

        A request whose end is not known counts as billed with all that was reserved.
        """
        purse = self._purse
        limits = purse.limits()
        amount = purse.cost(sum(self.count_tokens(text) for text in texts))
        short = purse.budgets.reserve(limits, amount)
        if short is not None:
            raise purse.exhausted(needed_micro_usd=amount, scope=short)
        try:
            result = self._embedder.embed(texts, kind=kind)
        except WellreadError as error:
            self._settle(limits, amount, 0 if isinstance(error, _UNBILLED) else amount)
            raise
        self.billed_tokens += result.input_tokens
        self._settle(limits, amount, purse.cost(result.input_tokens) if result.input_tokens else amount)
        return result

    def close(self) -> None:
        """The model is its owner's to close."""

    def _settle(self, limits: Mapping[str, int], reserved: int, spent: int) -> None:
        if reserved:
            self._purse.budgets.settle(limits, reserved_micro_usd=reserved, spent_micro_usd=spent)
