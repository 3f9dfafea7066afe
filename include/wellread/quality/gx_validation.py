"""Great Expectations over the table of a run. Its import takes seconds: only here, and only once a run."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wellread.errors import SystemicError
from wellread.quality.run_rules import RunRule, RunTable


def import_quietly() -> None:
    """Import the library: seconds."""
    with _quiet_library():
        for name in ("pandas", "great_expectations.checkpoint.actions", "great_expectations.expectations"):
            importlib.import_module(name)


def validate_table(
    table: RunTable, rules: Sequence[RunRule], *, report_folder: Path | None
) -> tuple[Mapping[str, tuple[bool, float]], str | None]:
    """For each rule's name whether it holds and what was observed; and the address of the Data Docs.

    Every rule's column holds at least one value. Raises ``SystemicError`` when a rule cannot be computed.
    """
    with _quiet_library():
        import great_expectations as gx
        import pandas as pd
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        frame = pd.DataFrame({name: pd.Series(values, dtype="float64") for name, values in table.columns.items()})
        frame.insert(0, "document", list(table.natural_keys))
        actions = [] if report_folder is None else [_data_docs(context, report_folder)]
        checkpoint = _checkpoint(context, rules, actions)
        outcome = checkpoint.run(batch_parameters={"dataframe": frame})
        observed = dict(_observed(outcome))
    missing = {rule.name for rule in rules} - observed.keys()
    if missing:
        raise _not_computed(sorted(missing), "no result")
    return observed, None if report_folder is None else (report_folder.absolute() / "index.html").as_uri()


def _checkpoint(context: Any, rules: Sequence[RunRule], actions: list[Any]) -> Any:
    import great_expectations as gx

    asset = context.data_sources.add_pandas("run").add_dataframe_asset("documents")
    suite = context.suites.add(
        gx.ExpectationSuite(name="run_rules", expectations=[_expectation(rule) for rule in rules])
    )
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name="run", data=asset.add_batch_definition_whole_dataframe("all"), suite=suite)
    )
    return context.checkpoints.add(
        gx.Checkpoint(name="before_anything_is_paid", validation_definitions=[definition], actions=actions)
    )


def _expectation(rule: RunRule) -> Any:
    from great_expectations.expectations.core.expect_column_mean_to_be_between import ExpectColumnMeanToBeBetween
    from great_expectations.expectations.core.expect_column_median_to_be_between import (
        ExpectColumnMedianToBeBetween,
    )

    kind = {"mean": ExpectColumnMeanToBeBetween, "median": ExpectColumnMedianToBeBetween}[rule.measure]
    return kind(
        column=rule.column,
        min_value=rule.minimum,
        max_value=rule.maximum,
        meta={"rule": rule.name},
        notes=rule.meaning,
    )


def _data_docs(context: Any, report_folder: Path) -> Any:
    from great_expectations.checkpoint.actions import UpdateDataDocsAction

    report_folder.mkdir(parents=True, exist_ok=True)
    context.add_data_docs_site(
        site_name="quality",
        site_config={
            "class_name": "SiteBuilder",
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(report_folder.absolute()),
            },
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    return UpdateDataDocsAction(name="data_docs", site_names=["quality"])


def _observed(outcome: Any) -> Iterator[tuple[str, tuple[bool, float]]]:
    for validation in outcome.run_results.values():
        for result in validation.results:
            name = str((result.expectation_config.meta or {}).get("rule"))
            value = result.result.get("observed_value")
            if value is None:
                raise _not_computed([name], str(result.exception_info))
            yield name, (bool(result.success), float(value))


def _not_computed(names: Sequence[str], found: str) -> SystemicError:
    return SystemicError(
        f"the quality rules {', '.join(names)}",
        found=f"Great Expectations could not compute them: {found[:500]}",
        remedy="Install the pinned great-expectations and pandas again; nothing was paid",
    )


@contextmanager
def _quiet_library() -> Iterator[None]:
    """Its registry writes hundreds of lines at import where logging was set up before, as Airflow does."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
