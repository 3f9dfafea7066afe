"""An embedder in this process: onnxruntime and tokenizers, no network, no key, no torch."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from wellread.errors import SettingsError
from wellread.models.embedding.local_weights import LocalModelFiles, find_local_model
from wellread.models.embedding.tokenization import extra_missing, load_tokenizer, token_ids
from wellread.models.embedding.vectors import unit_vectors
from wellread.models.protocol import EmbedderLimits, EmbeddingKind, EmbeddingResult, Vectors
from wellread.models.request_limits import refused
from wellread.models.settings import LocalModelSettings, Pooling
from wellread.snapshots import ModelIdentity

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_ASKED = "vectors from the local model"


class _Port(Protocol):
    name: str
    shape: list[int | str | None]


class _Session(Protocol):
    """What we use of ``onnxruntime.InferenceSession``, which has no types."""

    def get_inputs(self) -> list[_Port]: ...

    def get_outputs(self) -> list[_Port]: ...

    def run(
        self, outputs: Sequence[str] | None, inputs: Mapping[str, npt.NDArray[np.int64]]
    ) -> list[npt.NDArray[np.float32]]: ...


# One session a process, whoever asks: a session is 100 MB and 0.2 s. A fork copies the memory but not the
# runtime's threads, so a child makes its own and never touches (nor destroys: that would hang) its parent's.
_sessions: dict[tuple[str, str, int], _Session] = {}
_sessions_lock = threading.Lock()
_parents_sessions: list[object] = []


def _forget_after_fork() -> None:
    # The lock is replaced too: it may have been held by a thread that does not exist here.
    global _sessions, _sessions_lock
    _parents_sessions.append(_sessions)
    _sessions, _sessions_lock = {}, threading.Lock()


os.register_at_fork(after_in_child=_forget_after_fork)


class LocalEmbedder:
    """Implements ``Embedder`` with an ONNX sentence encoder. Safe in threads and after a fork."""

    def __init__(self, settings: LocalModelSettings | None = None) -> None:
        self._settings = settings if settings is not None else LocalModelSettings()
        self._threads = self._settings.threads_count or usable_cores_count()

    @cached_property
    def identity(self) -> ModelIdentity:
        """Everything the vectors depend on; the revision is the hash of the weights."""
        files = self._files
        return ModelIdentity(
            provider="local",
            model=files.name,
            revision=files.revision,
            dimensions=self._dimensions,
            document_prefix=files.document_prefix,
            query_prefix=files.query_prefix,
            max_input_tokens=files.max_input_tokens,
            pooling=files.pooling,
        )

    @cached_property
    def limits(self) -> EmbedderLimits:
        """A text may have as many tokens as fit beside the special ones and the longer prefix."""
        prefixes = (self._files.document_prefix, self._files.query_prefix)
        special = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        tokens = self._files.max_input_tokens - special - max(map(self.count_tokens, prefixes))
        count = self._settings.request_texts_count
        return EmbedderLimits(texts_per_request=count, tokens_per_request=count * tokens, tokens_per_text=tokens)

    def count_tokens(self, text: str) -> int:
        """The model's own tokens of ``text``, without special tokens. Exact."""
        return len(token_ids(self._tokenizer, [text], special_tokens=False)[0]) if text else 0

    def embed(self, texts: Sequence[str], *, kind: EmbeddingKind) -> EmbeddingResult:
        """Vectors of ``texts`` in their order. An input that does not fit is refused, never cut.

        Raises:
            DocumentError: An input is empty, too long, or holds what is no Unicode (lone surrogates).
        """
        prefix = self._files.document_prefix if kind == "document" else self._files.query_prefix
        if not texts:
            return EmbeddingResult(np.zeros((0, self._dimensions), dtype=np.float32), 0, 0)
        rows = token_ids(self._tokenizer, [self._checked(text, prefix) for text in texts], special_tokens=True)
        self._refuse_long(rows)
        raw = np.empty((len(rows), self._dimensions), dtype=np.float32)
        by_length = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        size = self._settings.batch_texts_count
        for first in range(0, len(by_length), size):
            batch = by_length[first : first + size]
            raw[batch] = self._infer([rows[index] for index in batch])
        vectors = unit_vectors(raw, text_count=len(texts), dimensions=self._dimensions, asked=_ASKED)
        return EmbeddingResult(vectors, sum(map(len, rows)), 1)

    def close(self) -> None:
        """Nothing to release: the session belongs to the process."""

    def _checked(self, text: str, prefix: str) -> str:
        if not text.strip():
            raise refused("an empty text", cause="empty")
        return prefix + text

    def _refuse_long(self, rows: Sequence[Sequence[int]]) -> None:
        longest = max(map(len, rows))
        if longest > self._files.max_input_tokens:
            raise refused(
                f"an input of {longest} tokens where the model reads {self._files.max_input_tokens}",
                cause="too_long",
            )

    @cached_property
    def _files(self) -> LocalModelFiles:
        return find_local_model(self._settings)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return load_tokenizer(self._files.tokenizer)

    @cached_property
    def _dimensions(self) -> int:
        size = self._session.get_outputs()[0].shape[-1]
        if isinstance(size, int):
            return size
        return int(self._infer([[0]]).shape[-1])  # The graph leaves its last axis open: ask it.

    @property
    def _session(self) -> _Session:
        key = (str(self._files.graph), self._files.revision, self._threads)
        with _sessions_lock:
            if key not in _sessions:
                _sessions[key] = _open_session(self._files, threads=self._threads)
            return _sessions[key]

    def _infer(self, rows: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        session = self._session
        ids, mask = _padded(rows)
        offered = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        wanted = {entry.name: offered[entry.name] for entry in session.get_inputs() if entry.name in offered}
        output = np.asarray(session.run(None, wanted)[0])
        return output if output.ndim == 2 else _pooled(output, mask, self._files.pooling)


def usable_cores_count() -> int:
    """Cores that this process may run on: fewer than the machine's in a container that is bound to some."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _padded(rows: Sequence[Sequence[int]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for position, row in enumerate(rows):
        ids[position, : len(row)] = row
        mask[position, : len(row)] = 1
    return ids, mask


def _pooled(hidden: Vectors, mask: npt.NDArray[np.int64], pooling: Pooling) -> npt.NDArray[np.float32]:
    """Token vectors (texts, tokens, dimensions) as one vector a text; padding does not count."""
    if pooling == "cls":
        return hidden[:, 0]
    weights = mask[:, :, None].astype(np.float32)
    return np.asarray((hidden * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9), dtype=np.float32)


def _open_session(files: LocalModelFiles, *, threads: int) -> _Session:
    try:
        import onnxruntime
    except ImportError as error:
        raise extra_missing("onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    # Threads that spin while they wait take the cores from Weaviate and from other tasks: on a busy machine
    # sleeping ones embedded a fifth more for a fifth less processor time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session: _Session = onnxruntime.InferenceSession(
            str(files.graph), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        # onnxruntime's errors share no base below Exception; all of them mean that this file cannot be run.
        raise SettingsError(
            f"the model in {files.graph}",
            found=str(error),
            remedy="Export the model again.",
        ) from error
    return session
