"""Settings of ingestion runs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DeletionSettings(BaseModel):
    """When deletions wait for a person. Counted over 24 hours, so that instalments do not slip through."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hold_above_ratio: float = Field(
        default=0.10, ge=0, le=1, description="Held above this share of the source's documents ..."
    )
    hold_ratio_from_count: int = Field(
        default=5, ge=1, description="... from this many deletions on: two of ten files is an everyday change."
    )
    hold_above_count: int = Field(default=50, ge=0, description="Held above this many, whatever the share.")
    window_seconds: float = Field(default=86_400.0, gt=0, description="Deletions within this time count together.")


class EmbeddingBudgetSettings(BaseModel):
    """What embedding documents may cost, in US dollars. Each limit is one counter that all workers share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_usd: float | None = Field(
        default=None,
        ge=0,
        description="For one run, its retries included: in the shell one `wellread ingest` with all its waves, in "
        "Airflow one DAG run, which is one wave.",
    )
    day_usd: float | None = Field(default=None, ge=0, description="For all runs of one day (UTC).")
    tenant_day_usd: float | None = Field(default=None, ge=0, description="For one tenant's runs of one day (UTC).")
    when_short: Literal["part", "stop"] = Field(
        default="part",
        description="Where a wave cannot be paid as a whole: 'part' loads whole documents as far as the money "
        "goes, 'stop' buys nothing. What costs nothing is loaded in both cases, the rest is pending.",
    )

    @property
    def is_limited(self) -> bool:
        """Whether anything bounds the spending."""
        return any(limit is not None for limit in (self.run_usd, self.day_usd, self.tenant_day_usd))


class SettingsChangeSettings(BaseModel):
    """When documents that nothing but a change of settings touched wait for a person, as deletions do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hold_above_usd: float | None = Field(
        default=10.0, ge=0, description="Held where embedding their chunks again may cost more. None: never."
    )
    hold_above_embeddings: int | None = Field(
        default=None,
        ge=0,
        description="Held where they have more chunks than this: for models that cost time and no money. "
        "None: never.",
    )


class QuarantineSettings(BaseModel):
    """What is kept of a document that could not be read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    payload_max_bytes: int = Field(
        default=32 * 1024 * 1024,
        ge=0,
        description="The bytes of a quarantined document are kept as an artifact up to this size, for a look; of "
        "larger ones only size and hash are noted. 0 keeps no bytes.",
    )


class IndexingSettings(BaseModel):
    """How a run is cut into waves, batches and requests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_wave_documents: int = Field(
        default=200, ge=1, description="Small, so that a first load is searchable within its first minutes."
    )
    wave_documents: int = Field(
        default=2_000, ge=1, description="A wave is one run with one revision, one gate, one balance sheet."
    )
    batches: int = Field(
        default=64, ge=1, le=1_000, description="At most so many mapped tasks: each costs about a second."
    )
    documents_per_batch: int = Field(default=25, ge=1, description="A batch is not cut smaller than this.")
    fetch_threads: int = Field(default=4, ge=1, description="Objects read at once.")
    chunks_per_group: int = Field(
        default=400,
        ge=1,
        description="Documents are embedded, written and audited in groups of about so many chunks.",
    )
    objects_per_request: int = Field(
        default=200, ge=1, description="One insert stays far below the 10 seconds at which servers time out."
    )
    write_threads: int = Field(default=2, ge=1, description="Inserts at once.")
    write_attempts: int = Field(
        default=6, ge=1, description="Tries of a write that is refused for a while or cut off."
    )
    audit_newest_objects: int = Field(
        default=1_000,
        ge=0,
        description="Looked at when a run begins: a killed server loses the tail of its vector index.",
    )
    longest_call_seconds: float = Field(
        default=90.0,
        ge=0,
        description="No call to the store lasts longer. A revision that was given up may leave the excluded ones "
        "only after two clean audits further apart than this. Below `ledger.lease_seconds`: before each request is "
        "proven that the lease outlasts it.",
    )
    horizon_seconds: float = Field(
        default=3_600.0, ge=0, description="Vacuum leaves alone what was closed within this time: jobs may pin it."
    )
    deletions: DeletionSettings = DeletionSettings()
    settings_changes: SettingsChangeSettings = SettingsChangeSettings()
    budget: EmbeddingBudgetSettings = EmbeddingBudgetSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
