"""The container files agree with the code, publish nothing by accident and hold no secret.

No engine runs here, so nothing is built: this reads them as text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from wellread.server.settings import VERSION
from wellread.workspace.settings import load_settings

SECRET = re.compile(r"PASSWORD|SECRET|_KEY|KEYS|FERNET|URL|CONN$")
NO_SECRETS = {"AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"}


def _compose(root: Path, name: str) -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load((root / "docker" / name).read_text(encoding="utf-8"))
    return body


@pytest.fixture(scope="module")
def services(root: Path) -> dict[str, Any]:
    return {**_compose(root, "compose.celery.yaml")["services"], **_compose(root, "compose.yaml")["services"]}


def _environments(root: Path) -> dict[str, str]:
    every = (_compose(root, name)["services"].values() for name in ("compose.yaml", "compose.celery.yaml"))
    return {k: str(v) for group in every for service in group for k, v in service.get("environment", {}).items()}


def test_every_secret_comes_from_outside_and_is_required(root: Path) -> None:
    secrets = {k: v for k, v in _environments(root).items() if SECRET.search(k) and k not in NO_SECRETS}
    assert len(secrets) >= 8
    assert {name: value for name, value in secrets.items() if ":?" not in value} == {}


def test_the_example_names_every_variable_and_no_secret(root: Path) -> None:
    text = (root / "docker" / "env.example").read_text(encoding="utf-8")
    named = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, flags=re.MULTILINE))
    files = [
        (root / "docker" / name).read_text(encoding="utf-8") for name in ("compose.yaml", "compose.celery.yaml")
    ]
    used = {name for file in files for name in re.findall(r"(?<!\$)\$\{([A-Z_]+)", file)}
    assert set(named) == used
    assert [name for name in re.findall(r"\$\{([A-Z_]+):\?", "".join(files)) if named[name]] == []


def test_only_the_web_interface_is_published_and_on_loopback(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert list(published) == ["api-server"]
    assert all(port.startswith("127.0.0.1:") for port in published["api-server"])


def test_every_image_has_a_version(root: Path, services: dict[str, Any]) -> None:
    images = [service["image"] for service in services.values() if "image" in service]
    images += re.findall(r"^FROM (\S+)", (root / "docker" / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert [image for image in images if ":" not in image or image.endswith(":latest")] == []


def test_weaviate_has_the_version_that_the_code_was_tested_with(services: dict[str, Any]) -> None:
    assert services["weaviate"]["image"].endswith(f":{VERSION}")


def test_the_settings_that_compose_gives_are_settings_that_exist(root: Path) -> None:
    ours = {k: re.sub(r"\$\{[^}]*\}", "x", v) for k, v in _environments(root).items() if k.startswith("WELLREAD_")}
    settings = load_settings(environment=ours)
    assert settings is not None
    assert len(ours) >= 4


def test_every_service_waits_for_services_that_exist(services: dict[str, Any]) -> None:
    wanted = {name for service in services.values() for name in service.get("depends_on", {})}
    assert wanted - services.keys() == set()


def test_the_image_copies_only_files_that_exist_and_the_context_lets_through(root: Path) -> None:
    allowed = set(re.findall(r"^!(.*)$", (root / ".dockerignore").read_text(), flags=re.MULTILINE))
    lines = re.findall(r"^COPY (?!--from)(.*)$", (root / "docker" / "Dockerfile").read_text(), flags=re.MULTILINE)
    copied = {name for line in lines for name in line.split()[:-1]}
    assert {name for name in copied if not (root / name).exists()} == set()
    assert {name for name in copied if name.split("/")[0] not in allowed} == set()
