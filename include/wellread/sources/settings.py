"""What all sources share: limits and rules that a declaration does not carry."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SourceSettings(BaseModel):
    """Limits of reading from sources."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_object_bytes: int = Field(
        default=512 * 1024 * 1024,
        gt=0,
        description="Larger objects are quarantined unread: one document is held in memory as a whole.",
    )
    fresh_seconds: float = Field(
        default=2.0,
        ge=0,
        description="Files modified this shortly before they were listed carry no version token: a second write "
        "within the clock's grain would not show. Two seconds is the coarsest grain of common file systems (FAT).",
    )
    allow_links_outside_root: bool = Field(
        default=False,
        description="Whether a followed link may lead out of the source's folder. Off: a link must not publish "
        "files that nobody declared.",
    )
    read_attempts_count: int = Field(
        default=3,
        ge=1,
        description="How often a file that changes while it is read is read again before it is left to a retry.",
    )
    connect_timeout_seconds: float = Field(
        default=10.0, gt=0, description="S3: longer than any healthy endpoint takes to accept a connection."
    )
    read_timeout_seconds: float = Field(
        default=60.0, gt=0, description="S3: the longest silence within one answer."
    )
    s3_connections_count: int = Field(
        default=16, ge=1, description="S3: connections kept open; one for each thread that fetches."
    )
    s3_keys_per_page: int = Field(
        default=1000,
        ge=1,
        le=1000,
        description="S3: keys of one listing request. 1000 is S3's own maximum; fewer where a slow storage product "
        "lets long pages time out.",
    )
    s3_version_ids: bool = Field(
        default=True,
        description="S3: of a bucket with versioning, list versions and read the listed one. Needs the right to "
        "list versions; without it, or off, ETags are compared. A listing pages over old versions too.",
    )
