"""A request is measured before it is sent, by our count: a provider's refusal costs time, or a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wellread.errors import DocumentError
from wellread.models.protocol import EmbedderLimits


def byte_bound(text: str) -> int:
    """An upper bound of the tokens of ``text`` in any byte-level vocabulary: its UTF-8 bytes.

    Used where the model's vocabulary is not at hand (it would need a network). It is the same on every
    machine, so chunks are too.
    """
    return len(text.encode("utf-8", "surrogatepass"))


def refusal_of(text: str, *, tokens: int, limits: EmbedderLimits) -> DocumentError | None:
    """Why ``text`` of ``tokens`` tokens cannot be embedded; None where it can."""
    if not text.strip():
        return refused("an empty text", cause="empty")
    if tokens > limits.tokens_per_text:
        return refused(f"up to {tokens} tokens where {limits.tokens_per_text} fit", cause="too_long")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return refused("no Unicode text (a lone surrogate)", cause="bad_text")
    return None


def check_request(texts: Sequence[str], *, limits: EmbedderLimits, count_tokens: Callable[[str], int]) -> None:
    """Raise unless ``texts`` fit into one request.

    Raises:
        DocumentError: A text cannot be embedded at all.
        ValueError: Too many texts or tokens at once: the caller's mistake, ``embed_many`` splits.
    """
    total = 0
    for text in texts:
        tokens = count_tokens(text)
        total += tokens
        refusal = refusal_of(text, tokens=tokens, limits=limits)
        if refusal is not None:
            raise refusal
    if len(texts) > limits.texts_per_request or total > limits.tokens_per_request:
        raise ValueError(
            f"one request takes {limits.texts_per_request} texts of {limits.tokens_per_request} tokens together, "
            f"not {len(texts)} of {total}"
        )


def refused(found: str, *, cause: str) -> DocumentError:
    """The error of one input that is not sent; ``cause`` is empty, too_long or bad_text."""
    return DocumentError(
        "a vector for a text",
        found=found,
        remedy="Chunks must fit the embedder's limits: check the chunk settings, or the text itself.",
        stage="embed",
        cause=cause,
    )
