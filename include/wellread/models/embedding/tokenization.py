"""A model's own tokenizer, from its ``tokenizer.json``. It never cuts and never pads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wellread.errors import SettingsError
from wellread.models.request_limits import refused

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in ``path``, whatever truncation and padding the file asks for switched off.

    The file of all-MiniLM-L6-v2 truncates at 128 tokens, half of what the model reads.
    """
    # The tokenizer's own thread pool does not survive a fork, and one core tokenises some hundred times
    # faster than the model reads.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise extra_missing("tokenizers") from error
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        # The package raises a bare Exception for a file that it cannot read.
        raise SettingsError(
            f"the tokenizer in {path}", found=str(error), remedy="Name the tokenizer.json of the model."
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def token_ids(tokenizer: Tokenizer, texts: Sequence[str], *, special_tokens: bool) -> list[list[int]]:
    """The ids of each text.

    Raises:
        DocumentError: A text holds a lone surrogate, which is no Unicode.
    """
    try:
        encodings = tokenizer.encode_batch_fast(list(texts), add_special_tokens=special_tokens)
    except (TypeError, UnicodeError) as error:
        raise refused("no Unicode text (a lone surrogate)", cause="bad_text") from error
    return [encoding.ids for encoding in encodings]


def extra_missing(package: str) -> SettingsError:
    """The error for a package of the extra ``local`` that is not installed."""
    return SettingsError(
        "the local embedder",
        found=f"package {package} is not installed",
        remedy="Install wellread-airflow[local], or set another provider.",
    )
