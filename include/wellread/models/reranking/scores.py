"""What goes to a reranker and what comes back is checked here, whatever the server claims."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from wellread.errors import DocumentError, TransientError


def check_rerank_request(question: str, texts: Sequence[str], *, texts_per_request: int, asked: str) -> None:
    """Raise unless question and texts may be sent.

    Raises:
        DocumentError: Stage ``rerank``: the question or a text is blank (``empty``) or no Unicode (``bad_text``).
        ValueError: Too many texts: the caller's mistake.
    """
    if len(texts) > texts_per_request:
        raise ValueError(f"one request takes {texts_per_request} texts, not {len(texts)}")
    for text in (question, *texts):
        if not text.strip():
            raise _refused(asked, found="a blank question or text", cause="empty")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise _refused(asked, found="no Unicode text (a lone surrogate)", cause="bad_text") from error


def scores_in_order(rows: object, *, count: int, asked: str) -> tuple[float, ...]:
    """The scores of ``rows`` by their index, whatever order the server gave them.

    ``rows`` are objects with ``index`` and ``relevance_score`` (Cohere, Jina, vLLM, llama.cpp) or ``score``
    (Text Embeddings Inference).

    Raises:
        TransientError: Not one finite score for each of ``count`` texts.
    """
    if not isinstance(rows, list):
        raise _damaged(asked, "no list of results")
    by_index = dict(_score(row, asked=asked) for row in rows)
    if len(rows) != count or set(by_index) != set(range(count)):
        raise _damaged(asked, f"{len(rows)} scores of {len(by_index)} different indexes for {count} texts")
    return tuple(by_index[index] for index in range(count))


def _score(row: object, *, asked: str) -> tuple[int, float]:
    if not isinstance(row, Mapping):
        raise _damaged(asked, "a result is no object")
    index, score = row.get("index"), row.get("relevance_score", row.get("score"))
    if isinstance(index, bool) or not isinstance(index, int):
        raise _damaged(asked, "a result has no index")
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise _damaged(asked, "a score is no finite number")
    return index, float(score)


def _damaged(asked: str, found: str) -> TransientError:
    return TransientError(asked, found=found, remedy="Ask again; if it stays, look at the rerank server.")


def _refused(asked: str, *, found: str, cause: str) -> DocumentError:
    return DocumentError(asked, found=found, remedy="Look at the text.", stage="rerank", cause=cause)
