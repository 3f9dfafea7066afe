"""Fit the default calibration of abstention on development halves, and say what it does on the test halves.

Ingests the two sets whose questions are marked as answerable or not, through the ordinary rooms into a real
Weaviate, retrieves and assesses every question, and writes the calibration that the package carries. The same
documents, questions and model give the same file. A profile has a calibration of its own, because cosines of
different models are not alike. Usage::

    python benchmarks/calibrate_abstention.py --corpora FOLDER [--kind retrieval] [--profile multilingual]

The kind ``retrieval`` is for language models: it weighs what retrieval knows for nothing, and keeps more of the
answerable questions, because a model can decline itself. What each does is recorded in results/abstention.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
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
PACKAGED = Path(wellread.answering.extractive.__file__).parent
KINDS: Mapping[str, tuple[tuple[str, ...], float]] = {
    "extractive": (FEATURES, KEEP_RATIO),
    "retrieval": (("top_cosine",), 0.99),
}
"""Features and the share of answerable questions to keep. Of all subsets of the retrieval's features, the nearest
cosine alone has the largest mean AUROC on the development halves (0.77); the others are noise on contracts."""
AUROC_FIELDS = {"auroc": "value", "low": "low", "high": "high"}
RESULTS = Path(__file__).parent / "results" / "abstention.json"
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
    fitted = _fit([row for name in SETS for row in found[name, "dev"]], model, options.kind)
    out = options.out or PACKAGED / f"calibration_{_name(options, model)}.json"
    out.write_text(json.dumps(fitted.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    effects = {f"{name} {half}": _effect(fitted, rows) for (name, half), rows in found.items()}
    for name, effect in effects.items():
        print(name, effect)
    _record(_name(options, model), fitted, effects)


def _name(options: argparse.Namespace, model: str) -> str:
    kind = "default" if options.kind == "extractive" else options.kind
    return kind if options.profile == "english" else f"{kind}_{model}".removeprefix("default_")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, required=True, help="the folder of public document sets")
    parser.add_argument("--profile", choices=PROFILES, default="english")
    parser.add_argument("--kind", choices=KINDS, default="extractive", help="who answers: extractive, or a model")
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


def _fit(rows: Sequence[Labelled], model: str, kind: str) -> Calibration:
    names, keep_ratio = KINDS[kind]
    return fit_calibration(
        [row.features for row in rows],
        [row.answerable for row in rows],
        names=names,
        row_weights=[row.weight for row in rows],
        sets=[f"{name}, development half" for name in SETS],
        fitted_on=time.strftime("%Y-%m-%d", time.gmtime()),
        embedder=model,
        keep_ratio=keep_ratio,
    )


def _effect(fitted: Calibration, rows: Sequence[Labelled]) -> dict[str, float]:
    """What the threshold does with one half of one set."""
    probabilities = [fitted.probability(row.features) for row in rows]
    area = estimate_auroc(probabilities, [row.answerable for row in rows])
    assert area is not None
    declined = [row.answerable for row, p in zip(rows, probabilities, strict=True) if p < fitted.threshold_ratio]
    answerable = sum(row.answerable for row in rows)
    return {
        **{name: round(getattr(area, field), 3) for name, field in AUROC_FIELDS.items()},
        "declined": len(declined),
        "of": len(rows),
        "right": len(declined) - sum(declined),
        "unanswerable": len(rows) - answerable,
        "wrong": sum(declined),
        "answerable": answerable,
    }


def _record(name: str, fitted: Calibration, effects: Mapping[str, Mapping[str, float]]) -> None:
    """Calibrations that were measured before stay in the record."""
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    known[name] = {
        **fitted.model_dump(mode="json", include={"fitted_on", "embedder", "weights", "bias", "threshold_ratio"}),
        "sets": effects,
    }
    RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
