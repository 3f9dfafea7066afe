"""From a draft to a checked answer: every quote located, a policy applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wellread.answering.checking.quotes import QuoteSettings, cite
from wellread.answering.protocol import AnswerDraft
from wellread.answering.settings import QuotePolicy
from wellread.documents import Passage
from wellread.questions import AbstainReason, Citation, Claim

CheckedStatus = Literal["answered", "abstained", "flagged", "refused"]


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """What is left of a draft after the check."""

    status: CheckedStatus
    abstain_reason: AbstainReason | None
    claims: tuple[Claim, ...]

    @property
    def text(self) -> str | None:
        """The answer as one text, ``None`` where there is none."""
        return " ".join(claim.text for claim in self.claims) or None


def check_draft(
    draft: AnswerDraft, passages: Sequence[Passage], *, settings: QuoteSettings, policy: QuotePolicy
) -> CheckedAnswer:
    """Locate every quote and apply the policy; a claim without a located quote is never plainly ``answered``.

    ``drop`` leaves out claims whose quotes all fail, ``flag`` keeps everything and marks the row, ``fail``
    gives no answer where one quote fails. Nothing left: abstained with ``check_failed``.
    """
    if draft.refused:
        return CheckedAnswer("refused", None, ())
    if not draft.found or not draft.claims:
        return CheckedAnswer("abstained", "model_says_not_found", ())
    claims = tuple(_checked_claim(claim.text, claim.quotes, passages, settings) for claim in draft.claims)
    if all(_holds(claim) for claim in claims):
        return CheckedAnswer("answered", None, claims)
    if policy == "flag":
        return CheckedAnswer("flagged", None, claims)
    kept = _without_failed(claims) if policy == "drop" else ()
    if not kept:
        return CheckedAnswer("abstained", "check_failed", ())
    return CheckedAnswer("answered", None, kept)


def _checked_claim(
    text: str, quotes: Sequence[tuple[int, str]], passages: Sequence[Passage], settings: QuoteSettings
) -> Claim:
    citations = tuple(
        cite(passages[index], quote, settings=settings) if 0 <= index < len(passages) else _unknown_passage(quote)
        for index, quote in quotes
    )
    return Claim(text, citations)


def _unknown_passage(quote: str) -> Citation:
    """A quote from evidence that nobody was given."""
    return Citation("", "", "", "", quote, None, None, None, "failed")


def _holds(claim: Claim) -> bool:
    return bool(claim.citations) and all(citation.match != "failed" for citation in claim.citations)


def _without_failed(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    kept = []
    for claim in claims:
        located = tuple(citation for citation in claim.citations if citation.match != "failed")
        if located:
            kept.append(Claim(claim.text, located))
    return tuple(kept)
