"""`make demo`: it keeps what it promises, plays in a folder of its own, and touches nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wellread.errors import ServerUnavailableError, SettingsError
from wellread.server import ServerSettings, install_server, server_status
from wellread_airflow.demo import stage
from wellread_airflow.demo.stage import Stage, change_documents, set_up, stage_of

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "demo", ROOT)


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_changes_are_three_and_only_in_the_working_copy(place: Stage) -> None:
    set_up(place)
    original = ROOT / "demo" / "documents"
    before = {name: (original / name).read_bytes() for name in names(original)}
    assert names(place.documents) == set(before)
    change_documents(place)
    assert names(place.documents) == set(before) - {stage.REMOVED, stage.RENAMED} | {stage.NEW_NAME}
    left = names(place.documents) & set(before)
    edited = {name for name in left if (place.documents / name).read_bytes() != before[name]}
    assert edited == {stage.EDITED}
    assert (place.documents / stage.NEW_NAME).read_bytes() == before[stage.RENAMED]
    assert {name: (original / name).read_bytes() for name in names(original)} == before


def test_a_second_play_begins_with_the_documents_as_they_were(place: Stage) -> None:
    set_up(place)
    change_documents(place)
    (place.home / "ledger.db").parent.mkdir(exist_ok=True)
    (place.home / "ledger.db").touch()
    set_up(place)
    assert names(place.documents) == names(ROOT / "demo" / "documents")
    assert [path.name for path in place.home.iterdir()] == ["wellread.yaml"]


def test_a_folder_that_is_not_the_demos_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WELLREAD_HOME", str(tmp_path))
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "thesis.txt").write_text("years of work")
    with pytest.raises(SettingsError, match="not the demo's"):
        stage_of(ROOT)
    assert (tmp_path / "demo" / "thesis.txt").read_text() == "years of work"


@pytest.mark.airflow
@pytest.mark.weaviate
def test_the_whole_demo_goes_as_promised_and_leaves_no_server(tmp_path: Path) -> None:
    try:
        install_server(ServerSettings())
    except ServerUnavailableError as error:
        pytest.skip(f"needs server: weaviate ({error})")
    environment = os.environ | {"WELLREAD_HOME": str(tmp_path), "WELLREAD_COLLECTION": "NotTheDemos"}
    done = subprocess.run(
        [sys.executable, "-m", "wellread_airflow.demo"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("✓") >= 20
    assert "✗" not in done.stdout
    assert "Everything went as promised" in done.stdout
    assert done.stderr == ""
    assert server_status(tmp_path / "demo" / "home").state == "stopped"
