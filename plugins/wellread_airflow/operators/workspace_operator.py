"""What all operators share: a workspace for the task, and errors as Airflow's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, RetryPolicy

from wellread_airflow.connections import ConnectionIds, opened_workspace
from wellread_airflow.failures import FailurePolicy, airflow_failures
from wellread_airflow.form_values import text_or_none

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
        with self.opened() as workspace:
            return self.work(workspace, context)

    @contextmanager
    def opened(self) -> Iterator[Workspace]:
        """The task's workspace; what goes wrong inside is Airflow's to judge."""
        with (
            airflow_failures(),
            opened_workspace(
                collection=text_or_none(self.collection),
                connections=self.connection_ids(),
                changes=self.changes(),
                report=self.log.info,
            ) as workspace,
        ):
            yield workspace

    def connection_ids(self) -> ConnectionIds:
        """The connections that this task was given."""
        return ConnectionIds(weaviate=self.weaviate_conn_id, model=self.model_conn_id)

    def changes(self) -> dict[str, Any]:
        """Settings that this task has otherwise than its deployment, by room. Raises ``SettingsError``."""
        return {}

    @abstractmethod
    def work(self, workspace: Workspace, context: Context) -> Any:
        """What the task does; small values only, because they become XComs."""


class ModelOperator(WorkspaceOperator):
    """A step that may ask a language model or a reranker.

    Args:
        llm_conn_id: A connection of the language model. Without it ``wellread_chat`` if that exists, else the
            deployment's settings, with ``wellread_<provider>`` for key and address if that exists.
        fallback_conn_ids: Connections of the models that are asked, in this order, where that one cannot answer.
        rerank_conn_id: A connection of the reranker. Without it ``wellread_rerank`` if that exists, else the
            settings.
        rest: As for ``WorkspaceOperator``.
    """

    def __init__(
        self,
        *,
        llm_conn_id: str | None = None,
        fallback_conn_ids: Sequence[str] = (),
        rerank_conn_id: str | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(**rest)
        self.llm_conn_id = llm_conn_id
        self.fallback_conn_ids = fallback_conn_ids
        self.rerank_conn_id = rerank_conn_id

    def connection_ids(self) -> ConnectionIds:
        """Those of the models too."""
        return ConnectionIds(
            weaviate=self.weaviate_conn_id,
            model=self.model_conn_id,
            llm=self.llm_conn_id,
            fallbacks=tuple(self.fallback_conn_ids),
            rerank=self.rerank_conn_id,
        )


def run_name(context: Context) -> str:
    """This DAG run as leases, reports and logs name it."""
    run = context["dag_run"]
    return f"airflow {run.dag_id} {run.run_id}"


def task_name(context: Context, task_id: str) -> str:
    """This task as leases name it: the same for every attempt, so that a retry takes its own work up at once."""
    return f"{run_name(context)} {task_id} {context['ti'].map_index}"


def tenths(log: Callable[..., None], what: str) -> Callable[[int, int], None]:
    """Progress for a task's log: a line for each tenth that is done."""
    shown = 0

    def advance(done: int, total: int) -> None:
        nonlocal shown
        if total and done * 10 // total > shown:
            shown = done * 10 // total
            log("%d of %d %s", done, total, what)

    return advance


def small_counts(counts: Mapping[str, int], *, most: int = 20) -> dict[str, int]:
    """The largest counts by name, at most so many: names may come from outside, and XComs stay small."""
    kept = sorted(counts, key=lambda name: (-counts[name], name))[:most]
    return {name[:80]: counts[name] for name in sorted(kept)}
