"""Vectors on disk, so that a measurement can be repeated without paying for its embeddings again."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wellread.identities import sha256_json
from wellread.models.protocol import Embedder, EmbedderLimits, EmbeddingKind, EmbeddingResult
from wellread.snapshots import ModelIdentity


class CachingEmbedder:
    """Implements ``Embedder`` over another one; what it has embedded once it reads from a file."""

    def __init__(self, inner: Embedder, path: Path) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._file = sqlite3.connect(path, check_same_thread=False, timeout=60)
        self._file.execute("CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB)")
        self._model = sha256_json(inner.identity.as_dict())

    @property
    def identity(self) -> ModelIdentity:
        """The identity of the embedder behind."""
        return self._inner.identity

    @property
    def limits(self) -> EmbedderLimits:
        """The limits of the embedder behind."""
        return self._inner.limits

    def count_tokens(self, text: str) -> int:
        """Tokens as the embedder behind counts them."""
        return self._inner.count_tokens(text)

    def embed(self, texts: Sequence[str], *, kind: EmbeddingKind) -> EmbeddingResult:
        """Vectors from the file, and from the embedder behind what the file lacks."""
        keys = [hashlib.sha256(f"{self._model} {kind} {text}".encode()).hexdigest() for text in texts]
        with self._lock:
            known = self._read(keys)
            missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
            if missing:
                made = self._inner.embed(list(missing.values()), kind=kind).vectors
                known |= dict(zip(missing, made, strict=True))
                rows = [(key, known[key].astype(np.float32).tobytes()) for key in missing]
                self._file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
                self._file.commit()
        vectors = np.stack([known[key] for key in keys]) if keys else np.zeros((0, self.identity.dimensions))
        return EmbeddingResult(vectors.astype(np.float32), 0, 1)

    def close(self) -> None:
        """Close the file and the embedder behind."""
        self._file.close()
        self._inner.close()

    def _read(self, keys: Sequence[str]) -> dict[str, np.ndarray]:
        marks = ",".join("?" * len(keys))
        found = self._file.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", list(keys))
        return {key: np.frombuffer(vector, dtype=np.float32) for key, vector in found}
