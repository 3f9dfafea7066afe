"""Options and addresses of `wellread answer` that make no sense: refused before anything is asked or paid."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from wellread.testing.provider_server import ProviderServer


def refused(ended: Any, *words: str) -> dict[str, Any]:
    assert ended.code == 1, ended.out
    said: dict[str, Any] = ended.said
    text = json.dumps(said, ensure_ascii=False)
    assert all(word in text for word in words), text
    assert said["found"]
    assert said["remedy"]
    return said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--mode", "bulk"), ("--mode bulk", "direct, batch, auto")),
        (("--deadline", "tomorrow"), ("no time", "2030-01-31")),
        (("--deadline", "2199-01-01T08:00"), ("no time zone",)),
        (("--deadline", "2001-01-01T08:00Z"), ("past",)),
        (("--deadline", "2199-01-01T08:00Z", "--mode", "direct"), ("only the mode auto",)),
        (("--on-budget", "panic", "--budget-usd", "1"), ("stop, degrade, defer",)),
        (("--on-budget", "stop"), ("there is no budget", "--budget-usd")),
        (("--on-budget", "degrade", "--budget-usd", "1"), ("no cheaper model", "chat.degraded")),
        (("--on-budget", "defer", "--budget-usd", "1"), ("day_usd",)),
        (("--to", "ftp://host/a.csv"), ("no such destination", "https://")),
        (("--to", "a.docx"), ("'.docx'", ".parquet")),
        (("--to", "nowhere/a.csv"), ("folder does not exist",)),
        (("--to", "questions.csv"), ("file of questions",)),
        (("--to", "s3://bucket"), ("names no object",)),
        (("--to", "sqlite:///a.db"), ("names no table", "#answers")),
        (("--to", "https://"), ("names no host",)),
        (("--to", "sqlite:////no/such/folder/a.db#answers"), ("unable to open",)),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_first(
    shell: Any, questions: Path, options: tuple[str, ...], words: tuple[str, ...], tmp_path: Path
) -> None:
    refused(shell("answer", "questions.csv", "--out", "a.csv", *options, "--json"), *words)
    assert not (tmp_path / "a.csv").exists()
    assert not (tmp_path / "wellread-home" / "server").exists()


def test_out_is_a_file(shell: Any, questions: Path) -> None:
    for out in ("https://me:hidden-key@host/x", "sqlite:///a.db#answers"):
        ended = shell("answer", str(questions), "--out", out, "--json")
        refused(ended, "no file", "--to")
        assert "hidden-key" not in ended.out
    assert shell("answer", str(questions), "--out", "a.csv", "--budget-usd", "-1").code == 2
    assert shell("answer", str(questions)).code == 2


@pytest.mark.weaviate
def test_a_table_that_does_not_fit_is_refused_before_anything_is_paid(
    shell: Any, harbours: Path, model: ProviderServer, questions: Path, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("create table answers (id text, invoice text)")
    asked = ("answer", str(questions), "--out", "a.csv", "--to", f"sqlite:///{tmp_path / 'a.db'}#answers", "--json")
    refused(shell(*asked), "invoice", "another table")
    assert model.requests() == []
    with sqlite3.connect(tmp_path / "a.db") as connection:
        assert connection.execute("select count(*) from answers").fetchone() == (0,)


@pytest.mark.weaviate
def test_a_receiver_that_is_gone_leaves_the_answers_in_their_file_and_the_ledger(
    shell: Any, harbours: Path, model: ProviderServer, questions: Path, setting: Any, tmp_path: Path
) -> None:
    setting("ANSWERING__PUBLISHING__RETRY__ATTEMPTS_COUNT", "2")
    setting("ANSWERING__PUBLISHING__RETRY__FIRST_WAIT_SECONDS", "0.01")
    asked = ("answer", str(questions), "--out", "a.csv", "--json")
    ended = shell(*asked, "--to", "http://127.0.0.1:9/hook?token=hidden-key")
    assert (ended.code, ended.said["retryable"]) == (75, True)
    assert "hidden-key" not in ended.out + ended.err
    assert (tmp_path / "a.csv").exists()
    assert shell(*asked).said["plan"]["paid_count"] == 0
    assert model.meter().billed_count == 8
