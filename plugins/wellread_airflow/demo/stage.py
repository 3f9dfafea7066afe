"""Where the demo plays: a folder of its own with a copy of the documents, so that nothing else is touched."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import yaml

from wellread.errors import SettingsError
from wellread.server import stop_server

DEMO_CONFIDENCE = 0.1
"""Below it the demo gives no answer."""
_MARKER = ".wellread-demo"
_KEPT_SETTINGS = ("WELLREAD_WEAVIATE_BINARY", "WELLREAD_SERVER__BINARY", "WELLREAD_SERVER__DOWNLOAD_URL")
EDITED, RENAMED, REMOVED = "about-the-line.md", "guides/walks.md", "cafe-menu.txt"
NEW_NAME = "guides/three-walks.md"
OLD_WORDS, NEW_WORDS = "surveyed the route in the autumn of 1889", "surveyed the route in the spring of 1890"


@dataclass(frozen=True, slots=True)
class Stage:
    """The places of one demo."""

    folder: Path
    repository: Path

    @property
    def home(self) -> Path:
        """The demo's WELLREAD_HOME: ledger, artifacts, the local server's data."""
        return self.folder / "home"

    @property
    def documents(self) -> Path:
        """The working copy of the sample corpus."""
        return self.folder / "documents"

    @property
    def dags(self) -> Path:
        """The repository's DAG files beside a declaration of the working copy."""
        return self.folder / "dags"

    @property
    def questions(self) -> Path:
        """The sample questions, where the repository has them."""
        return self.repository / "demo" / "questions.jsonl"

    @property
    def answers(self) -> Path:
        """What the DAG writes."""
        return self.folder / "answers.jsonl"

    @property
    def log(self) -> Path:
        """All that Airflow and Wellread have to say."""
        return self.folder / "demo.log"


def stage_of(repository: Path) -> Stage:
    """The demo's place: ``demo`` in WELLREAD_HOME, or in this user's data folder.

    Raises ``SettingsError`` where ``repository`` holds no sample corpus, or the place holds something else.
    """
    root = repository.resolve()
    if not (root / "demo" / "documents").is_dir():
        raise SettingsError(
            "play the demo",
            found=f"{root} has no folder demo/documents",
            remedy="Run it in the repository's root, or name that with --repository.",
        )
    home = Path(os.environ.get("WELLREAD_HOME") or platformdirs.user_data_dir("wellread"))
    folder = home.expanduser().resolve() / "demo"
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARKER).exists():
        raise SettingsError(
            f"play the demo in {folder}",
            found="the folder holds something that is not the demo's",
            remedy="Move it away, or set WELLREAD_HOME to another folder.",
        )
    return Stage(folder, root)


def set_up(stage: Stage) -> None:
    """Begin anew: no ledger, no index, the documents as they are in the repository.

    Airflow's own database stays, because making it takes longer than everything else.
    """
    stage.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (stage.folder / _MARKER).touch()
    if stage.home.exists():
        stop_server(stage.home)
    for folder in (stage.home, stage.documents, stage.dags):
        shutil.rmtree(folder, ignore_errors=True)
    stage.answers.unlink(missing_ok=True)
    shutil.copytree(stage.repository / "demo" / "documents", stage.documents)
    shutil.copytree(stage.repository / "dags", stage.dags, ignore=shutil.ignore_patterns("sources", "__pycache__"))
    sources = stage.dags / "sources"
    sources.mkdir()
    declaration = {"id": "demo", "kind": "folder", "location": str(stage.documents)}
    (sources / "demo.yaml").write_text(yaml.safe_dump(declaration), encoding="utf-8")
    _settle_threshold(stage)


def _settle_threshold(stage: Stage) -> None:
    """The demo's own threshold of confidence, as a deployment of one's own would have.

    The default was fitted on long public texts; on the short papers of the demo it declines a third of the
    questions that they answer. 0.1 parts the questions of ``demo/gold.jsonl``: the answerable ones lie above
    0.12, the others below 0.03.
    """
    stage.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = {
        "answering": {"least_confidence_ratio": DEMO_CONFIDENCE},
        "parsing": {"recognition": {"enabled": False}},  # the scan shows a quarantine, with or without tesseract
    }
    (stage.home / "wellread.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def enter(stage: Stage) -> None:
    """Make this process the demo's: settings, connections and keys of this machine are left outside."""
    for name in list(os.environ):
        if name.startswith(("AIRFLOW_", "WELLREAD_")) and name not in _KEPT_SETTINGS:
            del os.environ[name]
    airflow = stage.folder / "airflow"
    os.environ |= {
        "WELLREAD_HOME": str(stage.home),
        "AIRFLOW_HOME": str(airflow),
        "AIRFLOW__CORE__DAGS_FOLDER": str(stage.dags),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(airflow / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(airflow / "logs"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "DO_NOT_TRACK": "1",
    }


def change_documents(stage: Stage) -> None:
    """One sentence is edited, one file renamed, one removed."""
    path = stage.documents / EDITED
    text = path.read_text(encoding="utf-8")
    if OLD_WORDS not in text:
        raise SettingsError(
            f"edit {EDITED}", found="the sentence to edit is not in it", remedy="Restore demo/documents."
        )
    path.write_text(text.replace(OLD_WORDS, NEW_WORDS), encoding="utf-8")
    (stage.documents / RENAMED).rename(stage.documents / NEW_NAME)
    (stage.documents / REMOVED).unlink()
