"""The environment that the local Airflow runs in: loopback only, secrets of its own, nothing sent home."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

from wellread_airflow.local.settings import LocalAirflowSettings

ADMIN = "admin"
MARKER = "AIRFLOW_STARTED_BY_WELLREAD"
"""Every process that we start carries it, and so does every child it forks. Not WELLREAD_*: those are settings."""
JWT_SECRET_BYTES = 64
"""Airflow warns below 64."""


def password_file(settings: LocalAirflowSettings) -> Path:
    """The JSON file with the administrator's password."""
    return settings.airflow_home / "passwords.json"


def write_password(settings: LocalAirflowSettings) -> None:
    """Make up the administrator's password once; readable by this user only."""
    path = password_file(settings)
    if not path.exists():
        write_private(path, json.dumps({ADMIN: secrets.token_urlsafe(18)}))


def airflow_environment(settings: LocalAirflowSettings, *, port: int, token: str) -> dict[str, str]:
    """The whole environment of each component: ours on top of the caller's."""
    home = settings.airflow_home
    address = f"http://127.0.0.1:{port}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    # Connections and variables are a deployment's own; configuration is ours.
    inherited |= {
        name: value for name, value in os.environ.items() if name.startswith(("AIRFLOW_CONN_", "AIRFLOW_VAR_"))
    }
    return (
        inherited
        | {
            MARKER: token,
            "WELLREAD_HOME": str(settings.home),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(settings.repository / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(settings.repository / "plugins"),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(settings.parallelism),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(password_file(settings)),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": address,
            "AIRFLOW__API__WORKERS": "1",
            # Its default of 5 seconds is too short for the first answer on two busy cores.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "DO_NOT_TRACK": "1",
        }
        | _secrets(home)
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    draft.replace(path)


def _secrets(home: Path) -> dict[str, str]:
    """Keys that must stay the same from start to start, or sessions and stored connections are lost."""
    path = home / "secrets.json"
    if not path.exists():
        made = {
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(JWT_SECRET_BYTES),
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        }
        write_private(path, json.dumps(made))
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return kept
