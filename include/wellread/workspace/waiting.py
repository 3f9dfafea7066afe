"""What a caller that does not want to sleep looks at now and then: an index that moves on, a batch that ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from wellread.ledger import revisions
from wellread.ledger.question_jobs import QuestionJobs
from wellread.workspace.composition import Workspace
from wellread.workspace.freshness import freshness_of


@dataclass(frozen=True, slots=True)
class IndexFloor:
    """What a collection must have reached. At least one of the three is set."""

    least_revision: int | None = None
    """A revision that the newest snapshot must hold."""
    published_since: datetime | None = None
    """Something must have been published at this moment or later."""
    fresh_since: datetime | None = None
    """Each source of the deployment's tenant must have had a complete run that began at this moment or later,
    whether or not it found a change."""


def missing_from(workspace: Workspace, floor: IndexFloor, *, collection: str | None = None) -> str | None:
    """What the collection still lacks, in words; ``None``: it is there. Asks the ledger alone."""
    name = collection or workspace.settings.collection
    with workspace.ledger.reading() as reading:
        if revisions.find_collection(reading, name) is None:
            return f"there is no collection {name!r} yet"
        snapshot = revisions.current_snapshot(reading, name)
        published_at = revisions.last_published_at(reading, name)
    least, since = floor.least_revision, floor.published_since
    if least is not None and not snapshot.has(least):
        return f"revision {least} is not in the newest snapshot {snapshot.as_text()}"
    if since is not None and (published_at is None or published_at < since.timestamp()):
        return f"nothing was published since {since.isoformat()} (last: {_moment(published_at)})"
    if floor.fresh_since is not None:
        true_as_of = freshness_of(workspace.ledger, name, workspace.scope()).true_as_of
        if true_as_of is None or true_as_of < floor.fresh_since:
            known = "a source has had no complete run" if true_as_of is None else true_as_of.isoformat()
            return f"its sources were not all looked at since {floor.fresh_since.isoformat()} (oldest: {known})"
    return None


def _moment(seconds: float | None) -> str:
    return "never" if seconds is None else datetime.fromtimestamp(seconds, tz=UTC).isoformat()


def has_batch_news(workspace: Workspace, job_id: str) -> bool:
    """Whether another go at a job finds work: a batch ended, was refused or was never submitted, or none is open.

    Raises what asking the provider raises.
    """
    jobs: QuestionJobs = workspace.question_jobs
    waiting = [record for record in jobs.read_batches(job_id) if record.state in {"intended", "submitted"}]
    batches = workspace.language_models.primary.batches
    if batches is None or not waiting:
        return True
    return any(
        record.provider_id is None or batches.progress(record.provider_id).state != "running" for record in waiting
    )
