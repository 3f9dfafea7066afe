"""A real S3 protocol on loopback, one server for the folder's tests, one bucket for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from wellread.sources.s3_client import build_s3_client
from wellread.testing.s3_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, s3_server


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    with s3_server() as endpoint_url:
        yield endpoint_url


@pytest.fixture
def s3_client(s3_endpoint: str) -> Iterator[Any]:
    client = build_s3_client(
        endpoint_url=s3_endpoint, access_key_id=ACCESS_KEY_ID, secret_access_key=SECRET_ACCESS_KEY
    )
    yield client
    client.close()


@pytest.fixture
def bucket(s3_client: Any) -> str:
    name = f"documents-{uuid.uuid4().hex[:12]}"
    s3_client.create_bucket(Bucket=name)
    return name
