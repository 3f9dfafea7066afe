"""``wellread evaluate``: measures, the gate, the baseline, a calibration."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import typer

from wellread.cli.answer_plans import confirm_price, print_plan
from wellread.cli.opening import opened
from wellread.cli.output import EXIT_ERROR, Output
from wellread.errors import PolicyError, SettingsError
from wellread.evaluation.evaluator import Report
from wellread.evaluation.gate import GateVerdict
from wellread.evaluation.gate import gate as compare
from wellread.evaluation.gold import GoldQuestion, read_gold
from wellread.evaluation.judging import AnswerJudge
from wellread.evaluation.results import EvaluationResults
from wellread.evaluation.rows import write_rows
from wellread.evaluation.trec import write_trec
from wellread.workspace import Workspace
from wellread.workspace.baselines import (
    gold_name_of,
    publish_results,
    published_results,
    require_baseline,
    results_of,
    store_results,
)
from wellread.workspace.calibrating import calibrate_collection
from wellread.workspace.evaluating import evaluate_collection, judge_of
from wellread.workspace.questions import PlannedJob


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What beside measuring is wanted."""

    out: Path | None = None
    """Rows."""
    trec: Path | None = None
    """A folder."""
    calibrate: Path | None = None
    gate: bool = False
    publish: bool = False
    judge: bool = False
    yes: bool = False
    """Spend without asking."""


def evaluate(output: Output, gold: Path, options: EvaluateOptions, *, collection: str | None) -> None:
    """Golden questions: measured, compared, published; or used to calibrate.

    Exits with 1 where the gate fails; nothing is published then.
    """
    _require_sense(options)
    asked, name = read_gold(gold), gold_name_of(gold)
    with opened(output, collection=collection) as workspace:
        if options.calibrate is not None:
            _calibrate(output, workspace, asked, options.calibrate, name)
            return
        before = _baseline(workspace, asked, options, name)
        judge = judge_of(workspace) if options.judge else None
        report = _measured(output, workspace, asked, judge=judge, yes=options.yes)
        _write(options, report)
        results = results_of(workspace, asked, report, judge=judge)
        verdict = None if before is None else compare(before, results, workspace.settings.evaluation.gate)
        is_published = options.publish and (verdict is None or verdict.passed)
        keep = partial(publish_results, gold_name=name) if is_published else store_results
        reference = keep(workspace, results)
    output.result({**_told(report, results, verdict), "results": reference, "published": is_published})
    _tell(output, report, verdict)
    if is_published:
        output.line("These results are the baseline from now on.")
    if verdict is not None and not verdict.passed:
        raise typer.Exit(EXIT_ERROR)


def _told(report: Report, results: EvaluationResults, verdict: GateVerdict | None) -> dict[str, object]:
    return {
        "questions": len(report.questions),
        "measures": {name: dataclasses.asdict(measure) for name, measure in report.measures.items()},
        **{field: getattr(results, field) for field in ("model", "prompt", "judge", "snapshot")},
        "gate": None if verdict is None else verdict.as_dict(),
    }


def _baseline(
    workspace: Workspace, asked: Sequence[GoldQuestion], options: EvaluateOptions, name: str
) -> EvaluationResults | None:
    """What is compared with; ``None`` where nobody asked for it, or where this is to be the first baseline.

    Looked for before anything is spent.
    """
    is_first = options.publish and published_results(workspace, gold_name=name, answers=True) is None
    return require_baseline(workspace, asked, gold_name=name) if options.gate and not is_first else None


def _require_sense(options: EvaluateOptions) -> None:
    """What cannot be done is refused before anything is asked."""
    for path in (options.out, options.calibrate, options.trec):
        _require_folder(path)
    others = (options.out, options.trec, options.gate, options.publish, options.judge)
    if options.calibrate is not None and any(others):
        raise SettingsError(
            "calibrate and measure in one call",
            found="--calibrate stands beside another option",
            remedy="Calibrate first, put the file into answering.calibration_path, then measure.",
        )


def _require_folder(path: Path | None) -> None:
    """A file that cannot be written is refused before anything is asked."""
    if path is not None and not path.resolve().parent.is_dir():
        raise SettingsError(
            f"write {path}", found="its folder does not exist", remedy="Name a file in an existing folder."
        )


def _measured(
    output: Output,
    workspace: Workspace,
    asked: Sequence[GoldQuestion],
    *,
    judge: AnswerJudge | None,
    yes: bool,
) -> Report:
    with output.progress() as bars:
        bars.start("evaluate", total_count=len(asked))
        done = 0

        def advance(finished: int) -> None:
            nonlocal done
            bars.advance("evaluate", count=finished - done)
            done = finished

        report = evaluate_collection(
            workspace,
            asked,
            judge=judge,
            approve=lambda job: _agree(output, workspace, job, yes=yes),
            progress=advance,
        )
        bars.finish("evaluate")
    return report


def _agree(output: Output, workspace: Workspace, job: PlannedJob, *, yes: bool) -> None:
    """Show what a language model's answers will cost; raises ``PolicyError`` where nobody agrees to it."""
    print_plan(output, job)
    try:
        confirm_price(output, job, limit_usd=workspace.settings.answering.budget.confirm_above_usd, yes=yes)
    except PolicyError:
        if not job.resumed:  # a plan that nobody began is not gone on with
            workspace.question_jobs.remember_plan(job.input_key, job.plan_reference, finished=True)
        raise


def _write(options: EvaluateOptions, report: Report) -> None:
    if options.out is not None:
        write_rows(options.out, report.questions)
    if options.trec is not None:
        write_trec(options.trec, report.questions)


def _tell(output: Output, report: Report, verdict: GateVerdict | None) -> None:
    output.table(
        ("measure", "value", "95 % interval", "scored", "unscored"),
        [
            (name, _number(one.value), f"{_number(one.low)} to {_number(one.high)}", one.count, one.unscored_count)
            for name, one in report.measures.items()
        ],
    )
    if verdict is None:
        return
    output.line()
    output.line("The gate holds." if verdict.passed else "The gate fails: nothing is published.", style="bold")
    output.table(
        ("measure", "verdict", "before", "now", "gain at most", "questions", "lost"),
        [
            (
                line.measure,
                line.state.replace("_", " "),
                *(_number(value) for value in (line.before, line.after, line.most_gain)),
                line.pairs_count,
                line.lost_count,
            )
            for line in verdict.lines
        ],
    )


def _number(value: float | None) -> str:
    """Three digits behind the point; money may need more."""
    if value is None:
        return "-"
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.01 else f"{value:.2g}"


def _calibrate(output: Output, workspace: Workspace, asked: Sequence[GoldQuestion], path: Path, name: str) -> None:
    report = calibrate_collection(workspace, asked, gold_name=name)
    path.write_text(json.dumps(report.calibration.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    output.result({"calibration": str(path), **report.as_dict()})
    made, held, now = report.calibration, report.held_out, report.now
    output.line(
        f"{made.answerable_count} answerable and {made.unanswerable_count} unanswerable questions; "
        f"threshold {made.threshold_ratio:.3f}. On questions that it was not fitted on:"
    )
    output.table(
        ("", "with it", "95 % interval", "as it is now"),
        [
            ("answerable, answered", held.kept_ratio, _interval(held.kept_interval), now.kept_ratio),
            (
                "unanswerable questions declined",
                held.recall_ratio,
                _interval(held.recall_interval),
                now.recall_ratio,
            ),
            ("unanswerable among the declined", held.precision_ratio, "", now.precision_ratio),
        ],
    )
    output.line(
        f"Written to {path}. To use it: answering.calibration_path, and no answering.least_confidence_ratio."
    )


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
