"""Question jobs that cost money, as whole DAG runs on a real index and a metered language model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from paid import HEADER, KEEPERS, KEY, Paid, prepared, rows_of, states_of
from person import choosing, person

from wellread.testing.provider_server import Fault, provider_process

if TYPE_CHECKING:
    from conftest import Deployment

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.weaviate,
    # In a thread: Airflow's own task timeouts take the process's alarm away.
    pytest.mark.timeout(300, method="thread"),
]
COUNT = len(KEEPERS)


@pytest.fixture(scope="module")
def metered_model(deployment: Deployment) -> Iterator[Paid]:
    with provider_process(api_key=KEY) as server:
        yield prepared(deployment, server)


@pytest.fixture
def paid(metered_model: Paid) -> Paid:
    """The server counts from zero; what earlier tests paid for is another job's, because the prompt differs."""
    metered_model.server.reset()
    return metered_model


def test_a_job_within_its_limit_asks_nobody_and_pays_each_question_once(
    paid: Paid, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answers = tmp_path / "answers.jsonl"
    run = paid.run({"answers": str(answers), "confirm_above_usd": 5, "budget_usd": 1}, seed=1)
    assert run.state == "success"
    assert states_of(run) == {
        "plan_prompts": "success",
        "confirm_price": "skipped",
        "run_prompts": "success",
        "review_answers": "skipped",
        "publish_answers": "success",
    }
    rows = rows_of(answers)
    assert [row["id"] for row in rows] == [f"q{number}" for number in range(1, COUNT + 1)]
    for row, keeper in zip(rows, KEEPERS, strict=True):
        assert (row["status"], row["team"]) == ("answered", "north")
        assert keeper in row["answer"]
    meter = paid.server.meter()
    assert len(meter.billed) == COUNT
    assert meter.repeated == {}
    estimate = run.results["plan_prompts"]["estimate"]
    assert 0 < run.results["run_prompts"]["cost_usd"] <= estimate["high_usd"]
    assert_nothing_secret_is_kept(paid, capfd.readouterr())


def assert_nothing_secret_is_kept(paid: Paid, printed: Any) -> None:
    """Neither key nor header stands in logs, in Airflow's database or in anything that Wellread wrote."""
    sent = paid.server.requests()[0].headers
    assert (sent["authorization"], sent["x-team"]) == (f"Bearer {KEY}", HEADER)
    for secret in (KEY, HEADER):
        assert secret not in printed.out + printed.err
        for root in (paid.deployment.airflow_home, paid.deployment.home):
            for path in root.rglob("*"):
                assert not path.is_file() or secret.encode() not in path.read_bytes(), path
    sizes = paid.deployment.rows("SELECT task_id, key, length(value) FROM xcom")
    assert len(sizes) > 5
    assert [row for row in sizes if row[2] is not None and row[2] >= 4_096] == []


def test_a_price_above_the_limit_waits_for_a_person_and_is_paid_after_consent(paid: Paid, tmp_path: Path) -> None:
    answers = tmp_path / "answers.csv"
    with person(choosing("Approve")) as someone:
        run = paid.run({"answers": str(answers), "confirm_above_usd": 0.000001}, seed=2)
    assert someone.refusals == []
    [asked] = someone.asked
    assert asked["subject"] == "May this question job be paid?"
    assert f"to be paid | {COUNT}" in asked["body"]
    assert states_of(run)["confirm_price"] == "success"
    assert run.results["confirm_price"] == {"chosen": "Approve", "by": "ada"}
    assert run.state == "success"
    assert answers.exists()
    assert len(paid.server.meter().billed) == COUNT


def test_a_price_that_a_person_rejects_is_not_paid_and_its_plan_is_dropped(paid: Paid, tmp_path: Path) -> None:
    answers = tmp_path / "answers.csv"
    conf = {"answers": str(answers), "confirm_above_usd": 0.000001}
    with person(choosing("Reject")):
        run = paid.run(conf, seed=3)
        assert states_of(run) == {
            "plan_prompts": "success",
            "confirm_price": "success",
            "run_prompts": "skipped",
            "review_answers": "skipped",
            "publish_answers": "skipped",
        }
        assert not answers.exists()
        assert paid.server.meter().billed_count == 0
        assert paid.run(conf, seed=3).results["plan_prompts"]["resumed"] is False


def test_a_response_that_airflow_refuses_ends_the_run_and_says_so(paid: Paid, tmp_path: Path) -> None:
    conf = {"answers": str(tmp_path / "answers.csv"), "confirm_above_usd": 0.000001}
    with person(choosing("Perhaps")) as someone, pytest.raises(AssertionError, match=r"refused.*Perhaps"):
        paid.run(conf, seed=7)
    assert someone.asked == []
    assert paid.server.meter().billed_count == 0


def test_a_run_that_failed_half_way_is_retried_and_nothing_is_billed_twice(paid: Paid, tmp_path: Path) -> None:
    paid.server.behave(Fault(kind="server_error", skip=4, times=3))
    answers = tmp_path / "answers.jsonl"
    run = paid.run({"answers": str(answers)}, seed=4)
    assert run.state == "success"
    assert {row["status"] for row in rows_of(answers)} == {"answered"}
    [(tries,)] = paid.deployment.rows(
        f"SELECT try_number FROM task_instance WHERE run_id = '{run.run_id}' AND task_id = 'run_prompts'"
    )
    assert tries > 1
    meter = paid.server.meter()
    assert len(meter.billed) == COUNT
    assert meter.repeated == {}
    assert run.results["run_prompts"]["resumed"] > 0


def test_in_batch_mode_the_task_defers_and_comes_back(paid: Paid, tmp_path: Path) -> None:
    paid.server.behave(batch_seconds=1.0)
    answers = tmp_path / "answers.jsonl"
    run = paid.run({"answers": str(answers), "mode": "batch"}, seed=5)
    assert run.state == "success"
    assert {row["status"] for row in rows_of(answers)} == {"answered"}
    meter = paid.server.meter()
    assert {row.batch_times for row in meter.billed.values()} == {1}
    assert meter.repeated == {}


def reviewed(action: Mapping[str, Any]) -> Mapping[str, Any]:
    """Approve the first, edit the second, reject the third, keep the rest."""
    given = {name: param["value"] for name, param in action["params"].items()}
    given |= {"decision_1": "approve", "decision_2": "approve", "decision_3": "reject"}
    given["answer_2"] = "Nobody knows."
    return {"chosen_options": ["Apply"], "params_input": given}


def test_flagged_answers_go_to_a_person_whose_decisions_are_published(paid: Paid, tmp_path: Path) -> None:
    paid.server.behave(mode="invents_quote")
    answers = tmp_path / "answers.jsonl"
    settings = {"WELLREAD_ANSWERING__QUOTE_POLICY": "flag"}
    with person(reviewed) as someone:
        run = paid.run({"answers": str(answers), "review": True}, seed=6, **settings)
    assert someone.refusals == []
    assert run.state == "success"
    rows = rows_of(answers)
    assert [row["status"] for row in rows[:4]] == ["answered", "answered", "abstained", "flagged"]
    assert rows[1]["answer"] == "Nobody knows."
    assert rows[2]["answer"] is None
    assert rows[0]["flags"][-1] == "reviewed"
    assert rows[1]["flags"][-2:] == ["reviewed", "edited"]
    result = run.results["review_answers"]
    assert (result["approved"], result["edited"], result["rejected"], result["kept"]) == (1, 1, 1, COUNT - 3)
    assert result["by"] == "ada"
