"""A source that several test modules keep: what is written into it, run, lost, and found by readers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wellread.indexing.plans import lease_name
from wellread.ledger import leases
from wellread.runs import BalanceSheet, SourceDeclaration
from wellread.snapshots import OPEN
from wellread.upkeep.holding import find_held
from wellread.workspace import Workspace

if TYPE_CHECKING:
    from conftest import Deployment
    from wellread_airflow.demo.dag_runs import DagRunResult

NAMES = [f"note-{number:02}.txt" for number in range(12)]


@dataclass(frozen=True)
class Upkept:
    """The source ``notes`` of twelve documents."""

    deployment: Deployment

    def write(self, name: str, word: str) -> None:
        text = f"The keeper of {name} writes of {word} in the evening. The lamp of {name} is new.\n"
        (self.deployment.documents / name).write_text(text)

    def ingest(self) -> BalanceSheet:
        """By the library: a run as from the shell."""
        location = str(self.deployment.documents)
        with self.deployment.entered(), Workspace.open() as workspace:
            return workspace.runner.run(SourceDeclaration(id="notes", kind="folder", location=location))

    def last_run(self) -> str:
        with self.deployment.entered(), Workspace.open() as workspace, workspace.ledger.reading() as reading:
            from wellread.ledger import explanations

            [row] = explanations.find_runs_of_source(reading, "Documents", "notes", limit=1)
            return str(row["run_id"])

    def found(self) -> dict[str, str]:
        """Document -> text, as readers find it."""
        with self.deployment.entered(), Workspace.open() as workspace:
            found = workspace.retriever.retrieve(
                "keeper, lamp, evening", collection="Documents", scope=workspace.scope(), k=50
            )
        return {passage.document: passage.text for passage in found.hits}

    def held(self) -> list[str]:
        with self.deployment.entered(), Workspace.open() as workspace:
            return [item.natural_key for item in find_held(workspace.ledger, "Documents", "notes")]

    def lose_a_chunk(self) -> None:
        with self.deployment.entered(), Workspace.open() as workspace:
            head = workspace.store.read_head("Documents")
            assert head is not None
            item = next(
                item for item in workspace.store.iterate_objects(head.projection, "chunks") if item.rev_to == OPEN
            )
            workspace.store.delete_objects(head.projection, "chunks", [item.object_id])

    def take_lease(self, *, seconds: float) -> None:
        """As a run of another machine has it, that then dies."""
        with self.deployment.entered(), Workspace.open() as workspace:
            name = lease_name("Documents", "notes")
            leases.acquire(workspace.ledger, name, "a run elsewhere", seconds=seconds, one_process=False)

    def run(self, dag_id: str, conf: dict[str, Any] | None = None) -> DagRunResult:
        return self.deployment.run(dag_id, conf)
