"""Is a run's harvest sound as a whole? Asked once, after extraction and before anything is paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wellread.errors import QualityError
from wellread.quality.gx_validation import validate_table
from wellread.quality.run_rules import RunRule, RunTable, applicable_rules, run_rules, run_table, worst_examples
from wellread.quality.settings import QualitySettings
from wellread.quality.validation_process import ValidationProcess
from wellread.runs import DocumentStatistics


@dataclass(frozen=True, slots=True)
class RuleFailure:
    """A rule that does not hold."""

    rule: str
    observed: float
    limit: float
    """The limit that was passed: the upper one where ``observed`` is above it, else the lower."""
    examples: tuple[str, ...]
    """Natural keys of the documents that weigh most, worst first."""
    meaning: str


@dataclass(frozen=True, slots=True)
class QualityVerdict:
    """What the rules say about a run."""

    passed: bool
    failed_rules: tuple[RuleFailure, ...]
    report_uri: str | None
    """The Data Docs; ``None`` where nothing could be judged or no folder was given."""
    documents_count: int
    """Documents judged: all but unsupported and vanished ones."""
    notes: tuple[str, ...] = ()
    """Why a rule was not judged."""


def assess_run(
    rows: Sequence[DocumentStatistics],
    settings: QualitySettings | None = None,
    *,
    report_folder: Path | None = None,
    validation: ValidationProcess | None = None,
) -> QualityVerdict:
    """The verdict of Great Expectations over the rows of a run (after ``mark_duplicates``).

    ``validation``: where that library was started already; else it is imported here.

    A rule is judged from ``documents_count_min`` documents on; where none is, the library is not even imported
    (16 s cold on a busy machine). Raises ``SystemicError`` when a rule cannot be computed.
    """
    settings = settings or QualitySettings()
    table = run_table(rows)
    rules, notes = applicable_rules(
        run_rules(settings), table, documents_count_min=settings.run.documents_count_min
    )
    if not rules:
        return QualityVerdict(
            passed=True, failed_rules=(), report_uri=None, documents_count=len(table.natural_keys), notes=notes
        )
    validate = validate_table if validation is None or not validation.is_started else validation.validate
    observed, report_uri = validate(table, rules, report_folder=report_folder)
    failures = tuple(
        _failure(rule, observed[rule.name][1], table, settings) for rule in rules if not observed[rule.name][0]
    )
    return QualityVerdict(
        passed=not failures,
        failed_rules=failures,
        report_uri=report_uri,
        documents_count=len(table.natural_keys),
        notes=notes,
    )


def raise_if_blocked(verdict: QualityVerdict) -> None:
    """Raises ``QualityError``, which names each broken rule and what to do. Returns when the run may go on."""
    if verdict.passed:
        return
    parts = [
        f"{failure.rule} is {failure.observed:.4g}, limit {failure.limit:.4g} ({failure.meaning}; "
        f"for example {', '.join(failure.examples) or 'none'})"
        for failure in verdict.failed_rules
    ]
    report = (
        f" The report is at {verdict.report_uri}; `wellread report` opens it anywhere."
        if verdict.report_uri
        else ""
    )
    raise QualityError(
        f"the quality of the {verdict.documents_count} documents of this run",
        found="; ".join(parts),
        remedy="Nothing was embedded or published. Mend the source or the parser, or, if this is how these "
        f"documents are, change the limit in the quality settings, then run again.{report}",
    )


def _failure(rule: RunRule, observed: float, table: RunTable, settings: QualitySettings) -> RuleFailure:
    is_above = rule.maximum is not None and observed > rule.maximum
    limit = rule.maximum if is_above else rule.minimum
    examples = worst_examples(rule, table, count=settings.examples_count, is_above=is_above)
    return RuleFailure(rule.name, observed, limit if limit is not None else observed, examples, rule.meaning)
