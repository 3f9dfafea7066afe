"""What cannot simply be taken back is asked for first."""

from __future__ import annotations

import typer

from wellread.cli.output import Output
from wellread.errors import SettingsError


def require_consent(output: Output, question: str, *, asked: str, remedy: str) -> None:
    """Ask a person; a no ends the command. Raises ``SettingsError`` where nobody can be asked."""
    if output.as_json:
        raise SettingsError(asked, found="nobody can be asked, because the output is JSON", remedy=remedy)
    typer.confirm(question, abort=True)
