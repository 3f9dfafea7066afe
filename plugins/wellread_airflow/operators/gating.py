"""Hold a change back where it made retrieval or answers worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import DownstreamTasksSkipped

from wellread.errors import SettingsError
from wellread_airflow.form_values import is_set, one_of
from wellread_airflow.operators.workspace_operator import WorkspaceOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.evaluation.gate import GateLine, GateVerdict
    from wellread.evaluation.results import EvaluationResults
    from wellread.workspace import Workspace

ON_REGRESSION = ("fail", "skip", "report")
_SHOWN_LINES = 24


class RegressionGateOperator(WorkspaceOperator):
    """Compare an evaluation with the published one; where it is worse, fail, or skip what comes after.

    Without a published evaluation there is nothing to compare with: the gate passes and says so.

    Args:
        results: ``evaluate.output``: what an evaluating operator returned.
        on_regression: ``fail``, ``skip`` (everything after this task), or ``report``: go on all the same.
        publish: Whether an evaluation that passes becomes the one that the next is compared with.
        rest: As for ``WorkspaceOperator``.

    Returns ``passed`` and what became of every measure.
    """

    template_fields: Sequence[str] = ("results", "on_regression", "publish", "collection")

    def __init__(
        self, *, results: Any, on_regression: str = "fail", publish: bool | str = True, **rest: Any
    ) -> None:
        super().__init__(**rest)
        self.results: Any = results
        self.on_regression = on_regression
        self.publish = publish

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Judge one evaluation."""
        from wellread.workspace.baselines import load_results, publish_results

        otherwise = one_of(self.on_regression, ON_REGRESSION, "on_regression") or "fail"
        gold_name, reference = _evaluation(self.results)
        results = load_results(workspace, reference)
        verdict = self._verdict(workspace, results, gold_name)
        passed = verdict is None or verdict.passed
        told = {"passed": passed, "gold_name": gold_name, "measures": _told(verdict)}
        if passed and is_set(self.publish, "publish"):
            publish_results(workspace, results, gold_name=gold_name)
        if verdict is not None and not passed and otherwise == "fail":
            verdict.require_passed()
        if not passed and otherwise == "skip":
            context["ti"].xcom_push(key="return_value", value=told)  # the exception takes the return's place
            self.log.warning("The evaluation has regressed: the tasks after this one are skipped.")
            after = [task.task_id for task in self.get_flat_relatives(upstream=False)]
            raise DownstreamTasksSkipped(tasks=after)  # type: ignore[no-untyped-call]
        return told

    def _verdict(self, workspace: Workspace, results: EvaluationResults, gold_name: str) -> GateVerdict | None:
        from wellread.workspace.baselines import compare_with_published, published_results

        if published_results(workspace, gold_name=gold_name, collection=results.collection) is None:
            self.log.info("Nothing was published for %s before: there is nothing to compare with.", gold_name)
            return None
        verdict = compare_with_published(workspace, results, gold_name=gold_name)
        for line in verdict.lines:
            self.log.info("%-24s %-10s %s", line.measure, line.state, _numbers(line))
        return verdict


def _evaluation(given: Any) -> tuple[str, str]:
    """Name of the golden questions, and reference of the results. Raises ``SettingsError``."""
    if isinstance(given, Mapping) and "results" in given and "gold_name" in given:
        return str(given["gold_name"]), str(given["results"])
    raise SettingsError(
        "compare an evaluation with the published one",
        found=f"{given!r:.200} is not what an evaluating operator returns",
        remedy="Give its whole output: results=evaluate.output.",
    )


def _told(verdict: GateVerdict | None) -> dict[str, str]:
    lines = verdict.lines[:_SHOWN_LINES] if verdict is not None else ()
    return {line.measure[:40]: f"{line.state} {_numbers(line)}" for line in lines}


def _numbers(line: GateLine) -> str:
    if line.before is None or line.after is None:
        return f"({line.pairs_count} pairs, {line.lost_count} lost)"
    return f"{line.before:.4f} -> {line.after:.4f} ({line.pairs_count} pairs, {line.lost_count} lost)"
