"""How long a text is, in words, in any script."""

from __future__ import annotations

import re

_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_CHARS_PER_UNSPACED_WORD = 2
_CHARS_PER_LONGEST_WORD = 16


def count_words(text: str) -> int:
    """Words of ``text``: never fewer than there are between white space.

    Scripts written without spaces (Chinese, Japanese, Thai, Lao, Burmese, Khmer) count one word for two
    characters, about what their dictionaries give. A text with very long "words" (an encoded picture, a URL)
    counts one for each 16 characters, so that nothing without spaces is free.
    """
    spaced = len(text.split())
    if not text.isascii():
        spaced += len(_UNSPACED.findall(text)) // _CHARS_PER_UNSPACED_WORD
    return max(spaced, -(-len(text) // _CHARS_PER_LONGEST_WORD))
