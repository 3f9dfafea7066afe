"""`wellread evaluate` on a small real index: measures, rows, TREC files, the baseline, the gate, a calibration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wellread.answering.extractive.calibration import load_calibration
from wellread.testing.provider_server import ProviderServer, provider_server

pytestmark = pytest.mark.weaviate
Setting = Callable[[str, object], None]

TOPICS = (
    *("amber", "birch", "cedar", "dogwood", "elm", "fir", "grape", "hazel", "iris", "juniper", "kale", "linden"),
    *("maple", "nettle", "olive", "poppy", "quince", "rowan", "spruce", "thistle", "umbel", "violet"),
)


@pytest.fixture
def papers(tmp_path: Path, shell: Any, deployed: Any) -> Path:
    """A document for each topic, ingested."""
    folder = tmp_path / "papers"
    folder.mkdir()
    for number, topic in enumerate(TOPICS):
        text = f"The {topic} harbour has {number + 3} cranes. Every spring the {topic} crew paints them red."
        (folder / f"{topic} pier.txt").write_text(text, "utf-8")
    assert shell("ingest", str(folder), "--json").code == 0
    return folder


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    """A question on each document, and as many that none answers."""
    rows: list[dict[str, Any]] = []
    for number, topic in enumerate(TOPICS):
        passage = {"document": f"{topic} pier.txt", "passage": f"The {topic} harbour has {number + 3} cranes"}
        question = f"How many cranes has the {topic} harbour?"
        rows.append({"id": topic, "question": question, "relevant": [passage], "answerable": True})
        rows[-1]["answers"] = [f"{number + 3} cranes"]
        rows.append({"id": f"no-{topic}", "question": f"Who wrote symphony {number}?", "answerable": False})
    return written(tmp_path / "harbours.jsonl", rows)


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def model(setting: Setting) -> Iterator[ProviderServer]:
    """A language model that answers by quoting."""
    with provider_server() as server:
        setting("CHAT__PROVIDER", "openai")
        setting("CHAT__BASE_URL", server.openai_url)
        setting("CHAT__API_KEY", "any")
        setting("CHAT__PRICE__INPUT_USD_PER_MILLION", "1")
        setting("CHAT__PRICE__OUTPUT_USD_PER_MILLION", "1")
        yield server


def test_the_extractive_answerer(shell: Any, papers: Path, gold: Path, tmp_path: Path) -> None:
    import ir_measures

    ended = shell("evaluate", str(gold), "--out", str(tmp_path / "rows.jsonl"), "--trec", str(tmp_path), "--json")
    assert ended.code == 0, ended.out
    measures = ended.said["measures"]
    assert (ended.said["questions"], ended.said["model"], ended.said["published"]) == (44, "extractive", False)
    assert measures["gold_in_answer"]["value"] == 1.0
    assert measures["gold_in_answer"]["unscored_count"] == 22
    assert {"exact_match", "token_f1", "citation_precision", "citation_recall", "abstention_f1"} <= set(measures)
    assert "judge_score" not in measures
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text("utf-8").splitlines()]
    given = [row for row in rows if row["answer_status"] == "answered"]
    assert all(citation["quote"] in row["answer"] for row in given for citation in row["citations"])
    run = ir_measures.read_trec_run(str(tmp_path / "run.txt"))
    qrels = ir_measures.read_trec_qrels(str(tmp_path / "qrels.txt"))
    again = ir_measures.calc_aggregate([ir_measures.nDCG @ 10], qrels, run)
    assert again[ir_measures.nDCG @ 10] == pytest.approx(measures["ndcg@10"]["value"])


def test_a_language_model_answers_as_a_job_and_is_paid_once(
    shell: Any, papers: Path, gold: Path, model: ProviderServer
) -> None:
    ended = shell("evaluate", str(gold), "--json")
    assert ended.code == 0, ended.out
    measures = ended.said["measures"]
    assert measures["gold_in_answer"]["value"] == 1.0
    assert measures["citation_precision"]["value"] == 1.0
    assert measures["citation_recall"]["value"] == 1.0
    assert measures["abstention_f1"]["value"] == 1.0  # this model says itself that nothing was found
    assert "answerability_auroc" not in measures  # nothing was calibrated for these vectors
    assert measures["cost_usd_per_answer"]["value"] > 0
    assert (ended.said["model"], ended.said["prompt"][:18]) == ("gpt-4o-mini", "answer_with_quotes")
    billed = model.meter().billed_count
    again = shell("evaluate", str(gold), "--json").said
    assert again["measures"] == measures  # the cost, too: what the answers cost, not what this call spent
    assert model.meter().billed_count == billed


def test_a_judge_is_asked_once(shell: Any, papers: Path, gold: Path, setting: Setting) -> None:
    with provider_server() as server:
        server.behave(mode="verdict")
        setting("EVALUATION__JUDGE__PROVIDER", "openai")
        setting("EVALUATION__JUDGE__BASE_URL", server.openai_url)
        setting("EVALUATION__JUDGE__API_KEY", "any")
        first = shell("evaluate", str(gold), "--judge", "--json").said
        assert 0 < first["measures"]["judge_score"]["value"] <= 1
        assert first["measures"]["judge_score"]["count"] == 22
        assert first["judge"].startswith("gpt-4o-mini, judge_answer 1")
        assert server.meter().billed_count == 22
        assert shell("evaluate", str(gold), "--judge", "--json").said["measures"] == first["measures"]
        assert server.meter().billed_count == 22


def test_without_a_language_model_nobody_judges(shell: Any, papers: Path, gold: Path) -> None:
    ended = shell("evaluate", str(gold), "--judge", "--json")
    assert (ended.code, ended.said["error"]) == (1, "SettingsError")
    assert "evaluation.judge" in ended.said["remedy"]


def test_the_gate_blocks_a_prompt_that_makes_answers_worse(
    shell: Any, papers: Path, gold: Path, model: ProviderServer, setting: Setting, tmp_path: Path
) -> None:
    assert shell("evaluate", str(gold), "--gate", "--json").said["error"] == "SettingsError"
    first = shell("evaluate", str(gold), "--gate", "--publish", "--json").said
    assert (first["published"], first["gate"]) == (True, None)
    held = shell("evaluate", str(gold), "--gate", "--publish", "--json")
    assert (held.code, held.said["published"], held.said["gate"]["passed"]) == (0, True, True)

    # The changed prompt asks about another thing whatever was asked.
    changed = load_packaged("answer_with_quotes.md").replace("{{ question }}", "weather? ({{ question[:0] }})")
    (tmp_path / "answer_with_quotes.md").write_text(changed, "utf-8")
    setting("ANSWERING__PROMPT__FOLDER", tmp_path)
    worse = shell("evaluate", str(gold), "--gate", "--publish", "--json")
    assert (worse.code, worse.said["published"], worse.said["gate"]["passed"]) == (1, False, False)
    states = {line["measure"]: line["state"] for line in worse.said["gate"]["measures"]}
    assert (states["gold_in_answer"], states["ndcg@10"]) == ("regressed", "held")
    told = shell("evaluate", str(gold), "--gate")
    assert (told.code, "The gate fails" in told.out) == (1, True)
    # The baseline is still the good one: it blocks the next call, too.
    assert shell("evaluate", str(gold), "--gate", "--json").said["gate"]["passed"] is False


def load_packaged(name: str) -> str:
    import wellread.prompts

    return (Path(wellread.prompts.__file__).parent / name).read_text("utf-8")


def test_other_questions_under_the_same_name_are_refused(shell: Any, papers: Path, gold: Path) -> None:
    assert shell("evaluate", str(gold), "--publish", "--json").said["published"] is True
    rows = [json.loads(line) for line in gold.read_text("utf-8").splitlines()]
    written(gold, rows[:-1])
    ended = shell("evaluate", str(gold), "--gate", "--json")
    assert (ended.code, ended.said["error"]) == (1, "SettingsError")
    assert "golden questions" in ended.said["found"]


def test_a_calibration_of_ones_own_is_written_read_and_used(
    shell: Any, papers: Path, gold: Path, setting: Setting, tmp_path: Path
) -> None:
    path = tmp_path / "own.json"
    ended = shell("evaluate", str(gold), "--calibrate", str(path), "--json")
    assert ended.code == 0, ended.out
    made = load_calibration(path)
    assert (made.sets, made.judged_on, made.answerable_count) == (("harbours",), "held_out", 22)
    assert ended.said["held_out"]["kept_interval"][0] <= ended.said["held_out"]["kept_ratio"]
    setting("ANSWERING__CALIBRATION_PATH", path)
    after = shell("evaluate", str(gold), "--json").said["measures"]
    assert 1 - after["wrongly_declined"]["value"] >= 0.95
    told = shell("evaluate", str(gold), "--calibrate", str(path))
    assert "answering.calibration_path" in told.out


def test_a_calibration_for_a_language_model_costs_nothing(
    shell: Any, papers: Path, gold: Path, model: ProviderServer, setting: Setting, tmp_path: Path
) -> None:
    path = tmp_path / "own.json"
    assert shell("evaluate", str(gold), "--calibrate", str(path), "--json").code == 0
    assert model.meter().billed_count == 0
    assert load_calibration(path).keep_ratio == 0.99
    setting("ANSWERING__CALIBRATION_PATH", path)
    measures = shell("evaluate", str(gold), "--json").said["measures"]
    assert measures["answerability_auroc"]["value"] > 0.9
    assert model.meter().billed_count < 44  # what is hopeless is not asked


def test_too_few_marked_questions_are_no_calibration(shell: Any, papers: Path, gold: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in gold.read_text("utf-8").splitlines()][:38]
    ended = shell("evaluate", str(written(tmp_path / "few.jsonl", rows)), "--calibrate", "own.json", "--json")
    assert (ended.code, ended.said["error"]) == (1, "SettingsError")
    assert "19 answerable and 19 unanswerable" in ended.said["found"]
    assert not Path("own.json").exists()


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        (("broken.jsonl",), "QuestionsFileError", "line 1"),
        (("none.jsonl",), "QuestionsFileError", "none.jsonl"),
        (("gold.jsonl", "--out", "no/such/rows.jsonl"), "SettingsError", "rows.jsonl"),
        (("gold.jsonl", "--calibrate", "own.json", "--gate"), "SettingsError", "--calibrate"),
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(
    shell: Any, tmp_path: Path, arguments: tuple[str, ...], error: str, word: str
) -> None:
    (tmp_path / "broken.jsonl").write_text('{"id": "x", "question": \n', "utf-8")
    written(tmp_path / "gold.jsonl", [{"id": "x", "question": "Who?"}])
    ended = shell("evaluate", *arguments, "--json")
    assert (ended.code, ended.said["error"]) == (1, error)
    assert word in json.dumps(ended.said)
    assert not (tmp_path / "wellread-home").exists()
