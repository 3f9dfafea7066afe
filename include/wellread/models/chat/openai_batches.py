"""OpenAI's batch endpoint: a file of requests in, a file of answers out within 24 hours, at a lower price."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wellread.errors import SystemicError, TransientError, WellreadError
from wellread.models.chat.openai_client import OpenAIConnection
from wellread.models.chat.protocol import BatchItem, BatchLimits, BatchProgress, BatchState, ChatRequest
from wellread.models.chat.reply_bodies import mapping
from wellread.models.chat.settings import ChatModelSettings

if TYPE_CHECKING:
    from openai.types import Batch

_REQUESTS_PER_BATCH, _BYTES_PER_BATCH = 50_000, 200_000_000
_PAGE_BATCHES, _MOST_LISTED_BATCHES = 100, 10_000
_KEPT_SECONDS = 30 * 86_400
"""A batch's files expire after 30 days: an older one cannot be read, whatever became of it."""
_METADATA_KEY = "wellread_submission"
_STATES: Mapping[str, BatchState] = {
    "completed": "ended",
    "expired": "ended",
    "cancelled": "ended",
    "failed": "rejected",
}
_OVER_LIMIT_CODES = frozenset({"token_limit_exceeded"})
_NOT_COMPUTED_CODES = frozenset({"batch_expired", "batch_cancelled"})


class OpenAIBatches:
    """Implements ``ChatBatches``. Safe to share between threads."""

    def __init__(
        self,
        connection: OpenAIConnection,
        *,
        settings: ChatModelSettings,
        body_of: Callable[[ChatRequest], dict[str, Any]],
        is_chat: bool,
    ) -> None:
        self._connection = connection
        self._body_of = body_of
        self._url: Any = "/v1/chat/completions" if is_chat else "/v1/responses"
        self._enqueued_tokens = settings.enqueued_tokens

    @property
    def limits(self) -> BatchLimits:
        """As OpenAI documents them; the queue's bound is the account's, from the settings."""
        return BatchLimits(
            requests_per_batch=_REQUESTS_PER_BATCH,
            bytes_per_batch=_BYTES_PER_BATCH,
            enqueued_tokens=self._enqueued_tokens,
        )

    @property
    def can_find(self) -> bool:
        """The submission's key travels as metadata."""
        return True

    def submit(self, requests: Sequence[tuple[str, ChatRequest]], *, submission_key: str) -> str:
        """Upload the requests and start the batch. Errors as ``ChatModel.ask``.

        Raises:
            ValueError: No requests, a repeated id, or more than fit into one batch: the caller's mistake.
        """
        if not requests or len({custom_id for custom_id, _ in requests}) != len(requests):
            raise ValueError("a batch needs requests, each with an id of its own")
        content = b"".join(self._line(custom_id, request) for custom_id, request in requests)
        if len(requests) > _REQUESTS_PER_BATCH or len(content) > _BYTES_PER_BATCH:
            raise ValueError(
                f"one batch takes {_REQUESTS_PER_BATCH} requests of {_BYTES_PER_BATCH} bytes together, "
                f"not {len(requests)} of {len(content)}"
            )
        return self._connection.call(lambda: self._upload_and_start(content, submission_key))

    def find(self, submission_key: str) -> str | None:
        """The newest batch of the last 30 days that carries the key; None: there certainly is none.

        Raises:
            SystemicError: The account has more batches of 30 days than are listed here; a person must look.
        """
        oldest = time.time() - _KEPT_SECONDS
        after: str | None = None
        for _ in range(_MOST_LISTED_BATCHES // _PAGE_BATCHES):
            page = self._connection.call(lambda after=after: self._page(after))  # type: ignore[misc]
            for batch in page:
                if (batch.metadata or {}).get(_METADATA_KEY) == submission_key:
                    return str(batch.id)
            if not page or page[-1].created_at < oldest:
                return None
            after = page[-1].id
        raise SystemicError(
            f"the batch of submission {submission_key}",
            found=f"not among the newest {_MOST_LISTED_BATCHES} batches, and there are more of the last 30 days",
            remedy=f"Look in the provider's console for the metadata {_METADATA_KEY}.",
        )

    def progress(self, batch_id: str) -> BatchProgress:
        """The present state."""
        batch = self._retrieve(batch_id)
        errors = (batch.errors.data or []) if batch.errors is not None else []
        counts = batch.request_counts
        state = _STATES.get(batch.status, "running")
        problem = "; ".join(filter(None, (f"{e.code or ''}: {e.message or ''}".strip(": ") for e in errors)))
        if not problem and state != "running" and batch.status != "completed":
            problem = batch.status
        return BatchProgress(
            state=state,
            total_count=counts.total if counts is not None else 0,
            done_count=counts.completed if counts is not None else 0,
            failed_count=counts.failed if counts is not None else 0,
            problem=self._connection.endpoint.redact(problem) or None,
            is_over_limit=state == "rejected" and any(e.code in _OVER_LIMIT_CODES for e in errors),
        )

    def results(self, batch_id: str) -> Iterator[BatchItem]:
        """Every result of an ended batch, in the provider's order; of a repeated id the first.

        Raises:
            TransientError: The batch still runs, or the connection broke: call it again.
        """
        batch = self._retrieve(batch_id)
        if batch.status not in _STATES:
            raise TransientError(
                f"results of batch {batch_id}", found=f"it is {batch.status}", remedy="Wait for it."
            )
        seen: set[str] = set()
        for file_id in filter(None, (batch.output_file_id, batch.error_file_id)):
            for line in self._lines(file_id):
                item = self._item(line)
                if item is not None and item.custom_id not in seen:
                    seen.add(item.custom_id)
                    yield item

    def cancel(self, batch_id: str) -> None:
        """Ask the provider to stop; what is computed stays readable and billed."""
        connection = self._connection
        connection.call(lambda: connection.client.batches.cancel(batch_id, extra_headers=connection.extra_headers))

    def _line(self, custom_id: str, request: ChatRequest) -> bytes:
        line = {"custom_id": custom_id, "method": "POST", "url": self._url, "body": self._body_of(request)}
        return json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"

    def _upload_and_start(self, content: bytes, submission_key: str) -> str:
        client, headers = self._connection.client, self._connection.extra_headers
        uploaded = client.files.create(
            file=(f"{submission_key}.jsonl", content), purpose="batch", extra_headers=headers
        )
        batch = client.batches.create(
            input_file_id=uploaded.id,
            endpoint=self._url,
            completion_window="24h",
            metadata={_METADATA_KEY: submission_key},
            extra_headers=headers,
        )
        return str(batch.id)

    def _page(self, after: str | None) -> list[Batch]:
        import openai

        return self._connection.client.batches.list(
            limit=_PAGE_BATCHES,
            after=after if after is not None else openai.omit,
            extra_headers=self._connection.extra_headers,
        ).data

    def _retrieve(self, batch_id: str) -> Batch:
        connection = self._connection
        return connection.call(
            lambda: connection.client.batches.retrieve(batch_id, extra_headers=connection.extra_headers)
        )

    def _lines(self, file_id: str) -> Iterator[bytes]:
        """The lines of a file, held in memory. Only a line feed ends one: JSON may hold U+2028 as it is."""
        content = self._connection.call(
            lambda: (
                self._connection.client.files.content(file_id, extra_headers=self._connection.extra_headers).content
            )
        )
        start = 0
        while start < len(content):
            end = content.find(b"\n", start)
            end = len(content) if end < 0 else end
            yield content[start:end]
            start = end + 1

    def _item(self, line: bytes) -> BatchItem | None:
        """The result in a line; None where it cannot be read."""
        try:
            parsed = mapping(json.loads(line))
        except ValueError:
            return None
        custom_id = parsed.get("custom_id")
        if not isinstance(custom_id, str):
            return None
        response = mapping(parsed.get("response"))
        body = mapping(response.get("body"))
        status = response.get("status_code", 200)
        error = parsed.get("error") or body.get("error")
        if body and not error and status == 200:
            return BatchItem(custom_id, json.dumps(body, separators=(",", ":")).encode("ascii"))
        return BatchItem(
            custom_id, None, self._failure(mapping(error) or {"message": str(error or "no body")}, status)
        )

    def _failure(self, error: Mapping[str, Any], status: object) -> WellreadError:
        if error.get("code") in _NOT_COMPUTED_CODES:
            found = f"{error.get('code')}: {error.get('message')}"
            return TransientError(self._connection.asked, found=found, remedy="Submit this request again.")
        has_failed = isinstance(status, int) and not 200 <= status < 300
        return self._connection.failure(int(status) if has_failed else None, error)  # type: ignore[call-overload]
