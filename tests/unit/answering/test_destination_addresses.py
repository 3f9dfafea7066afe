"""Addresses of destinations: what each is taken for, and what is refused without showing a key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wellread.answering.destinations.files import LocalFile, S3Object
from wellread.answering.destinations.opening import open_destination
from wellread.answering.destinations.protocol import Destination
from wellread.answering.destinations.settings import PublishingSettings
from wellread.answering.destinations.sql_tables import SqlTable
from wellread.answering.destinations.webhooks import Webhook
from wellread.errors import SettingsError


def opened(address: str, **settings: Any) -> Destination:
    return open_destination(address, settings=PublishingSettings(**settings), s3_client=lambda: None)


@pytest.mark.parametrize(
    ("address", "kind", "label"),
    [
        ("out/a.csv", LocalFile, "out/a.csv"),
        ("s3://bucket/deep/a.parquet", S3Object, "s3://bucket/deep/a.parquet"),
        ("https://me:key@hooks.example/T1/key?token=key", Webhook, "https://hooks.example/..."),
        ("http://127.0.0.1:80/x", Webhook, "http://127.0.0.1:80/..."),
        ("sqlite:////tmp/a.db#answers", SqlTable, "sqlite:////tmp/a.db#answers"),
        ("sqlite:///a.db?table=answers", SqlTable, "sqlite:///a.db#answers"),
        (
            "postgresql://me:key@host/db?table=s.answers&sslmode=require",
            SqlTable,
            "postgresql+psycopg://me:***@host/db?sslmode=require#s.answers",
        ),
    ],
)
def test_each_address_is_taken_for_what_it_is_and_shown_without_keys(address: str, kind: type, label: str) -> None:
    destination = opened(address)
    assert isinstance(destination, kind)
    assert destination.label == label


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("gs://bucket/a.csv", "no such destination"),
        ("mysql://me:hidden@host/db?table=a", "no such destination"),
        ("postgresql://me:hidden@host/db", "names no table"),
        ("postgresql://me:hidden@host#answers", "names no database"),
        ("postgresql://me:hidden@host:port/db#answers", "no address"),
        ("sqlite://#answers", "names no database"),
        ("sqlite:///a.db", "names no table"),
    ],
)
def test_other_addresses_are_refused(address: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        opened(address)
    assert "hidden" not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("address", ["https://", "https:///path", "https://host:port/x"])
def test_an_address_without_a_host_or_with_a_broken_one_is_no_webhook(address: str) -> None:
    with pytest.raises(SettingsError):
        opened(address).check([])


def test_a_broken_secret_is_told_and_not_shown() -> None:
    with pytest.raises(SettingsError, match="no base64") as caught:
        opened("https://hooks.example/x", webhook_secret="whsec_%%%hidden%%%").check([])
    assert "hidden" not in str(caught.value)


def test_a_file_needs_a_known_ending_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for name, says in (
        ("a.pdf", "'.pdf'"),
        ("a", "'nothing'"),
        ("none/a.csv", "folder"),
        ("folder.csv", "a folder"),
    ):
        with pytest.raises(SettingsError, match=says):
            opened(str(tmp_path / name)).check([])
    opened(str(tmp_path / "a.csv")).check([])
