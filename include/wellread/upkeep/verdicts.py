"""One sentence on why a document is visible or not, and one on what to do. Pure functions of facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Verdict = tuple[bool, str, str]
"""Whether readers see the document now, why, and what a person can do."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What ledger, source and store say of one document."""

    source_id: str
    held_reason: str | None
    state: str | None
    """``live``, ``hidden``, ``deleted`` or ``moved``; ``None``: it was never in the index."""
    revision: int | None
    moved_to: str | None
    is_listed: bool | None
    is_changed: bool | None
    quarantine: Mapping[str, Any] | None
    hold: Mapping[str, Any] | None
    denials: Sequence[Mapping[str, Any]]
    staged: Mapping[str, Any] | None
    published: bool
    """Whether the ledger's present snapshot shows a version of it."""
    stored: Mapping[str, Any] | None
    """What the store shows under its own head; ``None``: it could not be asked."""


def verdict_of(facts: Facts) -> Verdict:
    """The strongest reason first."""
    if facts.denials:
        reason = facts.denials[0]
        found = f"it is withdrawn from every reader ({reason['kind']}: {reason['reason']})"
        return (
            False,
            found,
            "Nothing, if that is meant; the withdrawal ends when its last object is patched or gone.",
        )
    if facts.published:
        return _visible(facts)
    if facts.state is not None:
        return _once_known(facts)
    return _never_known(facts)


def _visible(facts: Facts) -> Verdict:
    if (lost := _lost(facts)) is not None:
        return lost
    if facts.quarantine is not None:
        why = f"its last good version is shown; the newer one is {_trouble(facts.quarantine)}"
        if facts.hold is not None:
            return (
                True,
                f"{why}, and {_what_is_held(facts.hold)} is held: {facts.hold['reason']}",
                _after_hold(facts),
            )
        return True, why, _after_quarantine(facts)
    if facts.hold is not None:
        return True, f"{_what_is_held(facts.hold)} is held: {facts.hold['reason']}", _after_hold(facts)
    if facts.staged is not None:
        return True, f"it is published, and {_progress(facts.staged)}", "Wait for that run to end."
    return _beside_the_source(facts)


def _beside_the_source(facts: Facts) -> Verdict:
    next_run = f"Run `wellread ingest {facts.source_id}`."
    if facts.held_reason:
        next_run = f"Its source is held ({facts.held_reason}): mend it, then `wellread release {facts.source_id}`."
    if facts.is_listed is False:
        return True, "it is published, but the source no longer lists it", next_run
    if facts.is_changed:
        return True, "it is published; the source shows a newer state of it, not looked at yet", next_run
    return True, "it is published and as the source lists it" if facts.is_listed else "it is published", "Nothing."


def _lost(facts: Facts) -> Verdict | None:
    """The ledger shows it, and the store does not hold it so."""
    stored = facts.stored
    if stored is None or "problem" in stored:
        why = "the ledger shows it, but the store could not be asked" + (
            f": {stored['problem']}" if stored is not None else ""
        )
        return False, why, "Run `wellread doctor`; if the index is lost, `wellread rebuild`."
    if stored["denied"]:
        return (
            False,
            "the head that readers use withdraws it",
            "Run any `wellread ingest`: it writes the newest head.",
        )
    chunks, versions = stored["chunks"], stored["versions"]
    complete = chunks["expected"] == chunks["found"] == chunks["in_vector_index"]
    if complete and versions["found"] >= 1:
        return None
    why = (
        f"the ledger shows it, but the store holds {chunks['found']} and its vector index "
        f"{chunks['in_vector_index']} of {chunks['expected']} chunks, and {versions['found']} of "
        f"{versions['expected']} versions"
    )
    return versions["found"] >= 1 and chunks["found"] >= 1, why, "Run `wellread reconcile`."


def _once_known(facts: Facts) -> Verdict:
    if facts.state == "moved":
        where = f" to {facts.moved_to}" if facts.moved_to else ""
        return False, f"it moved{where} in revision {facts.revision}", "Look for it under its present name."
    if facts.staged is not None:
        return False, _progress(facts.staged), "Wait for that run to end."
    if facts.state == "hidden" and facts.quarantine is not None:
        trouble = _trouble(facts.quarantine)
        why = f"it is hidden since revision {facts.revision}: its newer version is {trouble}, and its source says"
        return False, f"{why} on_failure: hide", _after_quarantine(facts)
    if facts.state == "deleted":
        why = f"it was deleted in revision {facts.revision}: the source did not hold it any more"
        if facts.is_listed:
            return False, f"{why}. It is listed again", f"Run `wellread ingest {facts.source_id}`."
        return False, why, "Nothing, if that is meant; else put it back into the source."
    return False, "the ledger knows it, but no published revision shows it", "Run `wellread reconcile`."


def _never_known(facts: Facts) -> Verdict:
    if facts.quarantine is not None:
        return False, f"it is {_trouble(facts.quarantine)}", _after_quarantine(facts)
    if facts.staged is not None:
        return False, _progress(facts.staged), "Wait for that run to end."
    if facts.held_reason:
        return False, f"its source is held: {facts.held_reason}", "Release the source, then ingest it."
    if facts.hold is not None:
        return False, f"{_what_is_held(facts.hold)} is held: {facts.hold['reason']}", _after_hold(facts)
    return False, "the source lists it, but no run has taken it up yet", f"Run `wellread ingest {facts.source_id}`."


def _trouble(row: Mapping[str, Any]) -> str:
    return f"{row['outcome']} at the stage {row['stage']} ({row['cause']}, {row['attempts']} attempts)"


def _after_quarantine(facts: Facts) -> str:
    assert facts.quarantine is not None
    remedy = str(facts.quarantine["detail"].get("remedy") or "Mend the document.")
    return f"{remedy} It is tried again when the document, the stage's code or its settings change."


def _what_is_held(hold: Mapping[str, Any]) -> str:
    kinds = {"settings": "a change of settings", "hiding": "its hiding"}
    return kinds.get(str(hold.get("kind")), "its deletion")


def _after_hold(facts: Facts) -> str:
    assert facts.hold is not None
    if facts.hold["approved"]:
        return f"It is approved: run `wellread ingest {facts.source_id}`."
    return f"Approve it with `wellread approve {facts.source_id}`, or put the document back into the source."


def _progress(row: Mapping[str, Any]) -> str:
    return f"revision {row['revision']}, which is not published yet, has it {row['state']}"
