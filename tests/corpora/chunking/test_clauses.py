"""Contracts from their PDFs: an annotated clause stands in a few neighbouring chunks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from wellread.chunking import ChunkingSettings, chunk
from wellread.cleaning import CleaningSettings, clean
from wellread.documents import Chunk
from wellread.models.embedding.local_onnx import LocalEmbedder
from wellread.parsing import ParserPool, ParsingSettings

pytestmark = pytest.mark.corpora
NEIGHBOURS = 5


def compact(text: str) -> str:
    """Letters and digits, case folded."""
    return re.sub(r"[\W_]+", "", text).casefold()


def chunks_of(path: Path, pool: ParserPool, embedder: LocalEmbedder) -> tuple[Chunk, ...]:
    cleaned = clean(pool.parse(path.read_bytes(), path.name), CleaningSettings())
    limit = embedder.limits.tokens_per_text
    return chunk(cleaned, ChunkingSettings(), count_tokens=embedder.count_tokens, max_tokens=limit)


def windows(chunks: tuple[Chunk, ...]) -> list[str]:
    """The texts of each run of neighbours; a header that was repeated counts once."""
    texts = [compact(part.text[part.repeated_chars :]) for part in chunks]
    return ["".join(texts[start : start + NEIGHBOURS]) for start in range(max(1, len(texts) - NEIGHBOURS + 1))]


def test_nearly_all_clauses_stand_in_five_neighbouring_chunks(corpora: Path) -> None:
    lines = (corpora / "cuad-contracts/questions.jsonl").read_text("utf-8").splitlines()
    clauses = [clause for line in lines for clause in json.loads(line)["relevant"]]
    assert len(clauses) == 629
    embedder = LocalEmbedder()
    with ParserPool(ParsingSettings()) as pool:
        found = {
            name: windows(chunks_of(corpora / "cuad-contracts/pdf" / name, pool, embedder))
            for name in sorted({clause["doc"] for clause in clauses})
        }
    missed = [
        clause
        for clause in clauses
        if not any(compact(clause["passage"]) in window for window in found[clause["doc"]])
    ]
    assert 1 - len(missed) / len(clauses) >= 0.995, missed
