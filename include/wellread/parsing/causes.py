"""Why a document could not be parsed: the closed set of causes, and the errors that carry them.

=================  =====================================================================================
cause              meaning
=================  =====================================================================================
``empty``          no bytes, or nothing but white space
``encrypted``      a password is needed
``truncated``      the file ends before its format says it does
``corrupt``        the bytes break the rules of their format
``mislabelled``    the name promises a type that Wellread reads, the bytes are of no type that it knows
``malicious``      entity bombs, external entities and similar traps
``zip_bomb``       the archive unpacks to far more than it holds
``too_large``      more bytes than the settings allow
``timeout``        the wall limit passed; the child process was killed
``out_of_memory``  the memory limit was reached; the child process was replaced
``crashed``        the parser took its child process down
``no_text``        pages without text: a scan, and no text recognition is there or it read too little
``no_elements``    well formed, but there is nothing to read in it
``unsupported``    a type that Wellread does not read (``UnsupportedTypeError``)
=================  =====================================================================================
"""

from __future__ import annotations

from typing import Literal, get_args

from wellread.errors import DocumentError, UnsupportedTypeError

Cause = Literal[
    "empty",
    "encrypted",
    "truncated",
    "corrupt",
    "mislabelled",
    "malicious",
    "zip_bomb",
    "too_large",
    "timeout",
    "out_of_memory",
    "crashed",
    "no_text",
    "no_elements",
    "unsupported",
]

CAUSES: frozenset[str] = frozenset(get_args(Cause))

REMEDIES: dict[Cause, str] = {
    "empty": "Fill the file or remove it from the source",
    "encrypted": "Store a copy without a password",
    "truncated": "Fetch or export the file again, completely",
    "corrupt": "Open it with the program that made it and save it again",
    "mislabelled": "Check what the file is and give it its own name",
    "malicious": "Find out where the file comes from",
    "zip_bomb": "Find out where the file comes from, or raise max_unpacked_ratio",
    "too_large": "Split the document or raise max_content_bytes",
    "timeout": "Split the document or raise wall_limit_seconds",
    "out_of_memory": "Split the document or raise memory_limit_bytes",
    "crashed": "Save the document again with another program",
    "no_text": "Install tesseract (apt-get install tesseract-ocr) and run again; where it is installed, scan anew"
    " or lower parsing.recognition.least_confidence_ratio",
    "no_elements": "Look at the file: there is no text in it",
    "unsupported": "Convert it to a type that is read, or exclude it by a glob",
}


class UnreadableError(Exception):
    """Raised by readers inside the child process, which do not know the document's name."""

    def __init__(self, cause: Cause, found: str) -> None:
        super().__init__(found)
        self.cause: Cause = cause
        self.found = found


def document_error(natural_key: str, cause: Cause, found: str) -> DocumentError:
    """The error under which the document goes to quarantine, or is set aside as unsupported."""
    kind = UnsupportedTypeError if cause == "unsupported" else DocumentError
    return kind(f"parse {natural_key}", found=found, remedy=REMEDIES[cause], stage="parse", cause=cause)
