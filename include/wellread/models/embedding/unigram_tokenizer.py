"""XLM-RoBERTa's tokenizer, rebuilt from its pieces and their scores: SentencePiece's Unigram model.

Unigram: Kudo, "Subword Regularization" (2018). SentencePiece normalises by its rule ``nmt_nfkc`` before; here that
is NFKC with the exceptions below. Over 12,000 texts of six languages and their decomposed forms, 2 came out
otherwise than from SentencePiece itself (an Arabic hamza composed with its alef). Needs ``tokenizers`` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wellread.models.embedding.packed_weights import SpecialTokens

if TYPE_CHECKING:
    from tokenizers.normalizers import Normalizer

_DROPPED = r"[\x00-\x08\x0b\x0e-\x1f\x7f\x{8f}\x{9f}]"
_SPACES = r"[\t\n\x0c\r\x{1680}\x{200b}-\x{200f}\x{2028}\x{2029}\x{2581}\x{feff}\x{fffd}]"
_KEPT = {"\uff5e": "\ufdd0", "\u0651": "\ufdd1"}
"""What NFKC must not touch, and the noncharacter that stands for it meanwhile: the full-width tilde stays what it
is, and the Arabic shadda stays before its vowel, where people write it."""

METASPACE = "▁"
_NEVER_IN_TEXT = "\x01"
"""Put before the names of special pieces: normalising drops it, so that no text contains one. ``<s>`` in a text is
three characters, not the beginning of a sentence."""


def unigram_tokenizer(pieces: Sequence[tuple[str, float]], special: SpecialTokens) -> bytes:
    """The content of a ``tokenizer.json``. Frames each text in the begin and the end token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    begin, end = pieces[special.begin][0], pieces[special.end][0]
    tokenizer = Tokenizer(models.Unigram(_out_of_reach(pieces), unk_id=special.unknown))
    tokenizer.normalizer = _normaliser()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=METASPACE, prepend_scheme="always", split=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", special_tokens=[(begin, special.begin), (end, special.end)]
    )
    return tokenizer.to_str().encode()


def _out_of_reach(pieces: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Special pieces are those without a probability: a score of 0, where all others are below."""
    return [(piece if score < 0 else _NEVER_IN_TEXT + piece, score) for piece, score in pieces]


def _normaliser() -> Normalizer:
    from tokenizers import Regex
    from tokenizers.normalizers import NFKC, Replace, Sequence, Strip

    return Sequence(
        [
            Replace(Regex(_DROPPED), ""),
            Replace(Regex(_SPACES), " "),
            *(Replace(kept, meanwhile) for kept, meanwhile in _KEPT.items()),
            NFKC(),
            *(Replace(meanwhile, kept) for kept, meanwhile in _KEPT.items()),
            Replace(Regex(" {2,}"), " "),
            Strip(),
        ]
    )
