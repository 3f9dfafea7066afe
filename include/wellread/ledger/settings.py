"""Settings of the ledger."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class LedgerSettings(BaseModel):
    """Where the ledger is and how long its leases last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr | None = Field(
        default=None,
        description="SQLAlchemy URL. Without it: SQLite in the home folder. A deployment uses Postgres "
        "(postgresql+psycopg://...), in a database of its own, never Airflow's.",
    )
    lease_seconds: float = Field(
        default=300.0,
        gt=0,
        description="How long a source stays leased without a sign of life. Longer than the pause between "
        "two tasks of one run and than `indexing.longest_call_seconds`, short enough that a dead worker delays "
        "nobody for long.",
    )
    busy_timeout_seconds: float = Field(
        default=60.0, gt=0, description="How long SQLite waits for another writer's transaction."
    )
