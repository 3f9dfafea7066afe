"""``wellread check``: are the quotes of old answers still true?"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import typer

from wellread.answering.checking.auditing import AuditedCitation, AuditReport, Verdict
from wellread.answering.files.answer_files import write_atomically
from wellread.cli.opening import opened
from wellread.cli.output import EXIT_NOTHING, Output
from wellread.errors import SettingsError
from wellread.workspace.checking import check_answers

_SHOWN = 20
_OUTCOMES: dict[tuple[Verdict, bool | None], str] = {
    ("still_true", True): "true, in the version that was cited",
    ("source_changed", True): "true, in a document that has changed since",
    ("source_changed", False): "not in the document any more",
    ("source_gone", None): "the document is gone",
    ("quote_missing", False): "not in the document, which is as it was",
    ("unverifiable", None): "cannot be checked: no document or no quote",
}
"""What is told of each verdict, and whether the quote is found."""


def check(output: Output, answers: str, *, out: Path | None, collection: str | None) -> None:
    """Look every quote up; exit code 3 where one is not found."""
    if out is not None and (out.suffix.lower() not in {".jsonl", ".ndjson"} or not out.resolve().parent.is_dir()):
        raise SettingsError(
            f"write the report to {out}",
            found="its name does not end in .jsonl, or its folder does not exist",
            remedy="Name a .jsonl file in an existing folder.",
        )
    if out is not None and out.resolve() == Path(answers).resolve():
        raise SettingsError(
            f"write the report to {out}",
            found="that is the file of answers",
            remedy="Name another file with --out.",
        )
    with opened(output, collection=collection) as workspace:
        report = check_answers(workspace, answers)
    if out is not None:
        lines = [json.dumps(_flat(audited), ensure_ascii=False) + "\n" for audited in report.citations]
        write_atomically(out, "".join(lines).encode("utf-8", "replace"), what="the report")
    output.result({"file": answers, **report.as_dict(), "out": None if out is None else str(out)})
    _print(output, report, out)
    if report.doubtful_answers:
        raise typer.Exit(EXIT_NOTHING)


def _flat(audited: AuditedCitation) -> dict[str, Any]:
    """One line of the report: the quote as it was given, and what has become of it as ``now_...``."""
    found = dataclasses.asdict(audited)
    given = found.pop("citation")
    named = {name: found.pop(name) for name in ("answer_id", "verdict", "is_found")}
    return {**named, **given, **{f"now_{name}": value for name, value in found.items()}}


def _print(output: Output, report: AuditReport, out: Path | None) -> None:
    quotes = len(report.citations)
    output.line(f"{report.answers_count} answers with {quotes} quotes checked", style="bold")
    counted = Counter((audited.verdict, audited.is_found) for audited in report.citations)
    output.table(
        ("quotes", "what they are now"),
        [(counted[outcome], told) for outcome, told in _OUTCOMES.items() if counted[outcome]],
    )
    doubtful = [audited for audited in report.citations if not audited.is_found]
    for audited in doubtful[:_SHOWN]:
        cited = audited.citation
        output.line(f"{audited.answer_id}: {_OUTCOMES[audited.verdict, audited.is_found]}", style="bold red")
        output.line(f'  "{" ".join(cited.quote.split())}"')
        output.line(f"      {cited.document}{'' if cited.page is None else f', page {cited.page}'}")
    if len(doubtful) > _SHOWN:
        output.line(
            f"... and {len(doubtful) - _SHOWN} more{'' if out is not None else ': name a file with --out'}."
        )
    if not doubtful:
        output.line("Every quote is still true." if quotes else "There is no quote to check.")
