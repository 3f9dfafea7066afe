"""A collection moved to another embedding model: priced, confirmed by a person, filled, switched, taken back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellread.errors import SettingsError
from wellread_airflow.form_values import is_set, text_or_none
from wellread_airflow.operators.consenting import keep_list
from wellread_airflow.operators.upkeep_operator import UpkeepOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.upkeep.migrating import Migrated
    from wellread.workspace import Workspace

MIGRATION_STEPS = ("migrate", "prepare", "rollback", "finish")


class PriceMigrationOperator(UpkeepOperator):
    """Count what a migration to the configured model would embed, and its price. Nothing is written or paid.

    Returns the counts, and the list that ``ConfirmListOperator`` shows.
    """

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Read every document's chunks."""
        del context
        from wellread.workspace.migrating import price_migration

        priced = price_migration(workspace, workspace.settings.collection).as_dict()
        model = workspace.embedder.identity
        told = {"model": f"{model.provider} {model.model}, {model.dimensions} dimensions"}
        told |= {name: str(value) for name, value in priced.items() if name != "usd"}
        usd = priced["usd"]
        told["price"] = f"{usd[0]} to {usd[1]} US dollars" if isinstance(usd, list) else "none, or not known"
        self.log.info("%s", told)
        return {**told, **keep_list(workspace, [(name, value) for name, value in told.items()])}


class MigrateIndexOperator(UpkeepOperator):
    """Move a collection to the configured embedding model while readers and runs go on.

    Args:
        step: ``migrate`` (fill, audit, switch), ``prepare`` (all but the switch), ``rollback``, ``finish``.
        anew: A fresh copy even where the model is the same.
        gold: A file of golden questions that both copies are asked before the switch; a worse one is refused.
        rest: As for ``UpkeepOperator``.

    Returns counts. Every step may be tried again: it goes on where it was.
    """

    template_fields: Sequence[str] = (*UpkeepOperator.template_fields, "step", "anew", "gold")

    def __init__(
        self, *, step: str = "migrate", anew: bool | str = False, gold: str | None = None, **rest: Any
    ) -> None:
        super().__init__(**rest)
        self.step = step
        self.anew = anew
        self.gold = gold

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Do the step."""
        del context
        done = self._done(workspace, workspace.settings.collection).as_dict()
        self.log.info("%s", done)
        return done

    def _done(self, workspace: Workspace, collection: str) -> Migrated:
        from wellread.upkeep.migrating import finish, migrate, roll_back
        from wellread.workspace.migrating import gold_gate

        if self.step not in MIGRATION_STEPS:
            raise SettingsError(
                f"migrate {collection!r}",
                found=f"no step {self.step!r}",
                remedy=f"One of {', '.join(MIGRATION_STEPS)}.",
            )
        if self.step == "rollback":
            return roll_back(workspace.parts, collection)
        if self.step == "finish":
            return finish(workspace.parts, collection)
        gold = text_or_none(self.gold)
        return migrate(
            workspace.parts,
            collection,
            anew=is_set(self.anew, "anew"),
            switch=self.step == "migrate",
            gate=None if gold is None else gold_gate(workspace, Path(gold)),
        )
