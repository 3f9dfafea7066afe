"""Answers posted to a webhook: bounded pages of JSON, signed, and safe to receive twice.

Headers are those of Standard Webhooks (https://www.standardwebhooks.com): ``webhook-id`` names the page and what is
on it, so that a receiver leaves out what it has; ``webhook-signature`` is ``v1,`` and the base64 of
HMAC-SHA256(secret, id.timestamp.body). ``Idempotency-Key`` repeats the id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from wellread.answering.destinations.protocol import Publication
from wellread.answering.destinations.settings import PublishingSettings
from wellread.answering.files.answer_columns import portable
from wellread.answering.files.answer_files import answer_as_object
from wellread.errors import AuthenticationError, SettingsError, TransientError, WellreadError
from wellread.models.provider_errors import retry_after_seconds
from wellread.retries import call_with_retries

if TYPE_CHECKING:
    import httpx

_TRY_AGAIN = frozenset({408, 409, 425, 429})
_SECRET_PREFIX = "whsec_"  # noqa: S105 - what stands before a secret, not one


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts to one address. Nothing of it but the host is ever shown: the rest may hold a key."""

    address: str = field(repr=False)
    settings: PublishingSettings

    @property
    def label(self) -> str:
        """Scheme and host."""
        scheme, _, rest = self.address.partition("://")
        host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
        return f"{scheme}://{host}/..."

    def check(self, columns: Sequence[str]) -> None:
        """The address and the secret; nothing is sent."""
        del columns
        import httpx

        try:
            url = httpx.URL(self.address)
        except httpx.InvalidURL as error:
            raise self._refused("it is no address", "Write https://host/path.") from error
        if not url.host:
            raise self._refused("it names no host", "Write https://host/path.")
        self._secret()

    def publish(self, publication: Publication) -> None:
        """Post all pages in order, each until it is taken. Raises at the first that is not."""
        import httpx

        rows = [json.dumps(portable(answer_as_object(row))) for row in publication.rows]
        pages = list(self._pages(rows))
        with _unlogged(), httpx.Client(timeout=self.settings.webhook_timeout_seconds) as client:
            for number, page in enumerate(pages, start=1):
                head = {
                    "job": {"id": publication.job_id, "name": publication.job_name, **publication.summary},
                    "page": number,
                    "pages": len(pages),
                }
                listed = ", ".join(page)
                body = f'{json.dumps(portable(head))[:-1]}, "rows": [{listed}]}}'.encode()
                digest = hashlib.sha256(listed.encode()).hexdigest()
                page_id = f"{publication.job_id}-{number}-{digest[:16]}"
                asked = f"post page {number} of {len(pages)} to {self.label}"
                post = partial(self._post, client, body, page_id, asked)
                call_with_retries(post, settings=self.settings.retry, what="post answers")

    def _pages(self, rows: Sequence[str]) -> Iterator[Sequence[str]]:
        """Bounded by rows and by bytes; one empty page where there is no row."""
        page: list[str] = []
        size = 0
        for row in rows:
            is_full = len(page) >= self.settings.webhook_rows_count
            if page and (is_full or size + len(row) > self.settings.webhook_page_bytes):
                yield page
                page, size = [], 0
            page.append(row)
            size += len(row)
        yield page

    def _post(self, client: httpx.Client, body: bytes, page_id: str, asked: str) -> None:
        import httpx

        try:
            response = client.post(self.address, content=body, headers=self._headers(body, page_id))
        except httpx.HTTPError as error:
            raise TransientError(
                asked, found=type(error).__name__, remedy="Check that the receiver runs."
            ) from error
        if not response.is_success:
            raise _refusal(asked, response)

    def _headers(self, body: bytes, page_id: str) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": page_id, "webhook-id": page_id}
        secret = self._secret()
        if secret is None:
            return headers
        sent_at = str(int(time.time()))
        signed = hmac.digest(secret, f"{page_id}.{sent_at}.".encode() + body, "sha256")
        signature = f"v1,{base64.b64encode(signed).decode()}"
        return {**headers, "webhook-timestamp": sent_at, "webhook-signature": signature}

    def _secret(self) -> bytes | None:
        configured = self.settings.webhook_secret
        if configured is None:
            return None
        text = configured.get_secret_value()
        if not text.startswith(_SECRET_PREFIX):
            return text.encode()
        try:
            return base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
        except binascii.Error as error:
            raise self._refused("the webhook's secret is no base64", "Enter it again, after whsec_.") from error

    def _refused(self, found: str, remedy: str) -> SettingsError:
        return SettingsError(f"post answers to {self.label}", found=found, remedy=remedy)


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep addresses out of the logs while the block lasts: httpx writes them whole, keys included."""
    thread = threading.get_ident()

    def is_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("httpx")
    logger.addFilter(is_others)
    try:
        yield
    finally:
        logger.removeFilter(is_others)


def _refusal(asked: str, response: httpx.Response) -> WellreadError:
    """What the receiver's status means. Its words are left out: they may repeat a key."""
    status = response.status_code
    found = f"HTTP {status}"
    if status in {401, 403}:
        return AuthenticationError(asked, found=found, remedy="Check the address's key and the webhook's secret.")
    if status in _TRY_AGAIN or status >= 500:
        wish = retry_after_seconds(response.headers)
        return TransientError(
            asked,
            found=found,
            remedy="Publish again later: pages that were taken keep their ids.",
            retry_after_seconds=wish,
        )
    remedy = "Give the address that it leads to." if 300 <= status < 400 else "Check the address and the receiver."
    return SettingsError(asked, found=found, remedy=remedy)
