"""Thresholds of the quality rules, each with the reason for its default."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from wellread.quality.media_groups import MediaGroup


class DocumentRules(BaseModel):
    """When one document is quarantined before anything is paid for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    replacement_ratio_max: float = Field(
        default=0.1, ge=0, le=1, description="U+FFFD a character. A text decoded right has none, a damaged one few."
    )
    replacement_chars_min: int = Field(
        default=10, ge=0, description="Fewer replacement characters are never a reason: short texts may quote one."
    )
    sparse_from_bytes: int = Field(
        default=100_000, ge=0, description="Smaller files may hold little text: forms, title pages, stubs."
    )
    chars_per_byte_min: dict[MediaGroup, float] = Field(
        default={"text": 0.02, "markup": 0.0005, "pdf": 0.00001, "office": 0.0},
        description="Below this a large file's text was lost, not absent. Plain text has 0.25 to 1 character "
        "a byte, markup far less; PDF and Office files may be mostly pictures.",
    )
    letters_ratio_min: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Letters, marks and digits among the visible characters: 0.8 to 0.95 in prose, 0.4 and more "
        "in code and tables. A PDF with a broken character map falls below.",
    )
    unassigned_ratio_max: float = Field(
        default=0.3, ge=0, le=1, description="Private-use, unassigned and control characters: fonts without a map."
    )
    garbled_from_chars: int = Field(
        default=200, ge=1, description="Shorter texts are too few characters to call garbled."
    )
    chunk_words_max: int = Field(
        default=5_000,
        gt=0,
        description="A chunk this long means that the chunker did not cut: limits are near 120.",
    )
    chunks_count_max: int = Field(
        default=100_000,
        gt=0,
        description="More chunks than a library's largest books: a data dump, to be declared.",
    )


class RunRules(BaseModel):
    """When a whole run is blocked before anything is paid."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    documents_count_min: int = Field(
        default=20,
        ge=1,
        description="Shares and averages mean nothing below this: one bad document among five is 20 %. Such runs "
        "are guarded by the document rules alone.",
    )
    failed_share_max: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="A broken parser or a share gone unreadable fails nearly everything; messy real folders of "
        "scans and damaged files reach about a half.",
    )
    empty_share_max: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="Files of no bytes or of nothing to read, whoever noticed: a copy that broke off, an export "
        "that gave shells. Messy real folders stay below 5 %.",
    )
    duplicate_share_max: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Above a half, one text (a log-in page, a banner) replaced the content.",
    )
    chars_per_byte_median_min: dict[MediaGroup, float] = Field(
        default={"text": 0.1, "markup": 0.003, "pdf": 0.0002, "office": 0.0002},
        description="The median document of each group; a parser that stops early lowers all of them.",
    )
    replacement_ratio_mean_max: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="Averaged over documents: a decoder that guesses wrong shows everywhere.",
    )
    chunk_words_mean_min: float = Field(
        default=1.5, ge=0, description="Cut to single words. Scripts without spaces count few words a chunk."
    )
    chunk_words_mean_max: float = Field(default=400.0, gt=0, description="Three times the chunker's usual limit.")


class QualitySettings(BaseModel):
    """The quality rules of a deployment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: DocumentRules = DocumentRules()
    run: RunRules = RunRules()
    examples_count: int = Field(
        default=5, ge=0, description="How many documents a failed rule names: enough to look at."
    )
