"""`wellread check`: old answers held against documents that were edited or deleted. No model is asked."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from wellread.testing.provider_server import ProviderServer
from wellread.testing.s3_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY

pytestmark = pytest.mark.weaviate

FORMATS = ("jsonl", "csv", "tsv", "xlsx", "parquet")


@pytest.fixture
def answers(shell: Any, harbours: Path, model: ProviderServer, questions: Path, tmp_path: Path) -> Path:
    """The folder with the answers in every format."""
    others = [word for suffix in FORMATS[1:] for word in ("--to", str(tmp_path / f"a.{suffix}"))]
    ended = shell("answer", str(questions), "--out", str(tmp_path / "a.jsonl"), *others, "--json")
    assert ended.said["statuses"] == {"answered": 8}
    return tmp_path


def change(harbours: Path) -> None:
    """Amber says something else, birch says it and more, cedar is gone."""
    (harbours / "amber.txt").write_text(
        "The amber harbour has no crane at all since the storm of last winter.", "utf-8"
    )
    text = (harbours / "birch.txt").read_text("utf-8")
    (harbours / "birch.txt").write_text(f"{text} A lighthouse was built in the year after.", "utf-8")
    (harbours / "cedar.txt").unlink()


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_has_become_of_every_quote_is_told_in_every_format(
    suffix: str, shell: Any, answers: Path, harbours: Path, model: ProviderServer
) -> None:
    asked_count = len(model.requests())
    path, out = str(answers / f"a.{suffix}"), answers / "report.jsonl"
    before = shell("check", path, "--json")
    assert (before.code, before.said["answers"], before.said["doubtful_answers"]) == (0, 8, [])
    assert before.said["counts"]["still_true"] == before.said["quotes"]

    change(harbours)
    assert shell("ingest", str(harbours), "--json").code == 0
    after = shell("check", path, "--out", str(out), "--json")
    assert (after.code, after.said["doubtful_answers"]) == (3, ["amber", "cedar"])
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    verdicts = {line["answer_id"]: (line["verdict"], line["is_found"]) for line in lines}
    assert verdicts["amber"] == ("source_changed", False)
    assert verdicts["birch"] == ("source_changed", True)
    assert verdicts["cedar"] == ("source_gone", None)
    assert verdicts["elm"] == ("still_true", True)
    assert len(lines) == after.said["quotes"]
    assert len(model.requests()) == asked_count


def test_people_see_which_quotes_are_doubtful(shell: Any, answers: Path, harbours: Path) -> None:
    told = shell("check", str(answers / "a.csv"))
    assert (told.code, "Every quote is still true." in told.out) == (0, True)
    change(harbours)
    assert shell("ingest", str(harbours), "--json").code == 0
    told = shell("check", str(answers / "a.csv"))
    assert told.code == 3
    assert "amber: not in the document any more" in told.out
    assert "cedar: the document is gone" in told.out
    assert "The cedar harbour has 13 cranes." in told.out


def test_a_document_that_changed_around_its_quote_is_no_alarm(shell: Any, answers: Path, harbours: Path) -> None:
    text = (harbours / "birch.txt").read_text("utf-8")
    (harbours / "birch.txt").write_text(f"A word before. {text}", "utf-8")
    assert shell("ingest", str(harbours), "--json").code == 0
    checked = shell("check", str(answers / "a.jsonl"), "--json")
    assert checked.code == 0
    assert checked.said["counts"]["source_changed"] > 0


def test_a_file_without_ids_is_checked_by_names(shell: Any, answers: Path, harbours: Path, tmp_path: Path) -> None:
    """As older versions wrote them; a name that two sources have cannot be told apart."""
    with (answers / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = [{n: c for n, c in row.items() if n not in {"doc_ids", "versions"}} for row in csv.DictReader(file)]
    with (tmp_path / "old.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert shell("check", str(tmp_path / "old.csv")).code == 0
    change(harbours)
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies" / "elm.txt").write_text("Another text about an elm, of another source.", "utf-8")
    for folder in (harbours, tmp_path / "copies"):
        assert shell("ingest", str(folder), "--json").code == 0
    checked = shell("check", str(tmp_path / "old.csv"), "--json").said
    verdicts = {one["answer_id"]: one["verdict"] for one in checked["citations"]}
    assert verdicts["amber"] == "quote_missing"
    assert verdicts["birch"] == "still_true"
    assert verdicts["cedar"] == "source_gone"
    assert verdicts["elm"] == "unverifiable"


def test_answers_in_a_bucket_are_checked_there(
    shell: Any, answers: Path, setting: Any, s3_endpoint: str, s3_client: Any, bucket: str, monkeypatch: Any
) -> None:
    setting("S3_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
    s3_client.upload_file(str(answers / "a.parquet"), bucket, "old/a.parquet")
    assert shell("check", f"s3://{bucket}/old/a.parquet", "--json").code == 0


def test_another_groups_documents_are_gone(shell: Any, answers: Path, setting: Any) -> None:
    setting("TENANT", "somebody-else")
    assert shell("check", str(answers / "a.jsonl"), "--json").said["counts"]["still_true"] == 0


def test_bad_input_is_told_before_anything_is_opened(shell: Any, deployed: Any, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "1", "question": "Why?"}\n', "utf-8")
    (tmp_path / "good.jsonl").write_text('{"id": "1", "question": "Why?", "claims": []}\n', "utf-8")
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    for arguments, word in (
        (("missing.csv",), "No such file"),
        (("a.jsonl",), "no row has claims"),
        (("a.pdf",), "'.pdf'"),
        (("good.jsonl", "--out", "report.csv"), ".jsonl"),
        (("good.jsonl", "--out", "nowhere/report.jsonl"), "folder"),
        (("good.jsonl", "--out", "good.jsonl"), "file of answers"),
        (("good.jsonl",), "nothing was ever published"),
    ):
        ended = shell("check", *arguments, "--json")
        assert ended.code == 1, ended.out
        assert word in ended.out
        assert ended.said["remedy"]
