"""Published evaluations: what the next one is compared with before anything is changed or published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from wellread.errors import SettingsError
from wellread.evaluation.evaluator import Report
from wellread.evaluation.gate import GateVerdict, gate, require_same_gold
from wellread.evaluation.gold import GoldQuestion
from wellread.evaluation.judging import AnswerJudge
from wellread.evaluation.results import EvaluationResults, gold_sha256
from wellread.identities import canonical_json, sha256_json
from wellread.snapshots import Snapshot
from wellread.workspace.composition import Workspace
from wellread.workspace.evaluating import Approve, evaluate_collection
from wellread.workspace.questions import answerer_of

_RESULTS = "evaluations"
_SETTINGS = {
    *("retrieval", "rerank", "answering", "chat", "chunking", "cleaning", "embedder"),
    *("groups", "readable_filter", "readable_sources"),
}

Kind = Literal["retrieval", "answers"]


def gold_name_of(path: Path) -> str:
    """What a file of golden questions is known by: its name without the ending."""
    return path.stem


def results_of(
    workspace: Workspace,
    gold: Sequence[GoldQuestion],
    report: Report,
    *,
    collection: str | None = None,
    judge: AnswerJudge | None = None,
) -> EvaluationResults:
    """A report with everything that it depends on."""
    name = collection or workspace.settings.collection
    is_answered = any(one.answer is not None for one in report.questions)
    maker = answerer_of(workspace, collection=name).maker if is_answered else None
    prompt = maker.prompt if maker is not None else None
    return EvaluationResults(
        collection=name,
        tenant=workspace.settings.tenant,
        gold_sha256=gold_sha256(gold),
        snapshot=report.snapshot.as_text(),
        settings_sha256=settings_sha256(workspace),
        measures=report.measures,
        scores={one.gold.id: one.scores for one in report.questions},
        model=maker.identity.model if maker is not None else None,
        prompt=prompt[0] if prompt is not None else None,
        prompt_sha256=prompt[1] if prompt is not None else None,
        judge=judge.maker.name if judge is not None else None,
    )


def settings_sha256(workspace: Workspace) -> str:
    """Of the settings that retrieval and answers depend on. Secrets count as given or not given."""
    return sha256_json(workspace.settings.model_dump(mode="json", include=_SETTINGS))


def store_results(workspace: Workspace, results: EvaluationResults) -> str:
    """Keep results as an artifact; its reference."""
    return workspace.artifacts.put(_RESULTS, results.to_bytes())


def load_results(workspace: Workspace, reference: str) -> EvaluationResults:
    """The results behind a reference. Raises ``SystemicError`` where there are none."""
    return EvaluationResults.from_bytes(workspace.artifacts.get(reference))


def publish_results(workspace: Workspace, results: EvaluationResults, *, gold_name: str) -> str:
    """Make results the baseline of their collection and golden questions; the reference of the artifact.

    Retrieval alone has a baseline of its own: it never takes the place of one that has answers.
    """
    reference = store_results(workspace, results)
    kind: Kind = "retrieval" if results.model is None else "answers"
    workspace.question_jobs.remember_results(_key(results.tenant, results.collection, gold_name, kind), reference)
    return reference


def published_results(
    workspace: Workspace, *, gold_name: str, collection: str | None = None, answers: bool | None = None
) -> EvaluationResults | None:
    """The baseline, ``None`` before the first publication.

    ``answers=True``: the one that has answers. ``False``: that of retrieval alone, else the one that has answers.
    ``None``: the other way round.
    """
    name = collection or workspace.settings.collection
    kinds: tuple[Kind, ...] = ("retrieval", "answers") if answers is False else ("answers", "retrieval")
    for kind in kinds[:1] if answers else kinds:
        reference = workspace.question_jobs.last_results(_key(workspace.settings.tenant, name, gold_name, kind))
        if reference is not None:
            return load_results(workspace, reference)
    return None


def require_baseline(
    workspace: Workspace,
    gold: Sequence[GoldQuestion],
    *,
    gold_name: str,
    collection: str | None = None,
    answers: bool = True,
) -> EvaluationResults:
    """The baseline of these golden questions; to be asked for before anything is spent on a comparison.

    Raises ``SettingsError`` where there is none, or where it is of other questions.
    """
    before = _baseline(workspace, gold_name, collection or workspace.settings.collection, answers=answers)
    require_same_gold(before, gold_sha256(gold))
    return before


def _baseline(workspace: Workspace, gold_name: str, collection: str, *, answers: bool | None) -> EvaluationResults:
    before = published_results(workspace, gold_name=gold_name, collection=collection, answers=answers)
    if before is None:
        raise SettingsError(
            f"compare an evaluation with the published one of {collection}",
            found=f"nothing has been published for the golden questions {gold_name!r}",
            remedy="Publish an evaluation first: wellread evaluate GOLD --publish.",
        )
    return before


def compare_with_published(
    workspace: Workspace, results: EvaluationResults, *, gold_name: str, collection: str | None = None
) -> GateVerdict:
    """The verdict on results, against the baseline of their collection, or of the ``collection`` named.

    Raises ``SettingsError`` where there is no baseline, or none to compare with.
    """
    answers = False if results.model is None else None
    before = _baseline(workspace, gold_name, collection or results.collection, answers=answers)
    return gate(before, results, workspace.settings.evaluation.gate)


def require_no_regression(
    workspace: Workspace,
    gold: Sequence[GoldQuestion],
    *,
    gold_name: str,
    collection: str | None = None,
    snapshot: Snapshot | None = None,
    baseline_collection: str | None = None,
    answers: bool = True,
    judge: AnswerJudge | None = None,
    approve: Approve = lambda _job: None,
) -> GateVerdict:
    """Evaluate, and raise ``RegressionError`` where the published evaluation was better.

    To be called before a changed prompt, model or setting is put to use (open the workspace with it), or before an
    index is published: ``collection`` or ``snapshot`` name the state that is judged, ``baseline_collection`` the
    one that it is to replace. With ``answers=False`` retrieval alone is judged, which costs nothing. Publishes
    nothing. Raises ``SettingsError`` where there is nothing to compare with.
    """
    before = require_baseline(
        workspace, gold, gold_name=gold_name, collection=baseline_collection or collection, answers=answers
    )
    report = evaluate_collection(
        workspace, gold, collection=collection, snapshot=snapshot, answers=answers, judge=judge, approve=approve
    )
    results = results_of(workspace, gold, report, collection=collection, judge=judge)
    verdict = gate(before, results, workspace.settings.evaluation.gate)
    verdict.require_passed()
    return verdict


def _key(tenant: str, collection: str, gold_name: str, kind: Kind) -> str:
    return "evaluation " + canonical_json([tenant, collection, gold_name, kind])
