"""After a purge the mark of the document is nowhere but where the receipt says so."""

from __future__ import annotations

import json
import logging
import uuid
import zlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from purge_marks import MARK, NAME, assert_gone, ingest_marked, places_of, purge, rows_of

from wellread.artifacts.bundles import put_folder
from wellread.artifacts.codec import put_json
from wellread.artifacts.references import blob_path
from wellread.ledger import purge_schema, purges, run_records
from wellread.ledger.question_schema import question_jobs, question_rows, responses
from wellread.ledger.schema import documents, quarantine, runs
from wellread.questions import Question
from wellread.testing.provider_server import provider_server
from wellread.upkeep import purging
from wellread.upkeep.migrating import migrate
from wellread.upkeep.purging import find_target
from wellread.workspace.questions import answer_questions
from wellread.workspace.upkeeping import purge_document

pytestmark = pytest.mark.weaviate

ASKED = [Question("a", "Who keeps the seventeenth lantern behind the organ loft?")]


def note_quality_report(world: Any, folder: Path, text: str) -> str:
    """A quality report of the newest run, as a rule that shows its worst documents would write it."""
    folder.mkdir()
    (folder / "index.html").write_text(text, "utf-8")
    with world.open() as workspace, workspace.ledger.transaction() as tx:
        newest = run_records.latest_runs(tx, world.collection, limit=1)[0]
        reference = put_folder(workspace.artifacts, "reports", folder)
        report = {**(newest["report"] or {}), run_records.QUALITY_REPORT: {"reference": reference, "uri": ""}}
        run_records.update_run(tx, newest["run_id"], report=report)
    return reference


def test_with_a_mirror_answers_reports_and_a_quarantined_version(
    marked: Any, raw: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="wellread")
    with marked.open() as workspace:
        migrate(workspace.parts, marked.collection, anew=True, switch=False)
        answered = answer_questions(workspace, ASKED, owner="test", job_name="lanterns")
    assert MARK in str(answered.rows)
    marked.files.write(NAME, f"{MARK}, as of now. ".encode() + b"\x00\xff\xfe\x01" * 400)
    assert marked.ingest().outcomes.get("committed", 0) == 0
    assert [row.natural_key for row in rows_of(marked, quarantine)] == [NAME]
    named = note_quality_report(marked, tmp_path / "pages", f"<td>{NAME}</td>")
    with marked.open() as workspace, workspace.ledger.transaction() as tx:  # an error that quotes the document
        newest = run_records.latest_runs(tx, marked.collection, limit=1)[0]
        sheet = dict(newest["report"]["sheet"])
        sheet["problems"] = [{**sheet["problems"][0], "found": f"not readable after {MARK!r}"}]
        run_records.update_run(tx, newest["run_id"], report={**newest["report"], "sheet": sheet})
    before = places_of(marked, raw)
    for kind in ("chunks_1", "chunks_2", "table question_rows", "table runs", "artifacts/job-plans", "ledger"):
        assert any(kind in place for place in before), kind
    receipt = purge(marked)
    for kind in ("chunks", "versions"):
        raw_left = list(raw.collections.get(f"{marked.collection}_{kind}_2").iterator())
        assert MARK not in str([item.properties for item in raw_left])
        raw.collections.delete(f"{marked.collection}_{kind}_2")
    assert places_of(marked, raw) == []
    for told in (named, "--deep"):
        assert any(told in place for place in receipt.unreached)
    problem = rows_of(marked, runs)[-1].report["sheet"]["problems"][0]
    assert (problem["document"], problem["found"]) == (NAME, "purged")
    assert MARK not in caplog.text
    assert MARK not in json.dumps(receipt.as_dict())


@pytest.mark.torture
def test_quality_reports_as_they_are_written_do_not_name_documents(library: Any, raw: Any) -> None:
    """Great Expectations takes half a minute to import."""
    library.options = {"quality": {"run": {"documents_count_min": 4}}}
    ingest_marked(library)
    (report,) = [row.report for row in rows_of(library, runs) if run_records.QUALITY_REPORT in row.report]
    with library.open() as workspace:
        pages = workspace.artifacts.get(report[run_records.QUALITY_REPORT]["reference"])
    assert b"documents" in pages
    assert NAME.encode() not in pages
    receipt = purge(library)
    assert not any("quality report" in place for place in receipt.unreached)
    assert places_of(library, raw) == []


def forget_links(world: Any) -> None:
    """As it was before the ledger's sixth migration; memos of parsed texts are not there any more either."""
    with world.open() as workspace, workspace.ledger.transaction() as tx:
        tx.execute(purge_schema.document_artifacts.delete())


def test_artifacts_of_old_versions_are_named_or_searched(marked: Any, raw: Any) -> None:
    forget_links(marked)
    with marked.open() as workspace:
        handed_on = put_json(
            workspace.artifacts, "answer-rows", [{"answer": f"It is said that {MARK}, as of old."}]
        )
        doc_id = find_target(workspace.parts, marked.collection, NAME).doc_ids[0]
        cited = put_json(workspace.artifacts, "answer-rows", [{"doc_id": str(doc_id), "quote": MARK}])
        listed = put_json(workspace.artifacts, "lists", [f"{MARK}, as of late."])
        damaged = workspace.artifacts.put("lists", b"[]")
    (marked.home / "artifacts" / blob_path(damaged)).write_bytes(b"nonsense")
    receipt = purge(marked, deep=True)
    with marked.open() as workspace:
        assert workspace.artifacts.exists(handed_on)  # half a line, and no id: neither can be told
        assert not workspace.artifacts.exists(cited)
        workspace.artifacts.delete(handed_on)
        workspace.artifacts.delete(listed)
        workspace.artifacts.delete(damaged)
    assert any(damaged in place and "cannot be read" in place for place in receipt.unreached)
    assert any(listed in place for place in receipt.unreached)
    assert not any("--deep" in place for place in receipt.unreached)
    assert receipt.removed["artifacts_searched"] > 10
    assert_gone(marked, raw)


def redis_values(url: str, prefix: str) -> dict[bytes, bytes]:
    import redis

    with redis.Redis.from_url(url) as client:  # other tests have keys of their own there
        found = {key: client.get(key) for key in client.scan_iter(f"{prefix}*")}
    return {key: zlib.decompress(value.partition(b"\n")[2]) for key, value in found.items()}


def test_on_postgres_with_answers_in_redis(library: Any, raw: Any, postgres_url: str, redis_url: str) -> None:
    with provider_server() as provider:
        chat = {"provider": "openai", "model": "maker/model", "base_url": provider.openai_url, "api_key": "any"}
        prefix = f"{library.collection}:"
        coordination = {"redis_url": redis_url, "cache": "redis", "rate_limits": "memory", "prefix": prefix}
        library.options = {"ledger": {"url": postgres_url}, "chat": chat, "coordination": coordination}
        ingest_marked(library)
        with library.open() as workspace:
            answer_questions(workspace, ASKED, owner="test", job_name="lanterns")
        assert MARK in str(provider.requests())
        assert redis_values(redis_url, prefix)
        before = places_of(library, raw)
        for kind in (
            "artifacts/elements",
            "artifacts/chunks",
            "artifacts/job-plans",
            f"{library.collection}_chunks",
        ):
            assert any(kind in place for place in before), kind
        with library.open() as workspace:
            receipt = purge_document(
                workspace, find_target(workspace.parts, library.collection, NAME), reason="asked for"
            )
        assert places_of(library, raw) == []
        assert redis_values(redis_url, prefix) == {}
        for table in (question_jobs, question_rows, responses):
            assert rows_of(library, table) == []
        assert NAME not in {row.natural_key for row in rows_of(library, documents)}
        assert receipt.removed["requests"] == 1
        assert receipt.removed["vectors"] >= 1
        for place in ("PostgreSQL", "still lists it", "model providers", "backups"):
            assert any(place in one for one in receipt.unreached), place


class SharedWhileDeleted:
    """Real artifacts. Before the first one is deleted, another process begins to share it, and has time to."""

    def __init__(self, artifacts: Any, share: Callable[[], Future[None]]) -> None:
        self._artifacts, self._share = artifacts, share
        self.sharing: Future[None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._artifacts, name)

    def delete(self, reference: str) -> None:
        if self.sharing is None:
            self.sharing = self._share()
            wait([self.sharing], timeout=1.0)
        self._artifacts.delete(reference)


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_who_begins_to_share_an_artifact_meanwhile_keeps_it(
    database: str, library: Any, request: pytest.FixtureRequest
) -> None:
    if database == "postgres":
        library.options = {"ledger": {"url": request.getfixturevalue("postgres_url")}}
    ingest_marked(library)
    with library.open() as workspace, ThreadPoolExecutor(max_workers=1) as another:
        target = find_target(workspace.parts, library.collection, NAME)
        with workspace.ledger.reading() as reading:
            reference = min(purges.linked_artifacts(reading, library.collection, target.doc_ids))
        content = workspace.artifacts.get(reference)

        def share() -> None:
            """As an extraction does: the link first, then the artifact, where it is missing."""
            with workspace.ledger.transaction() as tx:
                purges.link_artifacts(tx, library.collection, [(uuid.uuid4(), reference)])
            workspace.artifacts.put(reference.partition("/")[0], content)

        artifacts = SharedWhileDeleted(workspace.artifacts, lambda: another.submit(share))
        parts = replace(workspace.parts, artifacts=artifacts)
        purging.purge(parts, target, reason="asked for", forget_cached=lambda _tenant, _keys: None)
        assert artifacts.sharing is not None
        artifacts.sharing.result()
        assert workspace.artifacts.get(reference) == content
