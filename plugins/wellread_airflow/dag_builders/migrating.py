"""The DAG that moves a collection to another embedding model."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param

from wellread_airflow.dag_builders.forms import box_param
from wellread_airflow.dag_builders.upkeep import A_PERSON_MAY_BE_AWAY, COLLECTION, new_upkeep_dag, upkept_collection
from wellread_airflow.dag_builders.upkeep_docs import MIGRATE_DOC
from wellread_airflow.operators.consenting import ConfirmListOperator
from wellread_airflow.operators.migrating import MIGRATION_STEPS, MigrateIndexOperator, PriceMigrationOperator

_FILLS = "{{ params.step in ('migrate', 'prepare') }}"


def build_migrate_index_dag(dag_id: str = "migrate_index", **options: Any) -> DAG:
    """A DAG that prices a migration, asks a person, and does it; or takes it back, or ends it.

    ``options``: those of ``UpkeepOperator``.
    """
    with new_upkeep_dag(
        dag_id,
        description="Move a collection to the configured embedding model",
        doc_md=MIGRATE_DOC,
        dagrun_timeout=A_PERSON_MAY_BE_AWAY,
        params=_params(),
    ) as dag:
        common = {"collection": COLLECTION, **options}
        price = PriceMigrationOperator(task_id="price_migration", enabled=_FILLS, **common)
        confirm = ConfirmListOperator(
            task_id="confirm_migration", subject="Migrate {{ params.collection }}?", listed=price.output
        )
        migrate = MigrateIndexOperator(
            task_id="migrate_index",
            step="{{ params.step }}",
            gold="{{ params.gold }}",
            anew="{{ params.anew }}",
            trigger_rule="none_failed",  # the other steps ask nobody; a rejection skips this task itself
            **common,
        )
        confirm >> migrate
        dag.add_result(migrate.output)
    return dag


def _params() -> dict[str, Any]:
    return {
        "collection": upkept_collection(),
        "step": Param(
            "migrate",
            type="string",
            enum=list(MIGRATION_STEPS),
            title="Step",
            description="Fill and switch; fill alone; back to the copy before; drop the copy that is not live.",
        ),
        "gold": Param(
            None,
            type=["null", "string"],
            title="Golden questions",
            description="A file that both copies are asked before the switch: a worse one is not switched to.",
        ),
        "anew": box_param("Anew", "A fresh copy even where the model is the same.", default=False),
    }
