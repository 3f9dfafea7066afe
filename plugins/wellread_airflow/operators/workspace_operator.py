"""What all operators share: a workspace for the task, and errors as Airflow's."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, RetryPolicy

from wellread_airflow.connections import opened_workspace
from wellread_airflow.failures import FailurePolicy, airflow_failures

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.workspace import Workspace


class WorkspaceOperator(BaseOperator):
    """Opens a workspace, works, closes it. Subclasses say what the work is.

    Args:
        collection: The logical collection; the deployment's own (``Documents``) without it.
        weaviate_conn_id: A connection of type weaviate. Without it ``wellread_weaviate`` if that exists, else the
            deployment's settings, else the local server.
        model_conn_id: A connection of the embedding provider's type. Without it ``wellread_openai`` or
            ``wellread_cohere`` if that exists. The local model needs none.
        retry_policy: By default transient errors are retried when the server wishes, others fail at once.
    """

    ui_color = "#e8f0e4"

    def __init__(
        self,
        *,
        collection: str | None = None,
        weaviate_conn_id: str | None = None,
        model_conn_id: str | None = None,
        retry_policy: RetryPolicy | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(retry_policy=retry_policy or FailurePolicy(), **kwargs)
        self.collection = collection
        self.weaviate_conn_id = weaviate_conn_id
        self.model_conn_id = model_conn_id

    def execute(self, context: Context) -> Any:
        """The work in a workspace of its own; its result is the XCom."""
        with (
            airflow_failures(),
            opened_workspace(
                collection=self.collection or None,
                weaviate_conn_id=self.weaviate_conn_id,
                model_conn_id=self.model_conn_id,
                report=self.log.info,
            ) as workspace,
        ):
            return self.work(workspace, context)

    @abstractmethod
    def work(self, workspace: Workspace, context: Context) -> Any:
        """What the task does; small values only, because they become XComs."""


def run_name(context: Context) -> str:
    """This DAG run as leases, reports and logs name it."""
    run = context["dag_run"]
    return f"airflow {run.dag_id} {run.run_id}"
