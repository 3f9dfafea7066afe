"""``wellread quarantine``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from wellread.artifacts.protocol import ArtifactStore
from wellread.cli.opening import opened
from wellread.cli.output import EXIT_NOTHING, Output
from wellread.errors import SettingsError
from wellread.ledger import quarantine_rows
from wellread.upkeep.explaining import moment


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows, and where their bytes go."""

    source: str | None = None
    document: str | None = None
    save: Path | None = None


def quarantine(output: Output, asked: Asked, *, collection: str | None) -> None:
    """What could not be read; the bytes, as they were, into a folder."""
    with opened(output, collection=collection) as workspace:
        with workspace.ledger.reading() as reading:
            rows = quarantine_rows.list_quarantine(reading, workspace.settings.collection, asked.source)
        rows = [row for row in rows if asked.document in (None, row["natural_key"])]
        saved = {} if asked.save is None else _save(workspace.parts.artifacts, rows, asked.save)
    shown = [_shown(row, saved) for row in rows]
    output.result({"quarantine": shown})
    output.table(
        ("source", "document", "state", "stage", "cause", "attempts", "last", "payload", "found"),
        [
            (
                item["source"],
                item["document"],
                f"{item['outcome']}, hidden" if item["hidden"] else item["outcome"],
                item["stage"],
                item["cause"],
                item["attempts"],
                item["last_at"],
                "kept" if item["payload"]["reference"] else "",
                item["found"],
            )
            for item in shown
        ],
    )
    for path in saved.values():
        output.line(f"saved: {path}")
    if not shown:
        output.line("Nothing is in quarantine.")
    if asked.save is not None and not saved:
        output.line("Nothing was saved: no bytes are kept of these documents.")
        raise typer.Exit(EXIT_NOTHING)


def _shown(row: Mapping[str, Any], saved: Mapping[tuple[str, str], Path]) -> dict[str, Any]:
    path = saved.get((row["source_id"], row["natural_key"]))
    return {
        "source": row["source_id"],
        "document": row["natural_key"],
        "outcome": row["outcome"],
        "hidden": bool(row["hidden"]),
        "class": row["detail"].get("class"),
        "stage": row["stage"],
        "cause": row["cause"],
        "found": row["detail"].get("found"),
        "remedy": row["detail"].get("remedy"),
        "attempts": row["attempts"],
        "first_at": moment(row["first_at"]),
        "last_at": moment(row["last_at"]),
        "waits_for_redrive": row["stage_signature"] == "",
        "payload": {
            "reference": row["payload_ref"],
            "sha256": row["content_sha"] or None,
            "size_bytes": row["size_bytes"],
            "note": row["payload_note"],
            "saved": None if path is None else str(path),
        },
    }


def _save(artifacts: ArtifactStore, rows: list[Mapping[str, Any]], folder: Path) -> dict[tuple[str, str], Path]:
    """Write the kept bytes below ``folder``, as SOURCE/NAME; the paths by source and natural key."""
    saved: dict[tuple[str, str], Path] = {}
    for row in rows:
        if row["payload_ref"] is None:
            continue
        path = folder / row["source_id"] / _relative(row["natural_key"])
        content = artifacts.get(row["payload_ref"])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise SettingsError(
                f"save {row['natural_key']!r} as {path}",
                found=f"{type(error).__name__}: {error.strerror}",
                remedy="Give a folder that you may write to, or save one document with --document.",
            ) from error
        saved[(row["source_id"], row["natural_key"])] = path
    return saved


def _relative(natural_key: str) -> Path:
    """A name below the folder, whatever a key of a bucket says: no part of it leads up or elsewhere."""
    parts = [part.replace("\0", "_") for part in natural_key.split("/")]
    return Path(*("_" if part in {"", ".", ".."} else part for part in parts))
