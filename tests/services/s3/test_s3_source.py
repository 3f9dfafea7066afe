"""The S3 source against a server that speaks S3."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from wellread.errors import (
    AuthenticationError,
    DocumentError,
    SettingsError,
    SourceUnavailableError,
    TransientError,
    WellreadError,
)
from wellread.runs import SourceDeclaration
from wellread.sources.opening import open_source
from wellread.sources.s3_client import build_s3_client
from wellread.sources.settings import SourceSettings


def declare(bucket: str, prefix: str = "", **options: Any) -> SourceDeclaration:
    return SourceDeclaration(id="bucket", kind="s3", location=f"s3://{bucket}{prefix}", **options)


def put_all(client: Any, bucket: str, *keys: str) -> None:
    for key in keys:
        client.put_object(Bucket=bucket, Key=key, Body=f"text of {key}".encode())


def listed_keys(source: Any) -> list[str]:
    listing = source.list_objects()
    keys = [item.natural_key for item in listing.objects]
    assert listing.is_complete
    return keys


def test_a_listing_goes_on_over_pages_and_is_complete_only_at_its_end(s3_client: Any, bucket: str) -> None:
    keys = sorted(f"docs/{number}.txt" for number in range(25))
    put_all(s3_client, bucket, *keys)
    settings = SourceSettings(s3_keys_per_page=10)
    listing = open_source(declare(bucket), s3_client=s3_client, settings=settings).list_objects()
    seen = []
    for item in listing.objects:
        assert not listing.is_complete
        seen.append(item.natural_key)
    assert listing.is_complete
    assert seen == keys


def test_a_prefix_is_a_folder_and_patterns_count_from_there(s3_client: Any, bucket: str) -> None:
    put_all(s3_client, bucket, "guide-old/a.md", "guide/a.md", "guide/deep/b.md", "guide/deep/c.txt", "guide.md")
    source = open_source(declare(bucket, "/guide", include=("**/*.md",), exclude=("deep/**",)), s3_client=s3_client)
    assert listed_keys(source) == ["guide/a.md"]


def test_folder_markers_are_skipped_and_counted(s3_client: Any, bucket: str) -> None:
    put_all(s3_client, bucket, "a/", "a/b.txt")
    listing = open_source(declare(bucket), s3_client=s3_client).list_objects()
    assert [item.natural_key for item in listing.objects] == ["a/b.txt"]
    assert listing.skipped == {"folder_marker": 1}


def test_keys_in_any_unicode_are_listed_in_byte_order_and_fetched(s3_client: Any, bucket: str) -> None:
    keys = ["Z.txt", "a b+c&d=e.txt", "cafe\u0301.txt", "caf\u00e9.txt", "100%25.txt", "文档.txt", "\U0001f4d8.txt"]
    put_all(s3_client, bucket, *keys)
    source = open_source(declare(bucket), s3_client=s3_client)
    assert listed_keys(source) == sorted(keys, key=str.encode)
    for key in keys:
        assert source.fetch(key) == f"text of {key}".encode()
        assert source.exists(key)


def test_the_version_token_changes_with_the_content_and_only_with_it(s3_client: Any, bucket: str) -> None:
    source = open_source(declare(bucket), s3_client=s3_client)

    def token() -> str | None:
        return next(source.list_objects().objects).version_token

    put_all(s3_client, bucket, "a.txt")
    first = token()
    put_all(s3_client, bucket, "a.txt")
    assert token() == first
    s3_client.put_object(Bucket=bucket, Key="a.txt", Body=b"text of b.txt")
    assert token() != first


def test_a_missing_bucket_is_an_unavailable_source_everywhere(s3_client: Any) -> None:
    source = open_source(declare("no-such-bucket"), s3_client=s3_client)
    for ask in (source.list_objects, lambda: source.fetch("a"), lambda: source.exists("a")):
        with pytest.raises(SourceUnavailableError, match="no-such-bucket"):
            ask()


def test_an_object_above_the_limit_is_refused_unread(s3_client: Any, bucket: str) -> None:
    put_all(s3_client, bucket, "a.txt")
    source = open_source(declare(bucket), s3_client=s3_client, settings=SourceSettings(max_object_bytes=5))
    with pytest.raises(DocumentError) as caught:
        source.fetch("a.txt")
    assert (caught.value.stage, caught.value.cause) == ("fetch", "too_large")


class AnsweringHandler(http.server.BaseHTTPRequestHandler):
    """Gives the server's one answer to everything."""

    def do_GET(self) -> None:
        status, headers, body = self.server.answer  # type: ignore[attr-defined]  # set by answering()
        self.server.requests_count += 1  # type: ignore[attr-defined]  # set by answering()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Silent."""


@contextmanager
def answering(
    status: int, code: str = "", *, headers: dict[str, str] | None = None, body: bytes = b""
) -> Iterator[Any]:
    """A client of a loopback server that always answers the same."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), AnsweringHandler)
    if code:
        body = f"<Error><Code>{code}</Code><Message>as told</Message></Error>".encode()
    server.answer = (status, {"Content-Length": str(len(body)), **(headers or {})}, body)  # type: ignore[attr-defined]
    server.requests_count = 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    client = build_s3_client(
        endpoint_url=f"http://127.0.0.1:{server.server_port}",
        access_key_id="a",
        secret_access_key="b",
        settings=SourceSettings(read_timeout_seconds=5),
    )
    try:
        yield client, server
    finally:
        client.close()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "InvalidAccessKeyId", AuthenticationError),
        (403, "SignatureDoesNotMatch", AuthenticationError),
        (403, "AccessDenied", AuthenticationError),
        (400, "ExpiredToken", AuthenticationError),
        (503, "SlowDown", TransientError),
        (500, "InternalError", TransientError),
        (429, "TooManyRequests", TransientError),
        (404, "NoSuchBucket", SourceUnavailableError),
    ],
)
def test_each_refusal_of_a_listing_has_its_class_and_is_sent_once(
    status: int, code: str, expected: type[WellreadError]
) -> None:
    with answering(status, code) as (client, server):
        with pytest.raises(expected, match=code):
            open_source(declare("bucket"), s3_client=client).list_objects()
        assert server.requests_count == (2 if code == "AccessDenied" else 1)  # versions, then objects


@pytest.mark.parametrize(
    ("status", "code", "cause"), [(403, "AccessDenied", "unreadable"), (403, "InvalidObjectState", "archived")]
)
def test_one_unreadable_object_is_that_documents_fault(status: int, code: str, cause: str) -> None:
    with answering(status, code) as (client, _), pytest.raises(DocumentError) as caught:
        open_source(declare("bucket"), s3_client=client).fetch("a.txt")
    assert caught.value.cause == cause


def test_a_cut_body_is_transient() -> None:
    with (
        answering(200, headers={"Content-Length": "100"}, body=b"short") as (client, _),
        pytest.raises(TransientError),
    ):
        open_source(declare("bucket"), s3_client=client).fetch("a.txt")


def test_a_second_look_that_is_refused_never_says_gone() -> None:
    with answering(403) as (client, _), pytest.raises(AuthenticationError):
        open_source(declare("bucket"), s3_client=client).exists("a.txt")


def test_a_dead_endpoint_is_transient() -> None:
    with answering(200) as (client, _):
        pass
    client = build_s3_client(endpoint_url=client.meta.endpoint_url, access_key_id="a", secret_access_key="b")
    with pytest.raises(TransientError):
        open_source(declare("bucket"), s3_client=client).list_objects()


def test_no_credentials_anywhere_is_said_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    source = open_source(declare("bucket", endpoint_url="http://127.0.0.1:9"))
    with pytest.raises(AuthenticationError):
        source.list_objects()


def test_a_malformed_endpoint_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="endpoint"):
        build_s3_client(endpoint_url="not a url", access_key_id="a", secret_access_key="b")


UNORDERED = b"""<ListBucketResult><IsTruncated>false</IsTruncated>%s</ListBucketResult>"""


@pytest.mark.parametrize("keys", [("b", "a"), ("a", "a")])
def test_a_listing_out_of_order_or_with_a_key_twice_stops(keys: tuple[str, str]) -> None:
    entries = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>x</ETag><Size>1</Size></Contents>"
        for key in keys
    )
    with answering(200, headers={"Content-Type": "application/xml"}, body=UNORDERED % entries.encode()) as (
        client,
        _,
    ):
        listing = open_source(declare("bucket"), s3_client=client).list_objects()
        with pytest.raises(SourceUnavailableError, match="listing sorted"):
            list(listing.objects)
        assert not listing.is_complete
