"""Many texts, in requests that fit: nothing paid twice, nothing lost, one poisoned text found by halving."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from wellread.errors import DocumentError, SettingsError, TransientError
from wellread.models.embedding.self_check import CANARY_TEXT
from wellread.models.protocol import Embedder, EmbedderLimits, EmbeddingKind, EmbeddingResult, Vectors
from wellread.models.request_limits import refusal_of
from wellread.retries import RetrySettings, call_with_retries

OnBatch = Callable[[Sequence[int], Vectors, int], None]
"""Called with the indexes of a request's texts, their vectors in that order, and the tokens billed."""


@dataclass(slots=True)
class EmbedReport:
    """What a run of requests came to."""

    refused: dict[int, DocumentError] = field(default_factory=dict)
    """By index: the texts that have no vector, and why."""
    requests: int = 0
    """Requests made, failed and repeated ones included."""
    input_tokens: int = 0
    """Tokens that the provider says it billed for the answers that arrived."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    indices: list[int]
    requests: int
    result: EmbeddingResult | DocumentError


def plan_requests(tokens: Sequence[tuple[int, int]], limits: EmbedderLimits) -> list[list[int]]:
    """Indexes in groups that each fit one request. ``tokens`` holds (index, tokens of that text).

    Sorted by length, so that texts of one length are padded together; ties keep their order.
    """
    groups: list[list[int]] = []
    room = 0
    for index, count in sorted(tokens, key=lambda pair: pair[1]):
        if not groups or len(groups[-1]) >= limits.texts_per_request or count > room:
            groups.append([])
            room = limits.tokens_per_request
        groups[-1].append(index)
        room -= count
    return groups


def embed_many(
    embedder: Embedder,
    texts: Sequence[str],
    *,
    kind: EmbeddingKind,
    on_batch: OnBatch,
    retry: RetrySettings,
) -> EmbedReport:
    """Embed ``texts`` in as few requests as the limits allow, ``limits.concurrency`` at a time.

    ``on_batch`` runs in the calling thread, once for each answered request and before another one is sent in
    its place: what it makes durable is never paid for again. At most ``concurrency`` requests are lost by a
    crash. Texts that cannot be embedded are in ``refused``; all others went through ``on_batch`` exactly once.

    Raises:
        TransientError, SystemicError: After the retries, and after the answers to all requests that were
            already in flight went through ``on_batch``.
    """
    report = EmbedReport()
    fitting = _sort_out(embedder, texts, report)
    work = _Work(embedder, texts, kind=kind, retry=retry)
    queue = deque(plan_requests(fitting, embedder.limits))
    flying: set[Future[_Outcome]] = set()
    with ThreadPoolExecutor(max_workers=embedder.limits.concurrency, thread_name_prefix="embed") as pool:
        try:
            while queue or flying:
                while queue and len(flying) < embedder.limits.concurrency:
                    flying.add(pool.submit(work.request, queue.popleft()))
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    flying.remove(future)  # One by one: an error in one must not hide its neighbours' answers.
                    queue.extendleft(_settle(future.result(), report, on_batch, work))
        except BaseException:
            work.stop.set()
            _save_in_flight(flying, report, on_batch)
            raise
    return report


class _Work:
    """What the worker threads need."""

    def __init__(
        self, embedder: Embedder, texts: Sequence[str], *, kind: EmbeddingKind, retry: RetrySettings
    ) -> None:
        self._embedder = embedder
        self._texts = texts
        self._kind = kind
        self._retry = retry
        self.stop = threading.Event()
        self.is_probed = False

    def request(self, indices: list[int]) -> _Outcome:
        """One request with its retries."""
        attempts = 0

        def attempt() -> EmbeddingResult:
            nonlocal attempts
            attempts += 1
            return self._embedder.embed([self._texts[index] for index in indices], kind=self._kind)

        try:
            result = call_with_retries(
                attempt, settings=self._retry, what="embed", sleep=self._sleep, stop=self.stop
            )
        except DocumentError as error:
            return _Outcome(indices, attempts, error)
        return _Outcome(indices, attempts, result)

    def probe(self) -> int:
        """Requests made (0 or 1) to learn whether a refusal was the text's fault.

        A wrong option is refused in the same way as a bad text, and would put a whole corpus into
        quarantine. The first text that is refused alone is checked against one that is harmless.
        """
        if self.is_probed:
            return 0
        self.is_probed = True
        try:
            call_with_retries(
                lambda: self._embedder.embed([CANARY_TEXT], kind=self._kind), settings=self._retry, what="embed"
            )
        except DocumentError as error:
            raise SettingsError(
                error.asked,
                found=f"even a harmless text is refused: {error.found}",
                remedy="Check the model's options: the texts are not the reason.",
            ) from error
        return 1

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise TransientError("vectors", found="another request of this run failed", remedy="See its error.")


def _sort_out(embedder: Embedder, texts: Sequence[str], report: EmbedReport) -> list[tuple[int, int]]:
    """(index, tokens) of the texts that may be sent; the others are entered as refused, unsent."""
    fitting = []
    limits = embedder.limits
    for index, text in enumerate(texts):
        try:
            tokens = embedder.count_tokens(text)
            refusal = refusal_of(text, tokens=tokens, limits=limits)
        except DocumentError as error:
            refusal, tokens = error, 0
        if refusal is None:
            fitting.append((index, tokens))
        else:
            report.refused[index] = refusal
    return fitting


def _settle(outcome: _Outcome, report: EmbedReport, on_batch: OnBatch, work: _Work) -> list[list[int]]:
    """Take one outcome in; what comes back must be asked again, in halves."""
    report.requests += outcome.requests
    if isinstance(outcome.result, EmbeddingResult):
        report.input_tokens += outcome.result.input_tokens
        on_batch(outcome.indices, outcome.result.vectors, outcome.result.input_tokens)
        return []
    if len(outcome.indices) > 1:
        middle = len(outcome.indices) // 2
        return [outcome.indices[middle:], outcome.indices[:middle]]
    report.requests += work.probe()
    report.refused[outcome.indices[0]] = outcome.result
    return []


def _save_in_flight(flying: set[Future[_Outcome]], report: EmbedReport, on_batch: OnBatch) -> None:
    """Requests in flight are paid for: their answers are kept before the error goes up."""
    for future in flying:
        if future.cancel() or future.exception() is not None:
            continue
        outcome = future.result()
        if isinstance(outcome.result, EmbeddingResult):
            report.input_tokens += outcome.result.input_tokens
            on_batch(outcome.indices, outcome.result.vectors, outcome.result.input_tokens)
