"""1,000 questions through the operator beside the library: ``python -m benchmarks.retrieval_operator``.

2,000 made documents with the default embedder on a real server. The library's time is ``retrieve_many`` over an
open workspace; the operator's is all of ``execute``: settings, connections, a workspace of its own that connects
and loads the model, the file of questions read and that of passages written. They take turns; medians count.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.nothing_changed import write_files
from benchmarks.reporting import load_average, write_results
from benchmarks.serving import forget_settings, home_folder
from benchmarks.synthetic import Words

TARGET_RATIO = 1.2
DOCUMENTS = 2_000


def _questions(count: int) -> list[str]:
    words = Words(99)
    return [f"What do the notes say about {words.text(8)}?" for _ in range(count)]


def _operator_seconds(questions: Path, passages: Path) -> float:
    from wellread_airflow.operators import RetrievePassagesOperator

    operator = RetrievePassagesOperator(task_id="passages", questions=str(questions), passages=str(passages))
    started = time.perf_counter()
    result = operator.execute({})  # type: ignore[arg-type]  # it asks nothing of its context
    seconds = time.perf_counter() - started
    assert result["questions"] == sum(1 for _ in questions.open(encoding="utf-8")), result
    return seconds


def measured(home: Path, count: int, turns: int) -> dict[str, object]:
    """Both ways, by turns."""
    os.environ["WELLREAD_HOME"] = str(home)
    os.environ["AIRFLOW_HOME"] = str(home / "airflow")
    from wellread.sources.declarations import declaration_for_folder
    from wellread.workspace import Workspace

    documents = home / "documents"
    write_files(documents, 0, DOCUMENTS)
    asked = _questions(count)
    questions = home / "questions.jsonl"
    questions.write_text("".join(json.dumps({"question": text}) + "\n" for text in asked), encoding="utf-8")
    library: list[float] = []
    operator: list[float] = []
    with Workspace.open() as workspace:
        collection = workspace.settings.collection
        workspace.runner.run(declaration_for_folder(documents, collection=collection), source_may_move=False)
        workspace.retriever.retrieve_many(asked[:20], collection=collection, scope=workspace.scope())
        _operator_seconds(questions, home / "passages.jsonl")  # imports, and the server's caches
        for _ in range(turns):
            started = time.perf_counter()
            workspace.retriever.retrieve_many(asked, collection=collection, scope=workspace.scope())
            library.append(time.perf_counter() - started)
            operator.append(_operator_seconds(questions, home / "passages.jsonl"))
    ratios = [one / other for one, other in zip(operator, library, strict=True)]
    return {
        "questions_count": count,
        "documents_count": DOCUMENTS,
        "turns_count": turns,
        "library_seconds_median": round(median(library), 2),
        "operator_seconds_median": round(median(operator), 2),
        "ratio_median_of_turns": round(median(ratios), 3),
        "ratio_of_turns": [round(ratio, 3) for ratio in ratios],
        "target_ratio": TARGET_RATIO,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write ``results/retrieval_operator.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--home", default=None, help="a folder for data; else a temporary one")
    options = parser.parse_args(arguments)
    forget_settings()
    load_before = load_average()
    with home_folder(options.home) as home:
        from wellread.server.control import stop_server
        from wellread.server.settings import ServerSettings

        try:
            results = measured(home, options.questions, options.turns)
        finally:
            stop_server(home, settings=ServerSettings())
    path = write_results("retrieval_operator", {**results, "load_average_before": load_before})
    print(f"{results['ratio_median_of_turns']} times the library (target: at most {TARGET_RATIO}); in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
