"""What a deployment may say about parsing."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

MEBIBYTE = 1024 * 1024


class RecognitionSettings(BaseModel):
    """How text in pictures is recognised, where tesseract is installed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(
        default=True,
        description="Off: scans are quarantined (no_text) and pictures unsupported, as without tesseract.",
    )
    languages: tuple[str, ...] = Field(
        default=(),
        description="Tesseract's names, such as eng, deu. None: English, and the document's own where installed.",
    )
    dots_per_inch: int = Field(default=300, ge=100, le=600, description="Pages of PDFs are rendered with so many.")
    least_confidence_ratio: float = Field(
        default=0.6,
        ge=0,
        le=1,
        description="Pages whose words tesseract is less sure of are left out; photos of no text stay below.",
    )
    picture_page_ratio: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="A page with hardly any text whose picture covers at least this share of it is recognised.",
    )
    max_pages: int = Field(
        default=500, ge=1, description="Of one document; the others are left out with a warning."
    )


class ParsingSettings(BaseModel):
    """Limits of the guarded child processes, and what their output depends on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    worker_count: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Documents parsed at once: one child process each. Two suit a small host.",
    )
    wall_limit_seconds: float = Field(
        default=60.0,
        gt=0,
        description="A document that takes longer is given up and its child process killed; each recognised page"
        " of a scan has this time for itself.",
    )
    start_limit_seconds: float = Field(
        default=120.0,
        gt=0,
        description="For the first import of the parsers, which takes 5 to 20 s on a busy host.",
    )
    memory_limit_bytes: int = Field(
        default=1024 * MEBIBYTE,
        ge=128 * MEBIBYTE,
        description="What one document may take beyond the memory of the warm process.",
    )
    documents_per_worker: int = Field(
        default=500,
        ge=1,
        description="A child is replaced after so many documents, so that small leaks stay small.",
    )
    max_content_bytes: int = Field(
        default=256 * MEBIBYTE, ge=1, description="Larger documents are refused before they are parsed."
    )
    max_unpacked_bytes: int = Field(
        default=1024 * MEBIBYTE, ge=1, description="What the parts of a docx, pptx or xlsx may take unpacked."
    )
    max_unpacked_ratio: float = Field(
        default=100.0,
        gt=1,
        description="Unpacked over packed bytes, from 16 MiB unpacked on; real office files stay below 50.",
    )
    furniture_page_ratio: float = Field(
        default=0.6,
        gt=0,
        le=1,
        description="Lines at the edge of at least this share of the pages are running headers and footers.",
    )
    html_main_content_only: bool = Field(
        default=True,
        description="Leave out navigation, page headers and footers, forms and hidden parts of web pages.",
    )
    recognition: RecognitionSettings = RecognitionSettings()


OUTPUT_FIELDS = (
    "max_content_bytes",
    "max_unpacked_bytes",
    "max_unpacked_ratio",
    "furniture_page_ratio",
    "html_main_content_only",
    "wall_limit_seconds",
    "memory_limit_bytes",
)
"""The fields that decide what comes out (a limit decides whether a document is quarantined)."""
