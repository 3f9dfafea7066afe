"""A file of questions from the shell: priced, confirmed, answered, interrupted, published, compared."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wellread.testing.provider_server import Fault, ProviderServer

pytestmark = pytest.mark.weaviate

Setting = Callable[[str, object], None]
COMMAND = (sys.executable, "-m", "wellread", "answer")


def rows_of(path: Path) -> dict[str, dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def test_a_dry_run_tells_the_price_and_spends_and_keeps_nothing(
    shell: Any, harbours: Path, model: ProviderServer, questions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a.csv"
    planned = shell("answer", str(questions), "--out", str(out), "--dry-run", "--json").said
    assert (planned["row_count"], planned["paid_count"], planned["known_count"]) == (8, 8, 0)
    assert 0 < planned["low_usd"] < planned["high_usd"]
    told = shell("answer", str(questions), "--out", str(out), "--dry-run")
    assert "8 questions: 8 to ask" in told.out
    assert "Price: $" in told.out
    assert all(len(line) <= 80 for line in told.out.splitlines())
    assert model.meter().billed_count == 0
    assert not out.exists()
    assert shell("answer", str(questions), "--out", str(out), "--json").said["resumed"] is False


def test_answers_go_everywhere_and_a_change_is_told_apart(
    shell: Any, harbours: Path, model: ProviderServer, questions: Path, tmp_path: Path
) -> None:
    out, database = tmp_path / "a.csv", tmp_path / "a.db"
    asked = ("answer", str(questions), "--out", str(out), "--to", str(tmp_path / "a.parquet"))
    asked = (*asked, "--to", f"sqlite:///{database}#answers")
    first = shell(*asked, "--json").said
    assert (first["statuses"], first["diff"]) == ({"answered": 8}, None)
    assert first["published"] == [str(out), str(tmp_path / "a.parquet"), f"sqlite:///{database}#answers"]
    row = rows_of(out)["amber"]
    assert (row["team"], row["model"], row["prompt"].split()[0]) == ("team amber", "tester", "answer_with_quotes")
    assert "11 cranes" in row["answer"]
    assert float(row["cost_usd"]) > 0

    again = shell(*asked, "--json").said
    assert (model.meter().billed_count, again["diff"]["same"], again["diff"]["changes"]) == (8, 8, [])

    (harbours / "amber.txt").write_text("The amber harbour has 77 cranes. They stand on its quay.", "utf-8")
    assert shell("ingest", str(harbours), "--json").code == 0
    told = shell(*asked)
    assert "1 changed" in told.out
    assert "evidence" in told.out
    assert "77 cranes" in rows_of(out)["amber"]["answer"]
    with sqlite3.connect(database) as connection:
        found = dict(connection.execute("select id, answer from answers"))
    assert len(found) == 8
    assert "77 cranes" in found["amber"]


def test_a_change_that_could_not_be_published_is_still_a_change(
    shell: Any, harbours: Path, model: ProviderServer, questions: Path, tmp_path: Path
) -> None:
    asked = ("answer", str(questions), "--out", str(tmp_path / "a.csv"), "--json")
    assert shell(*asked).code == 0
    (harbours / "amber.txt").write_text("The amber harbour has 55 cranes. They stand on its quay.", "utf-8")
    assert shell("ingest", str(harbours), "--json").code == 0
    nobody = "http://127.0.0.1:9/answers"  # the discard port: refused at once
    assert shell(*asked, "--to", nobody).code != 0
    paid = model.meter().billed_count
    again = shell(*asked).said
    assert (again["resumed"], again["diff"]["changed"], model.meter().billed_count) == (True, 1, paid)
    assert shell(*asked).said["diff"]["changes"] == []


def test_a_budget_ends_rows_and_more_of_it_goes_on(
    shell: Any, harbours: Path, model: ProviderServer, questions: Path, tmp_path: Path
) -> None:
    asked = ("answer", str(questions), "--out", str(tmp_path / "a.jsonl"), "--json")
    assert shell(*asked, "--budget-usd", "0").said["statuses"] == {"budget": 8}
    assert model.meter().billed_count == 0
    assert shell(*asked, "--budget-usd", "1").said["statuses"] == {"answered": 8}
    assert model.meter().billed_count == 8


def test_a_budget_without_a_price_is_refused_before_anything_is_sent(
    shell: Any,
    harbours: Path,
    model: ProviderServer,
    questions: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for side in ("INPUT", "OUTPUT"):
        monkeypatch.delenv(f"WELLREAD_CHAT__PRICE__{side}_USD_PER_MILLION")
    asked = ("answer", str(questions), "--out", str(tmp_path / "a.jsonl"))
    refused = shell(*asked, "--budget-usd", "1", "--json")
    assert (refused.code, refused.said["error"]) == (1, "SettingsError")
    assert "Price: unknown" in shell(*asked, "--dry-run").out
    assert model.requests() == []


def test_an_expensive_job_waits_for_a_person_or_for_yes(
    shell: Any, harbours: Path, model: ProviderServer, questions: Path, setting: Setting, tmp_path: Path
) -> None:
    setting("ANSWERING__BUDGET__CONFIRM_ABOVE_USD", "0.0001")
    out = tmp_path / "a.csv"
    asked = ("answer", str(questions), "--out", str(out))
    for options in ((), ("--json",)):
        refused = shell(*asked, *options)
        assert refused.code == 1
        assert "--yes" in refused.out + refused.err
    assert on_a_terminal(*asked, types="n\n") == 1
    assert (model.meter().billed_count, out.exists()) == (0, False)
    assert on_a_terminal(*asked, types="y\n") == 0
    assert (model.meter().billed_count, out.exists()) == (8, True)
    assert shell(*asked, "--yes", "--json").said["plan"]["paid_count"] == 0


def on_a_terminal(*arguments: str, types: str) -> int:
    """The exit code of the command, run by a person at a terminal."""
    person, terminal = os.openpty()
    os.write(person, types.encode())
    command = [sys.executable, "-m", "wellread", *arguments]
    try:
        ended = subprocess.run(command, stdin=terminal, capture_output=True, timeout=120)
    finally:
        os.close(person)
        os.close(terminal)
    assert b"Spend up to $" in ended.stderr
    return ended.returncode


def test_batches_are_waited_for_and_cost_half(
    shell: Any, harbours: Path, model: ProviderServer, questions: Path, setting: Setting, tmp_path: Path
) -> None:
    setting("ANSWERING__BATCH_POLL_SECONDS", "0.1")
    model.behave(batch_seconds=0.5)
    asked = ("answer", str(questions), "--out", str(tmp_path / "a.csv"))
    direct = shell(*asked, "--dry-run", "--json").said
    ended = shell(*asked, "--mode", "batch")
    assert ended.code == 0
    assert "8 in the provider's batches" in ended.err
    assert all(row["status"] == "answered" for row in rows_of(tmp_path / "a.csv").values())
    spent = sum(float(row["cost_usd"]) for row in rows_of(tmp_path / "a.csv").values())
    assert 0 < spent < direct["low_usd"] / 1.5


def test_a_deadline_chooses_how_requests_are_sent(
    shell: Any, harbours: Path, model: ProviderServer, questions: Path, setting: Setting, tmp_path: Path
) -> None:
    setting("ANSWERING__BATCH_LEAST_COUNT", "8")
    asked = ("answer", str(questions), "--out", str(tmp_path / "a.csv"), "--dry-run", "--json")
    tomorrow = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + 30 * 3600))
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    assert shell(*asked, "--deadline", tomorrow).said["sending"] == "batch"
    assert shell(*asked, "--deadline", soon, "--mode", "auto").said["sending"] == "direct"


def test_an_interrupted_job_says_so_and_goes_on(
    shell: Any, harbours: Path, model: ProviderServer, questions: Path, setting: Setting, tmp_path: Path
) -> None:
    setting("CHAT__CONCURRENCY", "1")
    model.behave(latency_seconds=1.5)
    arguments = (str(questions), "--out", str(tmp_path / "a.csv"))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # children of a background job ignore it
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    while model.meter().billed_count < 3 and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "of 8 questions are answered" in said
    assert "Run the same command again" in " ".join(said.split())
    assert not (tmp_path / "a.csv").exists()
    model.behave()
    ended = shell("answer", *arguments, "--json").said
    assert (ended["resumed"], ended["statuses"]) == (True, {"answered": 8})
    assert model.meter().billed_count == 8


def test_a_question_tells_its_model_prompt_cost_and_flags(
    shell: Any, harbours: Path, model: ProviderServer
) -> None:
    question = "How many cranes has the amber harbour?"
    first = shell("ask", question)
    assert "(tester, prompt answer_with_quotes" in first.out
    assert "$0.00" in first.out
    again = shell("ask", question, "--json").said
    assert (again["model"], again["prompt_sha256"] is not None, again["flags"]) == ("tester", True, [])
    model.behave(Fault(kind="off_schema"))
    flagged = shell("ask", "How many cranes has the birch harbour?")
    assert "flag repaired" in flagged.out
    assert "hidden-key" not in json.dumps([first.out, first.err, flagged.out])
