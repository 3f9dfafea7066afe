"""What a workspace is evaluated by, and how a published evaluation holds the next change back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from wellread.answering.extractive.calibration import load_calibration
from wellread.errors import BudgetExhaustedError, RegressionError, SettingsError
from wellread.evaluation.gold import GoldPassage, GoldQuestion
from wellread.evaluation.results import EvaluationResults
from wellread.snapshots import Snapshot
from wellread.sources.declarations import declaration_for_folder
from wellread.testing.provider_server import ProviderServer, provider_server
from wellread.workspace import Workspace
from wellread.workspace.baselines import (
    load_results,
    publish_results,
    published_results,
    require_no_regression,
    results_of,
    settings_sha256,
    store_results,
)
from wellread.workspace.evaluating import evaluate_collection

TOPICS = tuple(f"{first}{second}" for first in ("oak", "elm", "ash", "fir") for second in ("ton", "ham", "bury"))
GOLD = [
    GoldQuestion(
        topic,
        f"How many cranes has the {topic} harbour?",
        (GoldPassage(f"{topic}.txt", f"The {topic} harbour has {number + 3} cranes"),),
        (f"{number + 3} cranes",),
        answerable=True,
    )
    for number, topic in enumerate(TOPICS)
]


@pytest.fixture
def model() -> Iterator[ProviderServer]:
    with provider_server() as server:
        yield server


@pytest.fixture
def settings(deployment: Mapping[str, Any], model: ProviderServer, tmp_path: Path) -> dict[str, Any]:
    """A deployment with a language model and a document on each topic."""
    chat = {"provider": "openai", "model": "tester", "base_url": model.openai_url, "api_key": "any"}
    price = {"input_usd_per_million": 1.0, "output_usd_per_million": 1.0}
    chosen = {**deployment, "chat": {**chat, "price": price}, "retrieval": {"head_cache_seconds": 0}}
    folder = tmp_path / "papers"
    folder.mkdir()
    for number, topic in enumerate(TOPICS):
        text = f"The {topic} harbour has {number + 3} cranes. Every spring the {topic} crew paints them red."
        (folder / f"{topic}.txt").write_text(text, "utf-8")
    with Workspace.open(chosen) as workspace:
        workspace.runner.run(declaration_for_folder(folder, collection=chosen["collection"], tenant="default"))
    return chosen


@pytest.mark.weaviate
def test_a_change_that_makes_answers_worse_is_held_back(settings: dict[str, Any], model: ProviderServer) -> None:
    with Workspace.open(settings) as workspace:
        with pytest.raises(SettingsError, match="nothing has been published"):
            require_no_regression(workspace, GOLD, gold_name="cranes")
        results = results_of(workspace, GOLD, evaluate_collection(workspace, GOLD))
        publish_results(workspace, results, gold_name="cranes")
        assert published_results(workspace, gold_name="cranes") == results
        assert (results.model, results.prompt_sha256 is not None) == ("tester", True)
        assert require_no_regression(workspace, GOLD, gold_name="cranes").passed
    model.behave(mode="invents_quote")
    chat = {**settings["chat"], "model": "worse"}
    with Workspace.open({**settings, "chat": chat}) as workspace:
        with pytest.raises(RegressionError, match="gold_in_answer fell from 1"):
            require_no_regression(workspace, GOLD, gold_name="cranes")
        assert published_results(workspace, gold_name="cranes") == results
        # Its retrieval is as good as it was, and costs nothing to look at.
        billed_count = model.meter().billed_count
        verdict = require_no_regression(workspace, GOLD, gold_name="cranes", answers=False)
        assert {line.measure for line in verdict.lines} == {"ndcg@10", "passage_in_context"}
        assert model.meter().billed_count == billed_count


@pytest.mark.weaviate
def test_a_state_that_is_not_published_can_be_judged_by_its_retrieval(settings: dict[str, Any]) -> None:
    with Workspace.open(settings) as workspace:
        results = results_of(workspace, GOLD, evaluate_collection(workspace, GOLD, answers=False))
        publish_results(workspace, results, gold_name="cranes")
        nothing = Snapshot(1)  # before the first revision
        with pytest.raises(RegressionError, match="passage_in_context fell"):
            require_no_regression(workspace, GOLD, gold_name="cranes", snapshot=nothing, answers=False)
        with pytest.raises(SettingsError, match="under the published snapshot only"):
            evaluate_collection(workspace, GOLD, snapshot=nothing)


@pytest.mark.weaviate
def test_nothing_is_spent_that_nobody_agreed_to(settings: dict[str, Any], model: ProviderServer) -> None:
    def refuse(job: Any) -> None:
        assert job.estimate.high_usd > 0
        raise BudgetExhaustedError("evaluate", found="too much", remedy="Spend more.")

    with Workspace.open(settings) as workspace, pytest.raises(BudgetExhaustedError):
        evaluate_collection(workspace, GOLD, approve=refuse)
    assert model.meter().billed_count == 0


@pytest.mark.weaviate
def test_an_answer_that_could_not_be_had_is_unscored(settings: dict[str, Any]) -> None:
    answering = {"budget": {"run_usd": 0.0}}
    with Workspace.open({**settings, "answering": answering}) as workspace:
        report = evaluate_collection(workspace, GOLD)
    assert {one.answer.status for one in report.questions if one.answer} == {"budget"}
    assert "gold_in_answer" not in report.measures
    assert report.measures["hit@5"].count == len(GOLD)


def test_results_are_kept_by_reference(tmp_path: Path) -> None:
    with Workspace.open({"home": tmp_path}) as workspace:
        results = EvaluationResults("Documents", "default", "g" * 64, "2", settings_sha256(workspace), {}, {})
        assert load_results(workspace, store_results(workspace, results)) == results
        assert publish_results(workspace, results, gold_name="a") == store_results(workspace, results)
        assert published_results(workspace, gold_name="b") is None
        assert published_results(workspace, gold_name="a", collection="Others") is None


def test_retrieval_alone_never_takes_the_place_of_answers(tmp_path: Path) -> None:
    with Workspace.open({"home": tmp_path}) as workspace:
        alone = EvaluationResults("Documents", "default", "g" * 64, "2", "s" * 64, {}, {})
        answered = dataclasses.replace(alone, model="tester")
        publish_results(workspace, alone, gold_name="a")
        assert published_results(workspace, gold_name="a", answers=True) is None
        assert published_results(workspace, gold_name="a") == alone
        publish_results(workspace, answered, gold_name="a")
        publish_results(workspace, alone, gold_name="a")
        assert published_results(workspace, gold_name="a") == answered
        assert published_results(workspace, gold_name="a", answers=True) == answered
        assert published_results(workspace, gold_name="a", answers=False) == alone


def test_settings_that_answers_depend_on_are_told_apart(tmp_path: Path) -> None:
    def of(**changes: Any) -> str:
        with Workspace.open({"home": tmp_path, **changes}) as workspace:
            return settings_sha256(workspace)

    assert of() == of(collection="Others")
    assert len({of(), of(retrieval={"alpha_ratio": 0.3}), of(answering={"passage_count": 5})}) == 3


def test_the_packaged_calibration_is_for_its_own_embedder(tmp_path: Path, deployment: Mapping[str, Any]) -> None:
    with Workspace.open({"home": tmp_path}) as workspace:
        packaged = workspace.retrieval_calibration
        assert packaged is not None
        assert packaged.embedder == workspace.embedder.identity.model
    with Workspace.open(deployment) as workspace:
        assert workspace.retrieval_calibration is None
    extractive = tmp_path / "own.json"
    extractive.write_text(load_calibration().model_dump_json(), "utf-8")
    with Workspace.open({"home": tmp_path, "answering": {"calibration_path": extractive}}) as workspace:
        assert workspace.retrieval_calibration is None  # it weighs sentences, which nobody has embedded here
