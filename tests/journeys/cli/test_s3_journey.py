"""A declared bucket at the shell: missing, refused, filled."""

from __future__ import annotations

import os
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


def test_a_versioned_bucket_is_read_by_version_and_unchanged_the_second_time(
    shell: Any, deployed: Any, declare: Any, s3_client: Any, bucket: str
) -> None:
    s3_client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    declare("minutes", f"s3://{bucket}/")
    for text in ("Cranes of the quay are blue.", "Cranes of the quay are red."):
        s3_client.put_object(Bucket=bucket, Key="cranes.txt", Body=text.encode())
    assert shell("ingest", "minutes", "--json").said["documents"]["committed"] == 1
    again = shell("ingest", "minutes", "--json").said
    assert (again["parsed"], again["index_writes"], again["documents"]["unchanged"]) == (0, 0, 1)
    (passage,) = shell("search", "What colour are the cranes?", "--json").said["passages"]
    assert "red" in passage["text"]
    s3_client.delete_object(Bucket=bucket, Key="cranes.txt")  # a delete marker: its versions stay
    assert _deleted(shell) == 1


def _deleted(shell: Any) -> int:
    """The only document of a source is many: the deletion waits for a person."""
    held = shell("ingest", "minutes", "--json").said
    if held["documents"].get("held"):
        shell("approve", "minutes", "--json")
        held = shell("ingest", "minutes", "--json").said
    return int(held["documents"].get("deleted", 0))


def test_artifacts_in_a_bucket_serve_a_whole_journey(
    shell: Any,
    deployed: Any,
    declare: Any,
    s3_client: Any,
    s3_endpoint: str,
    bucket: str,
    tmp_path: Path,
    setting: Callable[[str, object], None],
) -> None:
    setting("ARTIFACTS_URL", f"s3://{bucket}/kept/artifacts")
    setting("S3_ENDPOINT_URL", s3_endpoint)
    papers = tmp_path / "papers"
    papers.mkdir()
    for number in range(3):
        (papers / f"{number}.txt").write_text(f"Cranes of quay {number} are red, and its lamps are green.", "utf-8")
    assert shell("ingest", str(papers), "--json").said["documents"]["committed"] == 3
    again = shell("ingest", str(papers), "--json").said
    assert (again["parsed"], again["index_writes"], again["documents"]["unchanged"]) == (0, 0, 3)
    assert shell("search", "lamps of quay 2", "--json").said["passages"]
    kept = [item["Key"] for item in s3_client.list_objects_v2(Bucket=bucket)["Contents"]]
    assert {key.split("/")[2] for key in kept} >= {"elements", "chunks", "plans"}
    assert all(key.startswith("kept/artifacts/") for key in kept)
    home = Path(os.environ["WELLREAD_HOME"])
    assert not (home / "artifacts").exists()
    doctor = shell("doctor", "--json").said
    assert any(f"s3://{bucket}/kept" in str(finding) for finding in doctor.get("findings", doctor.values()))


def test_the_quality_report_of_a_stopped_and_of_a_good_run_opens_on_another_machine(
    shell: Any,
    deployed: Any,
    declare: Any,
    s3_endpoint: str,
    bucket: str,
    tmp_path: Path,
    setting: Callable[[str, object], None],
) -> None:
    setting("ARTIFACTS_URL", f"s3://{bucket}/kept")
    setting("S3_ENDPOINT_URL", s3_endpoint)
    setting("LEDGER__URL", f"sqlite:///{tmp_path / 'shared-ledger.db'}")
    setting("QUALITY__RUN__DOCUMENTS_COUNT_MIN", 4)
    papers = tmp_path / "papers"
    papers.mkdir()
    for number in range(5):
        (papers / f"{number}.txt").write_text("The same sign stands in front of each of the five quays.", "utf-8")
    assert shell("report", "papers").code == 1
    stopped = shell("ingest", str(papers), "--json")
    assert stopped.said["error"] == "QualityError"
    assert "wellread report" in stopped.said["remedy"]
    for number in range(5):
        (papers / f"{number}.txt").write_text(
            f"Cranes of quay {number} are red, its {number + 3} lamps green.", "utf-8"
        )

    failed = _report_elsewhere(shell, setting, tmp_path / "one")
    assert failed["state"] == "failed"
    assert shell("ingest", str(papers), "--json").said["documents"]["committed"] == 5
    published = _report_elsewhere(shell, setting, tmp_path / "other")
    assert published["state"] == "succeeded"
    assert published["artifact"] != failed["artifact"]
    assert published["artifact"].startswith(f"s3://{bucket}/kept/reports/")


def _report_elsewhere(shell: Any, setting: Callable[[str, object], None], home: Path) -> dict[str, Any]:
    """The newest report, opened with a home in which nothing was ever ingested."""
    setting("HOME", home)
    said: dict[str, Any] = shell("report", "papers", "--json").said
    page = Path(said["page"].removeprefix("file://"))
    assert page.is_relative_to(home)
    assert "Data Docs" in page.read_text("utf-8")
    assert list(page.parent.rglob("validations/**/*.html"))
    return said
