"""Other formats as HTML, by the pandoc that comes with its package, in its sandbox: it opens no file or address."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import Literal

SourceFormat = Literal["rst", "epub", "odt"]
CONVERTER_SECONDS = 50
"""Less than the wall limit, so that a slow conversion still says what it was."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What pandoc made of a document."""

    markup: str | None
    """The HTML; ``None`` where pandoc could not read the document."""
    complaint: str
    """Pandoc's last word about it."""


def html_of(content: bytes, source_format: SourceFormat) -> Conversion:
    """The document as one HTML page with its title. Raises ``TimeoutExpired`` after 50 seconds."""
    import pypandoc

    command = [pypandoc.get_pandoc_path(), "--sandbox", "--standalone", "--wrap=none"]
    command += [f"--from={source_format}", "--to=html"]
    done = subprocess.run(command, input=content, capture_output=True, timeout=CONVERTER_SECONDS, check=False)
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    markup = done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
    return Conversion(markup, said[-1][:300] if said else "")
