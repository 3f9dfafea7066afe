"""Anthropic's message batches: half the price, within 24 hours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wellread.errors import TransientError, WellreadError
from wellread.models.chat.anthropic_connection import AnthropicConnection, anthropic_error
from wellread.models.chat.anthropic_messages import message_parameters
from wellread.models.chat.protocol import BatchItem, BatchLimits, BatchProgress, ChatRequest
from wellread.models.chat.reply_bodies import mapping, refuse_bad_text
from wellread.models.chat.settings import ChatModelSettings

if TYPE_CHECKING:
    from anthropic.types.messages import MessageBatch

REQUESTS_PER_BATCH = 100_000
BYTES_PER_BATCH = 256_000_000
"""Anthropic says 256 MB, whichever of them."""

_CUSTOM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class AnthropicBatches:
    """Implements ``ChatBatches``.

    A batch carries no metadata, and the custom ids of its requests can be read only from its results, once it has
    ended: whether a submission that was cut off has become a batch cannot be told when it matters. So
    ``can_find`` is false, and the rows of such a submission are perhaps billed twice.
    """

    def __init__(self, settings: ChatModelSettings, *, connection: AnthropicConnection, asked: str) -> None:
        self._settings = settings
        self._connection = connection
        self._asked = asked

    @property
    def limits(self) -> BatchLimits:
        """As Anthropic documents them. What may wait in the queue is counted in requests there, not in tokens."""
        return BatchLimits(
            requests_per_batch=REQUESTS_PER_BATCH,
            bytes_per_batch=BYTES_PER_BATCH,
            enqueued_tokens=self._settings.enqueued_tokens,
        )

    @property
    def can_find(self) -> bool:
        """``False``: see the class."""
        return False

    def submit(self, requests: Sequence[tuple[str, ChatRequest]], *, submission_key: str) -> str:
        """Submit the requests; ``submission_key`` cannot be sent. See ``ChatBatches``.

        Raises:
            ValueError: No requests, too many of them, or ids that are repeated or not 1 to 64 letters, digits,
                ``_`` and ``-``: the caller's mistake.
        """
        del submission_key
        _check_ids([custom_id for custom_id, _ in requests])
        lines: list[Any] = []
        for custom_id, request in requests:
            refuse_bad_text(request, asked=self._asked)
            parameters = message_parameters(request, settings=self._settings, asked=self._asked)
            lines.append({"custom_id": custom_id, "params": parameters})
        if len(json.dumps(lines, ensure_ascii=False).encode()) > BYTES_PER_BATCH:
            raise ValueError(f"a batch of more than {BYTES_PER_BATCH} bytes")
        return self._connection.call(lambda client: client.messages.batches.create(requests=lines)).id

    def find(self, submission_key: str) -> str | None:
        """``None``: see the class."""
        del submission_key
        return None

    def progress(self, batch_id: str) -> BatchProgress:
        """The present state. A batch is never rejected as a whole: what is wrong is said at its submission."""
        batch = self._connection.call(lambda client: client.messages.batches.retrieve(batch_id))
        counts = batch.request_counts
        failed = counts.errored + counts.canceled + counts.expired
        return BatchProgress(
            state="ended" if batch.processing_status == "ended" else "running",
            total_count=failed + counts.succeeded + counts.processing,
            done_count=counts.succeeded,
            failed_count=failed,
            problem=_problem(batch),
        )

    def results(self, batch_id: str) -> Iterator[BatchItem]:
        """Every result of an ended batch, streamed. See ``ChatBatches``."""
        if self.progress(batch_id).state != "ended":
            raise TransientError(self._asked, found=f"batch {batch_id} has not ended", remedy="Ask again later.")
        # Bodies are wanted as they were sent: the lines are read here, not by the SDK.
        opened = self._connection.call(
            lambda client: client.messages.batches.with_streaming_response.results(batch_id)
        )
        with self._connection.errors(), opened as response:
            for line in response.iter_lines():
                item = self._item(line)
                if item is not None:
                    yield item

    def cancel(self, batch_id: str) -> None:
        """Ask Anthropic to stop; what is computed stays readable and billed."""
        self._connection.call(lambda client: client.messages.batches.cancel(batch_id))

    def _item(self, line: str) -> BatchItem | None:
        """One line of the results; ``None`` where it cannot be read."""
        try:
            row = json.loads(line)
        except ValueError:
            return None
        custom_id, result = mapping(row).get("custom_id"), mapping(mapping(row).get("result"))
        if not isinstance(custom_id, str) or not result:
            return None
        if result.get("type") != "succeeded":
            return BatchItem(custom_id, body=None, error=self._error(result))
        message = result.get("message")
        if not isinstance(message, Mapping):
            return None
        return BatchItem(custom_id, body=json.dumps(message, ensure_ascii=False).encode())

    def _error(self, result: Mapping[str, object]) -> WellreadError:
        if result.get("type") != "errored":
            return TransientError(
                self._asked, found=f"the request {result.get('type')} in its batch", remedy="Ask it again."
            )
        error = mapping(result.get("error"))
        error = mapping(error.get("error")) or error
        return anthropic_error(
            asked=self._asked, kind=str(error.get("type", "")), message=str(error.get("message", ""))
        )


def _problem(batch: MessageBatch) -> str | None:
    """What kept requests from their results, in words."""
    counts = batch.request_counts
    found = [
        f"{number} {name}"
        for name, number in (("expired", counts.expired), ("cancelled", counts.canceled))
        if number
    ]
    if batch.archived_at is not None:
        found.append(f"results gone since {batch.archived_at.isoformat()}")
    return ", ".join(found) or None


def _check_ids(custom_ids: Sequence[str]) -> None:
    if not 0 < len(custom_ids) <= REQUESTS_PER_BATCH:
        raise ValueError(f"a batch takes 1 to {REQUESTS_PER_BATCH} requests, not {len(custom_ids)}")
    unfit = [custom_id for custom_id in custom_ids if not _CUSTOM_ID.fullmatch(custom_id)]
    if unfit or len(set(custom_ids)) != len(custom_ids):
        raise ValueError(f"custom ids must be distinct and match {_CUSTOM_ID.pattern}: {unfit[:3]}")
