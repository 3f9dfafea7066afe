"""Migrations of a deployment: their price before, and the golden questions that both copies are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wellread.evaluation.evaluator import evaluate
from wellread.evaluation.gate import gate
from wellread.evaluation.gold import GoldQuestion, read_gold
from wellread.evaluation.results import EvaluationResults, gold_sha256
from wellread.retrieval.retriever import Retriever
from wellread.snapshots import Head, Projection
from wellread.stores.weaviate_store import WeaviateStore
from wellread.upkeep.migrating import Gate
from wellread.upkeep.migration_estimate import Estimate, estimate_migration
from wellread.workspace.baselines import settings_sha256
from wellread.workspace.composition import Workspace


@dataclass(frozen=True, slots=True)
class Priced:
    """What a migration would embed, and what that costs."""

    estimate: Estimate
    usd: tuple[float, float] | None
    """From the price in batches to the direct one; ``None`` where nobody knows it, or the model is local."""

    def as_dict(self) -> dict[str, object]:
        """The JSON that ``wellread migrate --dry-run --json`` prints."""
        return {**self.estimate.as_dict(), "usd": None if self.usd is None else list(self.usd)}


def price_migration(workspace: Workspace, collection: str) -> Priced:
    """Count and price what a migration would embed; nothing is written or asked of a model."""
    found = estimate_migration(workspace.parts, collection)
    price = workspace.parts.price
    if price is None or workspace.embedder.identity.provider == "local":
        return Priced(found, None)
    millions = found.tokens / 1_000_000
    costs = sorted(float(rates[0].input_usd_per_million) * millions for rates in (price.batch, price.direct))
    return Priced(found, (round(costs[0], 6), round(costs[1], 6)))


def gold_gate(workspace: Workspace, path: Path) -> Gate:
    """A gate that asks golden questions of both copies, each with its own model, and compares them in pairs.

    It raises ``RegressionError`` where the new copy is worse than ``evaluation.gate`` allows.
    """
    gold = read_gold(path)

    def judge(live: Projection, new: Projection) -> None:
        settings = workspace.settings.evaluation.gate
        before, after = _results(workspace, live, gold), _results(workspace, new, gold)
        gate(before, after, settings).require_passed()

    return judge


@dataclass(frozen=True, slots=True)
class _HeadOf:
    """The store of a copy: its head names the copy, whichever is live."""

    store: WeaviateStore
    copy: Projection

    def read_head(self, collection: str) -> Head | None:
        """The newest head, as if the copy were live."""
        head = self.store.read_head(collection)
        return None if head is None else replace(head, projection=self.copy)

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)


def _results(workspace: Workspace, copy: Projection, gold: Sequence[GoldQuestion]) -> EvaluationResults:
    """Retrieval alone: the answers' model is the same on both sides, and costs money."""
    retriever = Retriever(
        _HeadOf(workspace.store, copy),  # type: ignore[arg-type]  # everything but the head is the store's own
        workspace.embedder,
        workspace.settings.retrieval,
        previous_embedder=workspace.previous_embedder,
    )
    report = evaluate(
        gold,
        retriever,
        collection=copy.collection,
        scope=workspace.scope(),
        settings=workspace.settings.evaluation,
    )
    return EvaluationResults(
        collection=copy.collection,
        tenant=workspace.settings.tenant,
        gold_sha256=gold_sha256(gold),
        snapshot=report.snapshot.as_text(),
        settings_sha256=settings_sha256(workspace),
        measures=report.measures,
        scores={one.gold.id: one.scores for one in report.questions},
        model=None,
        prompt=None,
        prompt_sha256=None,
        judge=None,
    )
