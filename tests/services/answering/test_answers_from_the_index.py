"""From real files through a real Weaviate to quotes that stand where they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wellread.questions import Question
from wellread.server import ServerAddress
from wellread.sources.declarations import declaration_for_folder
from wellread.workspace import Workspace
from wellread.workspace.questions import answer_questions, answerer_of, ask

pytestmark = pytest.mark.weaviate

LOANS = (
    "Members of the library may borrow twelve books at once. A loan lasts 28 days and can be renewed twice unless "
    "another member has reserved the book. A late book costs 20 cents for each day."
)
HOURS = "The reading room opens at nine o'clock on weekdays. On Saturdays it opens at ten and closes at two."
DOCUMENTS = {
    "loans.txt": LOANS,
    "hours.txt": HOURS,
    "roof.md": "# The roof\n\nThe roof of the east wing was mended in 1987. Its tiles came from Wales.\n",
}


@pytest.fixture
def workspace(weaviate_address: ServerAddress, tmp_path: Path, collection_name: str) -> Iterator[Workspace]:
    server = {
        "http_host": weaviate_address.http_host,
        "http_port": weaviate_address.http_port,
        "grpc_host": weaviate_address.grpc_host,
        "grpc_port": weaviate_address.grpc_port,
        "api_key": weaviate_address.api_key,
    }
    settings = {
        "home": tmp_path / "home",
        "server": server,
        "collection": collection_name,
        "retrieval": {"head_cache_seconds": 0},  # what was published is read at once
    }
    with Workspace.open(settings) as opened:
        yield opened


@pytest.fixture
def folder(workspace: Workspace, tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    ingest(workspace, folder)
    return folder


def ingest(workspace: Workspace, folder: Path) -> None:
    declaration = declaration_for_folder(folder, collection=workspace.settings.collection)
    assert workspace.runner.run(declaration).published


def test_a_quote_stands_in_its_document_where_it_says(workspace: Workspace, folder: Path) -> None:
    row = ask(workspace, "How many days does a loan of a library book last?")
    assert row.status == "answered"
    citations = [citation for claim in row.claims for citation in claim.citations]
    quoted = [citation for citation in citations if citation.document == "loans.txt"]
    assert any("28 days" in citation.quote for citation in quoted)
    for citation in quoted:
        assert citation.match == "exact"
        assert LOANS[citation.start_char : citation.end_char] == citation.quote


def test_what_no_document_says_is_declined(workspace: Workspace, folder: Path) -> None:
    row = ask(workspace, "Which enzyme digests lactose in newborn mammals?")
    assert (row.status, row.abstain_reason, row.answer) == ("abstained", "nothing_relevant", None)


def test_a_job_repeated_asks_nothing_again(workspace: Workspace, folder: Path) -> None:
    questions = [
        Question("a", "How many books may members borrow at once?"),
        Question("b", ""),
        Question("c", "When does the reading room open on Saturdays?"),
    ]
    first = answer_questions(workspace, questions, owner="test")
    again = answer_questions(workspace, questions, owner="test")
    assert [row.status for row in first.rows] == ["answered", "invalid", "answered"]
    assert again.rows == first.rows
    assert (first.report.sent_count, again.report.sent_count) == (2, 0)


def test_a_plan_answers_from_its_snapshot_while_documents_change(workspace: Workspace, folder: Path) -> None:
    answerer = answerer_of(workspace)
    plan = answerer.plan([Question("a", "How many days does a loan last?")], artifacts=workspace.artifacts)
    (folder / "loans.txt").write_text(LOANS.replace("28 days", "14 days"), encoding="utf-8")
    ingest(workspace, folder)
    answerer.execute(plan, ledger=workspace.question_jobs, artifacts=workspace.artifacts, owner="test")
    (row,) = answerer.finish(plan, ledger=workspace.question_jobs, artifacts=workspace.artifacts)
    assert row.answer is not None
    assert "28 days" in row.answer
    assert "14 days" in (answerer.ask("How many days does a loan last?").answer or "")
