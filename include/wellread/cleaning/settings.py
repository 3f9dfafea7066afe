"""What cleaning may do to a text."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class CleaningSettings(BaseModel):
    """One switch for each step. The defaults change how a text is written, never what it says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    normalise_unicode: bool = Field(
        default=True, description="NFC. Not NFKC: it would turn 2⁵ into 25 and ① into 1."
    )
    remove_invisible: bool = Field(
        default=True,
        description="Control, zero-width, bidirectional and tag characters: nobody sees them, models read them.",
    )
    expand_ligatures: bool = Field(default=True, description="PDF text holds ﬁ where a question says fi.")
    join_hyphens: bool = Field(default=True, description="A word broken at the end of a line becomes whole.")
    join_lines: bool = Field(default=True, description="Wrapped lines of prose become one line.")
    drop_page_furniture: bool = Field(
        default=True, description="Running headers and footers: they would stand in many chunks and find nothing."
    )
