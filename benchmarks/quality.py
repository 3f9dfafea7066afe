"""How good are retrieval and answers on public question sets, with the defaults that everybody gets?

Ingests each set through the ordinary rooms into a real Weaviate, asks the development and the test half, and
compares with keyword search alone on the same index. Usage::

    python benchmarks/quality.py --corpora FOLDER [--sets cuad covid] [--profile multilingual] [--answers]
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from quality_sets import SETS, QualitySet, prepare
from vector_cache import CachingEmbedder

from wellread.evaluation.evaluator import Report, evaluate
from wellread.evaluation.measures import Estimate
from wellread.evaluation.rows import write_rows
from wellread.models.embedding.factory import build_embedder
from wellread.models.protocol import Embedder
from wellread.retrieval.retriever import Retriever
from wellread.retrieval.settings import RetrievalSettings
from wellread.server.control import stop_server
from wellread.sources.declarations import declaration_for_folder
from wellread.workspace import Workspace
from wellread.workspace.evaluating import evaluate_collection

# (set, measure, reach at least, aim)
GOALS = (
    ("cuad", "passage_in_context", 0.88, 0.95),
    ("cuad", "hit@5", 0.70, 0.80),
    ("covid", "passage_in_context", 0.84, 0.90),
    ("covid", "hit@5", 0.77, 0.83),
    ("clapnq", "ndcg@10", 0.96, 0.99),
    ("tat-qa", "ndcg@10", 0.77, 0.85),
    ("xquad", "ndcg@10", 0.96, 0.99),
    ("xquad-zh-en", "hit@5", 0.88, 0.92),
    ("xquad-ar-en", "hit@5", 0.88, 0.92),
    ("clapnq", "passage_in_answer", 0.92, 0.97),
    ("cuad", "passage_in_answer", 0.60, 0.75),
    ("covid", "string_in_answer", 0.53, 0.70),
    ("clapnq", "answerability_auroc", 0.84, 0.92),
    ("cuad", "answerability_auroc", 0.68, 0.80),
)
RESULTS = Path(__file__).parent / "results"
PROFILES: Mapping[str, dict[str, Any]] = {
    "english": {},
    "multilingual": {
        "embedder": {"local": {"model": "multilingual-e5-small"}},
        "retrieval": {"alpha_ratio": 0.75},
    },
}
"""The settings that belong together (docs/how-to/languages.md). English ones are the defaults."""


class CachedWorkspace(Workspace):
    """A workspace whose vectors are kept in a file between runs."""

    vectors: Path

    @cached_property
    def embedder(self) -> Embedder:
        """The configured embedder behind the cache."""
        embedder = CachingEmbedder(build_embedder(self.settings.embedder), self.vectors)
        self._to_close.append(embedder.close)
        return embedder


def main() -> None:
    options = _options()
    home = options.home or Path(tempfile.mkdtemp(prefix="wellread-quality-"))
    measured: dict[str, Any] = {}
    with _workspace(home, options.vectors or home / "vectors.sqlite", options) as workspace:
        for name in options.sets:
            measured[name] = _measure(workspace, prepare(name, options.corpora, home / "sets"), options)
            _print_set(name, measured[name])
            _write_record(_out(options), _settings(workspace), measured)
    _print_goals(measured)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, required=True, help="the folder of public document sets")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--profile", choices=PROFILES, default="english")
    parser.add_argument("--threads", type=int, help="threads of the embedder; else all cores")
    parser.add_argument("--home", type=Path, help="kept between runs; else a new temporary folder")
    parser.add_argument("--vectors", type=Path, help="file of cached vectors; else in the home")
    parser.add_argument("--answers", action="store_true", help="answer too (embeds every candidate sentence)")
    parser.add_argument("--rows", type=Path, help="write a row for each question into this folder")
    parser.add_argument("--out", type=Path, help="else results/quality.json, or that of the profile")
    return parser.parse_args()


def _out(options: argparse.Namespace) -> Path:
    name = "quality" if options.profile == "english" else f"quality_{options.profile}"
    return options.out or RESULTS / f"{name}.json"


def profile_settings(profile: str, *, threads_count: int | None = None) -> dict[str, Any]:
    """The settings of a profile as a workspace takes them."""
    settings = copy.deepcopy(PROFILES[profile])
    if threads_count is not None:
        settings.setdefault("embedder", {}).setdefault("local", {})["threads_count"] = threads_count
    return settings


@contextmanager
def _workspace(home: Path, vectors: Path, options: argparse.Namespace) -> Iterator[Workspace]:
    settings = profile_settings(options.profile, threads_count=options.threads)
    # An index belongs to one model: each profile has a world of its own.
    opened = CachedWorkspace.open({"home": home / f"wellread-{options.profile}", **settings})
    assert isinstance(opened, CachedWorkspace)
    opened.vectors = vectors
    try:
        with opened:
            yield opened
    finally:
        stop_server(opened.home, settings=opened.settings.server)


def _measure(workspace: Workspace, chosen: QualitySet, options: argparse.Namespace) -> dict[str, Any]:
    collection = "Quality_" + chosen.corpus.replace("-", "_")
    declaration = declaration_for_folder(chosen.folder, collection=collection, tenant=workspace.settings.tenant)
    started = time.monotonic()
    sheet = workspace.runner.run(declaration)
    print(
        f"{chosen.name}: {dict(sheet.outcomes)} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True
    )
    found: dict[str, Any] = {"documents": dict(sheet.outcomes)}
    plain = Retriever(workspace.store, workspace.embedder, RetrievalSettings(neighbour_window_count=0))
    for half in ("dev", "test"):
        asked = chosen.half(half)
        questions = [one for one in asked if options.answers or one.answerable is not False]
        baseline = evaluate(questions, plain, collection=collection, scope=workspace.scope(), mode="keyword")
        if options.answers:
            report = evaluate_collection(workspace, questions, collection=collection)
        else:
            report = evaluate(questions, workspace.retriever, collection=collection, scope=workspace.scope())
        found[half] = {"keyword": _numbers(baseline.measures), "wellread": _numbers(report.measures)}
        found[half]["resolved_count"] = sum(one.result.resolved_document is not None for one in report.questions)
        _write_rows(options.rows, f"{chosen.name}-{half}", report)
    return found


def _write_record(path: Path, settings: Mapping[str, Any], measured: Mapping[str, Any]) -> None:
    """Sets that were measured before under the same settings stay in the record."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    kept = known["sets"] if known.get("settings") == settings else {}
    record = {"date": time.strftime("%Y-%m-%d", time.gmtime()), "settings": settings, "sets": {**kept, **measured}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _write_rows(folder: Path | None, name: str, report: Report) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        write_rows(folder / f"{name}.jsonl", report.questions)


def _numbers(measures: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    return {name: {key: round(value, 4) for key, value in asdict(one).items()} for name, one in measures.items()}


def _settings(workspace: Workspace) -> dict[str, Any]:
    settings = workspace.settings
    return {
        "retrieval": settings.retrieval.model_dump(mode="json"),
        "chunking": settings.chunking.model_dump(mode="json"),
        "model": workspace.embedder.identity.as_dict(),
    }


def _print_set(name: str, found: Mapping[str, Any]) -> None:
    for half in ("dev", "test"):
        for method in ("keyword", "wellread"):
            parts = (f"{measure} {one['value']:.3f}" for measure, one in found[half][method].items())
            print(f"{name:12} {half:4} {method:8} {'  '.join(parts)}", flush=True)
        print(f"{name:12} {half:4} names a document: {found[half]['resolved_count']}", flush=True)


def _print_goals(measured: Mapping[str, Any]) -> None:
    print(f"\n{'test half':13} {'measure':20} keyword  reached  interval        at least  aim")
    for name, measure, least, aim in GOALS:
        reached = measured.get(name, {}).get("test", {}).get("wellread", {}).get(measure)
        if reached is None:
            continue
        keyword = measured[name]["test"]["keyword"].get(measure)
        shown = f"{keyword['value']:.3f}" if keyword else "-"
        mark = "ok" if reached["value"] >= least else "BELOW"
        interval = f"[{reached['low']:.3f} {reached['high']:.3f}]"
        columns = f"{name:12}  {measure:20} {shown:7}  {reached['value']:.3f}    {interval}"
        print(f"{columns}   {least:.2f}  {aim:.2f}  {mark}")


if __name__ == "__main__":
    main()
