"""Untrusted text in a prompt: numbered, between fences whose mark no author of a document can know.

The mark is an HMAC over all that is fenced, keyed with a secret of the deployment, so no text can close its own
fence. The same texts have the same mark, so that equal requests stay equal.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from wellread.identities import canonical_json

ANY_MARK = "839501746293"
"""Stands for any mark where tokens are counted: tokenizers take digits one by one or in groups of one length."""
_MARK_DIGITS = len(ANY_MARK)


def fence_texts(shown: Sequence[tuple[str, str]], *, key: bytes) -> str:
    """(title, text) pairs as one text, numbered from 1."""
    content = canonical_json(list(shown)).encode("utf-8", "surrogatepass")
    digest = hmac.new(key, content, hashlib.sha256).digest()
    return fenced_with(shown, str(int.from_bytes(digest, "big") % 10**_MARK_DIGITS).zfill(_MARK_DIGITS))


def fenced_with(shown: Sequence[tuple[str, str]], mark: str) -> str:
    """The same under a given mark."""
    return "\n\n".join(fence_block(number, *pair, mark=mark) for number, pair in enumerate(shown, start=1))


def fence_block(number: int, title: str, text: str, *, mark: str) -> str:
    """One numbered passage between its fences."""
    head = f"[{title}]\n" if title else ""
    return f"<<<passage {number} {mark}>>>\n{head}{text}\n<<<end {number} {mark}>>>"
