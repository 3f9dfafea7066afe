"""Vectors of questions: batched within the embedder's limits, long ones cut to what the model reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from wellread.models.protocol import Embedder, Vectors


def embed_questions(embedder: Embedder, questions: Sequence[str]) -> Vectors:
    """One unit vector a question, in order; equal questions are embedded once. Shape (questions, dimensions)."""
    unique = list(dict.fromkeys(questions))
    if not unique:
        return np.zeros((0, embedder.identity.dimensions), dtype=np.float32)
    fitted = [fit_question(embedder, question) for question in unique]
    parts = [embedder.embed(batch, kind="query").vectors for batch in _batches(embedder, fitted)]
    rows = {question: index for index, question in enumerate(unique)}
    vectors: Vectors = np.concatenate(parts)[[rows[question] for question in questions]]
    return vectors


def fit_question(embedder: Embedder, question: str) -> str:
    """The question, or as many of its last words as the model reads: a long question asks at its end."""
    limit = embedder.limits.tokens_per_text
    if embedder.count_tokens(question) <= limit:
        return question
    words = question.split()
    while len(words) > 1 and (tokens := embedder.count_tokens(" ".join(words))) > limit:
        # Words differ in tokens, so the share to keep is a guess that the next round checks.
        words = words[-max(1, min(len(words) - 1, len(words) * limit // tokens)) :]
    text = " ".join(words)
    while embedder.count_tokens(text) > limit:
        text = text[len(text) // 2 :]
    return text


def _batches(embedder: Embedder, texts: Sequence[str]) -> Iterator[list[str]]:
    limits = embedder.limits
    batch: list[str] = []
    batch_tokens = 0
    for text in texts:
        tokens = embedder.count_tokens(text)
        if batch and (len(batch) >= limits.texts_per_request or batch_tokens + tokens > limits.tokens_per_request):
            yield batch
            batch, batch_tokens = [], 0
        batch.append(text)
        batch_tokens += tokens
    if batch:
        yield batch
