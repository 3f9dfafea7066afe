"""What is installed is what is declared, pinned, hashed and free of places."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-weights.txt")
TRACKED_TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".cfg", ".ini", ".env", ".example", ""}
# A home folder, or a folder that only one machine has.
MACHINE_PATH = re.compile(r"(?<![\w./~$}])/(?:home|root|Users|work)/\w+")
# Addresses belong to documentation and to the one official release download; never to a package index.
INDEX = re.compile(
    r"--(?:extra-)?index-url|--find-links|\bpypi\.org/simple\b|files\.pythonhosted\.org", re.IGNORECASE
)


def _lock(root: Path, name: str) -> dict[str, Version]:
    lines = (root / name).read_text(encoding="utf-8").splitlines()
    pins = [re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", line) for line in lines]
    return {canonicalize_name(pin[1]): Version(pin[2]) for pin in pins if pin}


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def _declared(project: dict[str, Any]) -> list[Requirement]:
    texts = list(project["project"]["dependencies"])
    for extra in project["project"]["optional-dependencies"].values():
        texts += extra
    requirements = [Requirement(text) for text in texts]
    environment = {**default_environment(), "extra": ""}
    return [
        one
        for one in requirements
        if one.name != "wellread-airflow" and (not one.marker or one.marker.evaluate(environment))
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_and_hashes_everything_and_names_no_place(root: Path, name: str) -> None:
    text = (root / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    assert entries
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []
    assert "://" not in text
    assert "file:" not in text
    assert not INDEX.search(text)


def test_the_lock_holds_a_fitting_version_of_every_declared_dependency(root: Path, project: dict[str, Any]) -> None:
    lock = _lock(root, "requirements.txt")
    wrong = [
        str(one)
        for one in _declared(project)
        if not one.specifier.contains(lock.get(canonicalize_name(one.name), Version("0.dev0")), prereleases=True)
    ]
    assert wrong == []


def test_the_development_lock_agrees_with_the_deployment_lock(root: Path, project: dict[str, Any]) -> None:
    deployment, development = _lock(root, "requirements.txt"), _lock(root, "requirements-dev.txt")
    assert {
        name for name in deployment.keys() & development.keys() if deployment[name] != development[name]
    } == set()
    tools = [Requirement(text) for text in project["dependency-groups"]["dev"]]
    assert [str(one) for one in tools if not one.specifier.contains(development[canonicalize_name(one.name)])] == []


def test_every_unusual_bound_has_its_reason_beside_it(root: Path) -> None:
    """An upper bound or an exact pin keeps users from updates; the line says why."""
    lines = (root / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    bounded = [line for line in lines if re.match(r'\s+"[A-Za-z][^"]*(?:==|<)[^"]*",', line)]
    assert bounded
    excused = ("apache-airflow==", "pandas-stubs")  # the one Airflow we are built on; stubs follow pandas
    assert [line for line in bounded if "#" not in line and not any(name in line for name in excused)] == []


def test_the_heavy_packages_stay_out_of_the_base_install(project: dict[str, Any]) -> None:
    base = {canonicalize_name(Requirement(text).name) for text in project["project"]["dependencies"]}
    heavy = {
        "apache-airflow",
        "boto3",
        "cohere",
        "great-expectations",
        "onnxruntime",
        "openai",
        "pandas",
        "unstructured",
    }
    assert base & heavy == set()


def _texts(root: Path) -> list[Path]:
    folders = ("include", "plugins", "dags", "tests", "docker", "docs", "demo", "benchmarks", ".github", ".ci")
    inside = [path for folder in folders for path in (root / folder).rglob("*") if path.is_file()]
    files = [*inside, *(path for path in root.iterdir() if path.is_file())]
    return [path for path in files if path.suffix in TRACKED_TEXT and "__pycache__" not in path.parts]


def test_no_file_knows_the_machine_it_was_written_on(root: Path) -> None:
    found = {}
    for path in _texts(root):
        match = MACHINE_PATH.search(path.read_text(encoding="utf-8", errors="replace"))
        if match and path != Path(__file__):
            found[path.relative_to(root).as_posix()] = match[0]
    assert found == {}


def test_no_file_names_a_package_index(root: Path) -> None:
    named = [
        p
        for p in _texts(root)
        if p != Path(__file__) and INDEX.search(p.read_text(encoding="utf-8", errors="replace"))
    ]
    assert [p.relative_to(root).as_posix() for p in named if p.name != "Makefile"] == []


def test_the_commands_in_the_documentation_exist(root: Path) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    pages = [root / "README.md", root / "CONTRIBUTING.md", root / ".ci" / "run", *(root / "docs").rglob("*.md")]
    used = {name for page in pages for name in re.findall(r"\bmake ([a-z]+)\b(?=`|\n| +#|;)", page.read_text())}
    assert used - targets == set()


def test_make_alone_lists_every_command(root: Path) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    phony = set(re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)[0].split())
    listed = set(re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE))
    assert listed == phony
