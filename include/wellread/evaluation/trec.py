"""The ranking and the judgements as TREC files, which every evaluation tool of information retrieval reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from wellread.evaluation.measures import unique_documents
from wellread.evaluation.rows import EvaluatedQuestion

RUN_FILE = "run.txt"
QRELS_FILE = "qrels.txt"
_SEPARATING = re.compile(r"[\s%]")


def write_trec(folder: Path, evaluated: Sequence[EvaluatedQuestion], *, tag: str = "wellread") -> tuple[Path, Path]:
    """Write ``run.txt`` (``id Q0 document rank score tag``) and ``qrels.txt`` (``id 0 document 1``), by document.

    Ids and keys with white space or ``%`` are percent-encoded: the columns are parted by white space. A document
    stands where its best passage does; scores fall with the rank, so that no tool breaks ties in another order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run, qrels = folder / RUN_FILE, folder / QRELS_FILE
    run.write_text("".join(_run_lines(evaluated, tag)), encoding="utf-8")
    qrels.write_text("".join(_qrels_lines(evaluated)), encoding="utf-8")
    return run, qrels


def _run_lines(evaluated: Iterable[EvaluatedQuestion], tag: str) -> Iterable[str]:
    for one in evaluated:
        documents = unique_documents(passage.document for passage in one.result.hits)
        for rank, document in enumerate(documents, start=1):
            score = len(documents) + 1 - rank
            yield f"{_column(one.gold.id)} Q0 {_column(document)} {rank} {score} {_column(tag)}\n"


def _qrels_lines(evaluated: Iterable[EvaluatedQuestion]) -> Iterable[str]:
    for one in evaluated:
        for document in sorted(one.gold.documents):
            yield f"{_column(one.gold.id)} 0 {_column(document)} 1\n"


def _column(text: str) -> str:
    return _SEPARATING.sub(lambda match: quote(match.group(), safe=""), text)
