"""Questions from, and answers to, wherever people keep them: files, buckets, tables, webhooks."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from wellread.answering.destinations.files import require_object
from wellread.answering.destinations.opening import open_destination
from wellread.answering.destinations.protocol import Destination, Publication
from wellread.answering.files.question_files import read_questions
from wellread.answering.jobs.reporting import AnswerDiff, JobReport
from wellread.identities import sha256_json
from wellread.questions import AnswerRow, Question
from wellread.retries import call_with_retries
from wellread.sources.s3_client import build_s3_client, typed_s3_errors
from wellread.workspace.composition import Workspace

_S3 = "s3://"


def destination_of(
    workspace: Workspace, address: str, *, s3_client: Callable[[], Any] | None = None
) -> Destination:
    """The destination of an address: ``check`` it before anything is paid, then ``publish``.

    A path ending in .jsonl, .csv, .tsv, .xlsx or .parquet; ``s3://bucket/key`` with such an ending;
    ``postgresql+psycopg://.../database?table=name`` or ``sqlite:///file#name``; ``https://...``. ``s3_client``
    gives a boto3 client with other credentials than the deployment's. Raises ``SettingsError``.
    """
    return open_destination(
        address,
        settings=workspace.settings.answering.publishing,
        s3_client=s3_client or partial(_s3_client, workspace),
    )


def publish_answers(
    workspace: Workspace,
    rows: Sequence[AnswerRow],
    destination: str | Destination,
    *,
    job_name: str,
    report: JobReport | None = None,
    diff: AnswerDiff | None = None,
) -> str:
    """Put the answers of a job where they belong, whole; returns the place's name without credentials.

    Publishing the same answers again changes nothing. A table keeps what other jobs, by ``job_name``, have
    published. Raises ``WellreadError`` where it failed for good; the answers stay in the ledger.
    """
    to = destination_of(workspace, destination) if isinstance(destination, str) else destination
    job_id = report.job_id if report is not None else sha256_json([[row.id, row.request_key] for row in rows])
    to.publish(Publication(rows, job_name, job_id, _summary(rows, report, diff)))
    return to.label


def _summary(rows: Sequence[AnswerRow], report: JobReport | None, diff: AnswerDiff | None) -> dict[str, object]:
    """A few numbers: what goes to a receiver with every page."""
    summary: dict[str, object] = {
        "questions": len(rows),
        "statuses": dict(sorted(Counter(row.status for row in rows).items())),
    }
    if report is not None:
        summary |= {"cost_usd": report.cost_usd, "sent": report.sent_count, "flags": dict(report.flags)}
    return summary | ({"diff": diff.counts()} if diff is not None else {})


def read_questions_at(workspace: Workspace, address: str) -> list[Question]:
    """The questions of a file, or of an object of a bucket. Raises as ``read_questions``, and what S3 raises."""
    with local_copy(workspace, address) as path:
        return read_questions(path)


@contextmanager
def local_copy(workspace: Workspace, address: str) -> Iterator[Path]:
    """The path itself, or for ``s3://bucket/key`` a copy that lasts as long as the block."""
    if not address.startswith(_S3):
        yield Path(address)
        return
    bucket, _, key = address.removeprefix(_S3).partition("/")
    require_object(bucket, key)
    client = _s3_client(workspace)

    def get() -> bytes:
        with typed_s3_errors(f"read {address}"), client.get_object(Bucket=bucket, Key=key)["Body"] as body:
            content: bytes = body.read()
            return content

    content = call_with_retries(get, settings=workspace.settings.answering.publishing.retry, what="read an object")
    with tempfile.TemporaryDirectory(prefix="wellread-") as folder:
        path = Path(folder) / key.rsplit("/", 1)[-1]
        path.write_bytes(content)
        yield path


def _s3_client(workspace: Workspace) -> Any:
    settings = workspace.settings
    client = build_s3_client(endpoint_url=settings.s3_endpoint_url, settings=settings.sources)
    workspace.close_later(client.close)
    return client
