"""Tokens of texts and requests before they are sent: exact where a vocabulary is at hand, else a learning bound.

The bound, for a text of A bytes of ASCII and B other bytes of UTF-8::

    tokens  <=  ceil(a * A + b * B)          a, b in (0, 1]

``a = b = 1`` at first, which no byte-level vocabulary exceeds. Every reported usage of a request of 400 bytes or
more gives a sample: all that was billed, divided by the ASCII bytes where others are at most a tenth of them all,
or by the other bytes where they are at least half. Nothing is taken off, so a sample is never too low. From the
eighth sample on, the coefficient is the largest sample seen times 1.25. English says nothing about Chinese and the
reverse, which is why there are two.

A request adds ``16 + 16 * messages + 16 * documents``, the JSON of its schema and 32 tokens around it. Chat
templates that add more (a preamble of their own) are learned too: the largest amount by which one of the last 256
requests was billed above its count is added to every count. So a count is never below what was seen.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wellread.identities import canonical_json
from wellread.models.chat.protocol import ChatRequest, ChatUsage

_REQUEST_TOKENS, _MESSAGE_TOKENS, _DOCUMENT_TOKENS, _SCHEMA_TOKENS = 16, 16, 16, 32
_ENOUGH_SAMPLES, _MARGIN, _REMEMBERED_COUNT = 8, 1.25, 256
_SMALLEST_SAMPLE_BYTES = 400
_FEW_OTHERS_RATIO, _MANY_OTHERS_RATIO = 0.1, 0.5
# The vocabularies of OpenAI's chat models: where tiktoken would fetch them, and the hash that it checks.
_VOCABULARIES = {
    "cl100k_base": (
        "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
    "o200k_base": (
        "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
}
_VOCABULARIES["o200k_harmony"] = _VOCABULARIES["o200k_base"]


@dataclass(frozen=True, slots=True)
class _Size:
    """What a text or a request weighs."""

    ascii_bytes: int
    other_bytes: int
    exact_tokens: int | None
    overhead_tokens: int = 0


@dataclass(slots=True)
class _Coefficient:
    """Tokens a byte: 1 until enough was seen."""

    samples_count: int = 0
    largest: float = 0.0

    def learn(self, sample: float) -> None:
        self.samples_count += 1
        self.largest = max(self.largest, sample)

    @property
    def value(self) -> float:
        return min(1.0, _MARGIN * self.largest) if self.samples_count >= _ENOUGH_SAMPLES else 1.0


class TokenCounter:
    """Counts for one model. Safe to share between threads; never touches the network."""

    def __init__(self, *, tokenizer_file: Path | None = None, model: str | None = None) -> None:
        """Exact with ``tokenizer_file``, or for a ``model`` of OpenAI's whose vocabulary tiktoken has cached."""
        self._tokenizer_file = tokenizer_file
        self._model = model
        self._lock = threading.Lock()
        self._ascii, self._other = _Coefficient(), _Coefficient()
        self._seen: deque[tuple[_Size, int]] = deque(maxlen=_REMEMBERED_COUNT)
        self._extra_tokens = 0

    @property
    def is_exact(self) -> bool:
        """Whether texts are counted with the model's own vocabulary."""
        return self._count is not None

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text`` alone: exact, or the bound."""
        return self._tokens_of(self._size_of([text]))

    def count_request(self, request: ChatRequest) -> int:
        """Input tokens of a whole request, as the provider is expected to bill them at most."""
        size = self._size_of_request(request)
        return self._tokens_of(size) + size.overhead_tokens + self._extra_tokens

    def learn(self, request: ChatRequest, usage: ChatUsage) -> None:
        """Take in what the provider counted. A usage of 0 says nothing."""
        if usage.input_tokens <= 0:
            return
        size = self._size_of_request(request)
        with self._lock:
            self._sample(size, usage.input_tokens)
            self._seen.append((size, usage.input_tokens - size.overhead_tokens))
            self._extra_tokens = max(0, *(tokens - self._tokens_of(seen) for seen, tokens in self._seen))

    def _sample(self, size: _Size, billed_tokens: int) -> None:
        all_bytes = size.ascii_bytes + size.other_bytes
        if all_bytes < _SMALLEST_SAMPLE_BYTES:
            return
        if size.other_bytes <= _FEW_OTHERS_RATIO * all_bytes:
            self._ascii.learn(billed_tokens / size.ascii_bytes)
        elif size.other_bytes >= _MANY_OTHERS_RATIO * all_bytes:
            self._other.learn(billed_tokens / size.other_bytes)

    def _tokens_of(self, size: _Size) -> int:
        if size.exact_tokens is not None:
            return size.exact_tokens
        return math.ceil(self._ascii.value * size.ascii_bytes + self._other.value * size.other_bytes)

    def _size_of_request(self, request: ChatRequest) -> _Size:
        texts = [message.content for message in request.messages]
        texts += [text for document in request.documents for text in (document.id, document.title, document.text)]
        overhead = _REQUEST_TOKENS + _MESSAGE_TOKENS * len(request.messages)
        overhead += _DOCUMENT_TOKENS * len(request.documents)
        if request.schema is not None:
            texts.append(canonical_json([request.schema.name, request.schema.schema]))
            overhead += _SCHEMA_TOKENS
        return self._size_of(texts, overhead_tokens=overhead)

    def _size_of(self, texts: list[str], *, overhead_tokens: int = 0) -> _Size:
        ascii_bytes = sum(len(text.encode("ascii", "ignore")) for text in texts)
        all_bytes = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
        exact = sum(map(self._count, texts)) if self._count is not None else None
        return _Size(ascii_bytes, all_bytes - ascii_bytes, exact, overhead_tokens)

    @cached_property
    def _count(self) -> Callable[[str], int] | None:
        if self._tokenizer_file is not None:
            return _counter_of_file(self._tokenizer_file)
        return _counter_of_tiktoken(self._model) if self._model is not None else None


def _counter_of_file(path: Path) -> Callable[[str], int]:
    from wellread.models.embedding.tokenization import load_tokenizer, token_ids

    tokenizer = load_tokenizer(path)

    def count(text: str) -> int:
        # A lone surrogate is no Unicode: it is counted as what it is replaced by on the way.
        whole = text.encode("utf-8", "replace").decode("utf-8")
        return len(token_ids(tokenizer, [whole], special_tokens=False)[0])

    return count


def _counter_of_tiktoken(model: str) -> Callable[[str], int] | None:
    try:
        import tiktoken
        from tiktoken.model import encoding_name_for_model
    except ImportError:
        return None
    try:
        name = encoding_name_for_model(model)
    except KeyError:
        return None
    if not _is_cached(name):
        return None
    encoding = tiktoken.get_encoding(name)
    return lambda text: len(encoding.encode_ordinary(text))


def _is_cached(encoding_name: str) -> bool:
    """Whether tiktoken would read its vocabulary from the disk.

    Where the file is missing it would ask the network, without a time-out; a file with another hash it would
    delete first. So both are looked at before.
    """
    if encoding_name not in _VOCABULARIES:
        return False
    url, sha256 = _VOCABULARIES[encoding_name]
    default = str(Path(tempfile.gettempdir()) / "data-gym-cache")
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR", default))
    path = Path(folder) / hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()
    try:
        return folder != "" and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False
