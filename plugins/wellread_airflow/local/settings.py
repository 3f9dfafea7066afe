"""Where the local Airflow lives and how it is reached."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from wellread.errors import SettingsError


class LocalAirflowSettings(BaseModel):
    """One Airflow per home folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(description="The Wellread home; Airflow gets the folder `airflow` in it.")
    repository: Path = Field(description="The folder that holds `dags` and `plugins`.")
    port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Loopback port of the web interface and API. Without it 8080, or a free one if that is taken.",
    )
    parallelism: int = Field(
        default=4, ge=1, description="Tasks at once. Each worker process holds about 100 MB, so few on two cores."
    )
    start_timeout_seconds: float = Field(
        default=240.0, gt=0, description="Until healthy: 30 to 60 seconds on two quiet cores, more on busy ones."
    )
    stop_timeout_seconds: float = Field(
        default=20.0, gt=0, description="From a polite signal to a killing one; running tasks may finish in it."
    )

    @property
    def airflow_home(self) -> Path:
        """Metadata database, logs, secrets and the state of the processes."""
        return self.home / "airflow"

    @classmethod
    def for_repository(cls, folder: Path, *, home: Path, port: int | None = None) -> LocalAirflowSettings:
        """Settings for the DAGs of ``folder``.

        Raises:
            SettingsError: There is no ``dags`` folder.
        """
        repository = folder.resolve()
        if not (repository / "dags").is_dir():
            raise SettingsError(
                "start Airflow on this repository's DAGs",
                found=f"{repository} has no folder dags",
                remedy="Run it from the repository's root, or name that with --repository.",
            )
        return cls(home=home.expanduser().resolve(), repository=repository, port=port)
