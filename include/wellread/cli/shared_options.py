"""The options that all commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")]
Collection = Annotated[
    str | None, typer.Option("--collection", help="The logical collection.", show_default="Documents")
]
