"""Answers posted to a receiver on loopback: bounded pages, signed, delivered through failures, never new twice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from wellread.answering.destinations.protocol import Publication
from wellread.answering.destinations.settings import PublishingSettings
from wellread.answering.destinations.webhooks import Webhook
from wellread.errors import AuthenticationError, SettingsError, TransientError
from wellread.questions import AnswerRow, Usage
from wellread.retries import RetrySettings

SECRET = "a secret of the receiver"


@dataclass
class Received:
    """One request."""

    headers: dict[str, str]
    body: bytes

    @property
    def page(self) -> dict[str, Any]:
        """Its JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """Answers with the statuses it is told, then 204."""

    url: str = ""
    statuses: deque[int] = field(default_factory=deque)
    received: list[Received] = field(default_factory=list)

    def pages(self) -> dict[str, Received]:
        """By id, as a receiver keeps them: what comes again is left out."""
        return {one.headers["webhook-id"]: one for one in self.received}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = told.statuses.popleft() if told.statuses else 204
            if status == 0:  # taken, and the answer lost
                told.received.append(Received({k.lower(): v for k, v in self.headers.items()}, body))
                self.close_connection = True
                return
            if status == 204:
                told.received.append(Received({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "0")
            if status == 308:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}/answers?token=key-in-the-address"
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


def row(number: int, *, answer: str = "Twelve.") -> AnswerRow:
    return AnswerRow(
        id=f"q{number}",
        question="How many?",
        status="answered",
        abstain_reason=None,
        answer=answer,
        claims=(),
        passages=(),
        model="tester",
        usage=Usage(),
        cost_usd=0.0,
        snapshot="3",
        request_key="r",
        columns={"team": "one"},
    )


def webhook(receiver: Receiver, **settings: Any) -> Webhook:
    retry = RetrySettings(attempts_count=4, first_wait_seconds=0.01)
    return Webhook(receiver.url, PublishingSettings(**{"retry": retry, **settings}))


def publication(*rows: AnswerRow) -> Publication:
    return Publication(rows, "board", "job-1", {"questions": len(rows)})


def test_pages_are_bounded_by_rows_and_hold_every_answer_in_order(receiver: Receiver) -> None:
    webhook(receiver, webhook_rows_count=10).publish(publication(*map(row, range(25))))
    pages = [one.page for one in receiver.received]
    assert [(one["page"], one["pages"], len(one["rows"])) for one in pages] == [(1, 3, 10), (2, 3, 10), (3, 3, 5)]
    assert [answer["id"] for one in pages for answer in one["rows"]] == [f"q{number}" for number in range(25)]
    assert pages[0]["rows"][0]["team"] == "one"
    assert pages[0]["job"] == {"id": "job-1", "name": "board", "questions": 25}


def test_pages_are_bounded_by_bytes_but_no_answer_is_cut(receiver: Receiver) -> None:
    rows = [row(1), row(2, answer="long " * 4000), row(3), row(4)]
    webhook(receiver, webhook_page_bytes=10_000).publish(publication(*rows))
    assert [[one["id"] for one in page.page["rows"]] for page in receiver.received] == [
        ["q1"],
        ["q2"],
        ["q3", "q4"],
    ]


def test_a_job_without_answers_is_told_too(receiver: Receiver) -> None:
    webhook(receiver).publish(publication())
    assert [one.page["rows"] for one in receiver.received] == [[]]


@pytest.mark.parametrize("status", [429, 500, 503, 0])
def test_a_page_that_was_not_taken_comes_again_under_its_id(receiver: Receiver, status: int) -> None:
    receiver.statuses.extend([204, status, status])
    webhook(receiver, webhook_rows_count=1).publish(publication(row(1), row(2)))
    assert [one.page["rows"][0]["id"] for one in receiver.pages().values()] == ["q1", "q2"]


def test_publishing_again_has_the_same_ids_and_a_changed_answer_another(receiver: Receiver) -> None:
    for answer in ("Twelve.", "Twelve.", "Thirteen."):
        webhook(receiver, webhook_rows_count=1).publish(publication(row(1), row(2, answer=answer)))
    assert len(receiver.received) == 6
    kept = [(one.page["page"], one.page["rows"][0]["answer"]) for one in receiver.pages().values()]
    assert kept == [(1, "Twelve."), (2, "Twelve."), (2, "Thirteen.")]
    assert {one.headers["idempotency-key"] for one in receiver.received} == set(receiver.pages())


@pytest.mark.parametrize("secret", [SECRET, f"whsec_{base64.b64encode(b'bytes of a secret').decode()}"])
def test_a_receiver_can_tell_who_sent_a_page(receiver: Receiver, secret: str) -> None:
    webhook(receiver, webhook_secret=secret).publish(publication(row(1)))
    (one,) = receiver.received
    key = b"bytes of a secret" if secret.startswith("whsec_") else secret.encode()
    signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert one.headers["webhook-signature"] == f"v1,{wanted}"


def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    webhook(receiver).publish(publication(row(1)))
    assert "webhook-signature" not in receiver.received[0].headers


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthenticationError), (400, SettingsError), (308, SettingsError), (410, SettingsError)],
)
def test_a_refusal_is_told_at_once(receiver: Receiver, status: int, kind: type[Exception]) -> None:
    receiver.statuses.extend([status] * 4)
    with pytest.raises(kind, match=f"HTTP {status}"):
        webhook(receiver).publish(publication(row(1)))
    assert len(receiver.statuses) == 3


def test_no_key_is_shown_in_errors_or_logs(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.statuses.extend([500] * 10)
    with pytest.raises(TransientError) as caught:
        webhook(receiver, webhook_secret=SECRET).publish(publication(row(1)))
    told = f"{caught.value} {caught.value.__cause__!r} {caplog.text} {webhook(receiver, webhook_secret=SECRET)!r}"
    assert "page 1 of 1" in str(caught.value)
    assert SECRET not in told
    assert "key-in-the-address" not in told
    assert "HTTP Request" not in caplog.text


def test_a_receiver_that_is_gone_is_one_to_try_again() -> None:
    gone = Receiver(url="http://127.0.0.1:9/answers?token=key-in-the-address")
    with pytest.raises(TransientError) as caught:
        webhook(gone).publish(publication(row(1)))
    assert "key-in-the-address" not in str(caught.value)
