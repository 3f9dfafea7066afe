"""Fit the default calibration of abstention on development halves, and say what it does on the test halves.

Ingests the two sets whose questions are marked as answerable or not, through the ordinary rooms into a real
Weaviate, retrieves and assesses every question, and writes the calibration that the package carries. The same
documents, questions and model give the same file. A profile has a calibration of its own, because cosines of
different models are not alike. Usage::

    python benchmarks/calibrate_abstention.py --corpora FOLDER [--profile multilingual] [--home FOLDER]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quality import PROFILES, CachedWorkspace, profile_settings
from quality_sets import QualitySet, prepare

import wellread.answering.extractive
from wellread.answering.extractive.assessment import Assessor
from wellread.answering.extractive.calibration import FEATURES, Calibration, fit_calibration
from wellread.answering.jobs.plans import request_of
from wellread.evaluation.gold import GoldQuestion, Half
from wellread.evaluation.measures import estimate_auroc
from wellread.sources.declarations import declaration_for_folder
from wellread.workspace import Workspace

SETS = ("clapnq", "cuad")
KEEP_RATIO = 0.95
PACKAGED = Path(wellread.answering.extractive.__file__).parent / "calibration_default.json"
BLANK = Calibration(
    sets=("none",),
    fitted_on="",
    embedder="",
    answerable_count=0,
    unanswerable_count=0,
    bias=0.0,
    weights={},
    keep_ratio=KEEP_RATIO,
    threshold_ratio=0.0,
)
"""Weighs nothing: only the features are wanted of the assessor."""


@dataclass(frozen=True)
class Labelled:
    """One question with what the calibration sees of it."""

    features: dict[str, float]
    answerable: bool
    weight: float
    """Sets of unequal size count alike."""


def main() -> None:
    options = _options()
    home = options.home or Path(tempfile.mkdtemp(prefix="wellread-calibration-"))
    found: dict[tuple[str, Half], list[Labelled]] = {}
    settings = profile_settings(options.profile, threads_count=options.threads)
    opened = CachedWorkspace.open({"home": home / f"wellread-{options.profile}", **settings})
    assert isinstance(opened, CachedWorkspace)
    opened.vectors = options.vectors or home / "vectors.sqlite"
    with opened as workspace:
        model = workspace.embedder.identity.model
        for name in SETS:
            chosen = prepare(name, options.corpora, home / "sets")
            collection = _ingest(workspace, chosen)
            for half in ("dev", "test"):
                found[name, half] = _labelled(workspace, collection, chosen.half(half))
    fitted = _fit([row for name in SETS for row in found[name, "dev"]], model)
    out = options.out or PACKAGED.with_name(
        f"calibration_{'default' if options.profile == 'english' else model}.json"
    )
    out.write_text(json.dumps(fitted.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    _print(fitted, found)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, required=True, help="the folder of public document sets")
    parser.add_argument("--profile", choices=PROFILES, default="english")
    parser.add_argument("--threads", type=int, help="threads of the embedder; else all cores")
    parser.add_argument("--home", type=Path, help="kept between runs; else a new temporary folder")
    parser.add_argument("--vectors", type=Path, help="file of cached vectors; else in the home")
    parser.add_argument("--out", type=Path, help="where it is written; else into the package")
    return parser.parse_args()


def _ingest(workspace: Workspace, chosen: QualitySet) -> str:
    collection = "Quality_" + chosen.name
    declaration = declaration_for_folder(chosen.folder, collection=collection, tenant=workspace.settings.tenant)
    sheet = workspace.runner.run(declaration)
    print(f"{chosen.name}: {dict(sheet.outcomes)}", file=sys.stderr, flush=True)
    return collection


def _labelled(workspace: Workspace, collection: str, questions: Sequence[GoldQuestion]) -> list[Labelled]:
    settings = workspace.settings.answering
    assessor = Assessor(workspace.embedder, BLANK, settings.extraction)
    asked = [question for question in questions if question.answerable is not None]
    results = workspace.retriever.retrieve_many(
        [question.question for question in asked],
        collection=collection,
        scope=workspace.scope(),
        k=settings.passage_count,
    )
    return [
        Labelled(dict(assessor.assess(request_of(result)).features), bool(question.answerable), 1 / len(asked))
        for question, result in zip(asked, results, strict=True)
    ]


def _fit(rows: Sequence[Labelled], model: str) -> Calibration:
    return fit_calibration(
        [row.features for row in rows],
        [row.answerable for row in rows],
        names=FEATURES,
        row_weights=[row.weight for row in rows],
        sets=[f"{name}, development half" for name in SETS],
        fitted_on=time.strftime("%Y-%m-%d", time.gmtime()),
        embedder=model,
        keep_ratio=KEEP_RATIO,
    )


def _print(fitted: Calibration, found: dict[tuple[str, Half], list[Labelled]]) -> None:
    print(f"bias {fitted.bias}, weights {fitted.weights}, threshold {fitted.threshold_ratio}")
    for (name, half), rows in found.items():
        probabilities = [fitted.probability(row.features) for row in rows]
        area = estimate_auroc(probabilities, [row.answerable for row in rows])
        assert area is not None
        declined = [
            row.answerable for row, p in zip(rows, probabilities, strict=True) if p < fitted.threshold_ratio
        ]
        wrongly = sum(declined)
        unanswerable = sum(not row.answerable for row in rows)
        print(
            f"{name:7} {half:4} AUROC {area.value:.3f} [{area.low:.3f} {area.high:.3f}]  "
            f"declined {len(declined)} of {len(rows)}: right {len(declined) - wrongly} of {unanswerable} "
            f"unanswerable, wrong {wrongly} of {len(rows) - unanswerable} answerable"
        )


if __name__ == "__main__":
    main()
