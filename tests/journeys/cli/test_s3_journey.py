"""A declared bucket at the shell: missing, refused, filled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wellread.testing.s3_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY

pytestmark = pytest.mark.weaviate


@pytest.fixture
def declare(
    tmp_path: Path,
    s3_endpoint: str,
    collection_name: str,
    monkeypatch: pytest.MonkeyPatch,
    setting: Callable[[str, object], None],
) -> Callable[[str, str], None]:
    """Write the declaration of a bucket, and give the environment its keys."""
    folder = tmp_path / "sources"
    folder.mkdir()
    setting("SOURCES_FOLDER", folder)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    def write(source_id: str, location: str) -> None:
        text = f"id: {source_id}\nkind: s3\nlocation: {location}\nendpoint_url: {s3_endpoint}\n"
        text += f"collection: {collection_name}\n"
        (folder / f"{source_id}.yaml").write_text(text, "utf-8")

    return write


def test_a_missing_bucket_is_said_and_the_run_after_it_exists_ends_well(
    shell: Any, deployed: Any, declare: Any, s3_client: Any, bucket: str
) -> None:
    declare("minutes", f"s3://{bucket}-missing/2024/")
    ended = shell("ingest", "minutes", "--json")
    assert ended.code == 1
    assert ended.said["error"] == "SourceUnavailableError"
    assert f"{bucket}-missing" in ended.out
    declare("minutes", f"s3://{bucket}/2024/")
    for number in range(3):
        s3_client.put_object(
            Bucket=bucket, Key=f"2024/{number}.txt", Body=f"Cranes of quay {number} are red.".encode()
        )
    ended = shell("ingest", "minutes", "--json")
    assert ended.code == 0, ended.out
    assert ended.said["documents"]["committed"] == 3
    again = shell("ingest", "minutes", "--json").said
    assert (again["parsed"], again["index_writes"], again["documents"]["unchanged"]) == (0, 0, 3)


def test_a_bucket_without_credentials_is_said(
    shell: Any, deployed: Any, declare: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare("minutes", f"s3://{bucket}/")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    ended = shell("ingest", "minutes", "--json")
    assert ended.code == 1
    assert ended.said["error"] == "AuthenticationError"
    assert ended.said["remedy"]
