"""From a draft to a checked answer: every quote located, numbers compared, leaks refused, a policy applied."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wellread.answering.checking.facts import numbers_of
from wellread.answering.checking.leaks import LeakGuard, LeakKind
from wellread.answering.checking.orders import speaks_to_answerer
from wellread.answering.checking.quotes import QuoteSettings, cite
from wellread.answering.protocol import AnswerDraft, DraftClaim
from wellread.answering.settings import QuotePolicy
from wellread.documents import Passage
from wellread.questions import AbstainReason, Citation, Claim

CheckedStatus = Literal["answered", "abstained", "flagged", "refused"]

QUOTE_NOT_FOUND = "quote:not_found"
NUMBER_NOT_QUOTED = "claim:number_not_quoted"
_NUMBER_PARTS = re.compile(r"(?:\A-)?[^-/:]+")


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """What is left of a draft after the check."""

    status: CheckedStatus
    abstain_reason: AbstainReason | None
    claims: tuple[Claim, ...]
    flags: tuple[str, ...] = ()
    """What was found wrong, whether it was left out or kept: ``leak:url``, ``quote:not_found``, ..."""

    @property
    def text(self) -> str | None:
        """The answer as one text, ``None`` where there is none."""
        return " ".join(claim.text for claim in self.claims) or None


@dataclass(frozen=True, slots=True)
class _Judged:
    """A claim with what is wrong with it."""

    claim: Claim
    is_numbered: bool
    """Whether each number in its text stands in one of its located quotes."""
    leaks: tuple[LeakKind, ...]

    @property
    def located(self) -> tuple[Citation, ...]:
        return tuple(citation for citation in self.claim.citations if citation.match != "failed")

    @property
    def holds(self) -> bool:
        return bool(self.claim.citations) and len(self.located) == len(self.claim.citations) and self.is_numbered

    @property
    def flags(self) -> list[str]:
        flags = [f"leak:{kind}" for kind in self.leaks]
        if not self.claim.citations or len(self.located) < len(self.claim.citations):
            flags.append(QUOTE_NOT_FOUND)
        if self.located and not self.is_numbered:
            flags.append(NUMBER_NOT_QUOTED)
        return flags


def check_draft(
    draft: AnswerDraft,
    passages: Sequence[Passage],
    *,
    settings: QuoteSettings,
    policy: QuotePolicy,
    guard: LeakGuard | None = None,
) -> CheckedAnswer:
    """Locate every quote and apply the policy; a claim without a located quote is never plainly ``answered``.

    A number in the text of a claim must stand in one of its located quotes; else the claim is as one whose quotes
    all fail. ``drop`` leaves out such claims and failed quotes, ``flag`` keeps everything and marks the row,
    ``fail`` gives no answer where anything is wrong. A claim in which the guard finds a leak is left out whatever
    the policy. Nothing left: abstained with ``check_failed``.
    """
    if draft.refused:
        return CheckedAnswer("refused", None, ())
    if not draft.found or not draft.claims:
        return CheckedAnswer("abstained", "model_says_not_found", ())
    judged = [_judge(claim, passages, settings, guard) for claim in draft.claims]
    flags = tuple(dict.fromkeys(flag for one in judged for flag in one.flags))
    tight = [one for one in judged if not one.leaks]
    kept = tuple(one.claim for one in tight)
    if policy == "drop":
        kept = tuple(Claim(one.claim.text, one.located) for one in tight if one.located and one.is_numbered)
    elif policy == "fail" and flags:
        kept = ()
    if not kept:
        return CheckedAnswer("abstained", "check_failed", (), flags)
    return CheckedAnswer("flagged" if policy == "flag" and flags else "answered", None, kept, flags)


def _judge(
    draft: DraftClaim, passages: Sequence[Passage], settings: QuoteSettings, guard: LeakGuard | None
) -> _Judged:
    citations = tuple(
        cite(passages[index], quote, settings=settings) if 0 <= index < len(passages) else _unknown_passage(quote)
        for index, quote in draft.quotes
    )
    claim = Claim(draft.text, citations)
    pairs = list(zip(draft.quotes, citations, strict=True))
    is_quote = any(
        citation.match != "failed" and quote.strip() == draft.text.strip() for (_, quote), citation in pairs
    )
    quoted = [citation.quote for citation in citations if citation.match != "failed"]
    cited = [passages[index].text for (index, _), citation in pairs if citation.match != "failed"]
    leaks = _leaks(claim, quoted, cited, guard) if guard is not None else ()
    return _Judged(claim, is_quote or _parts_of(draft.text) <= _parts_of("\n".join(quoted)), leaks)


def _leaks(claim: Claim, quoted: Sequence[str], cited: Sequence[str], guard: LeakGuard) -> tuple[LeakKind, ...]:
    """What leaks in anything of the claim that a reader sees. A located quote may hold the links that it holds."""
    evidence = [*quoted, *(cited if guard.settings.url_evidence == "passages" else ())]
    shown = [claim.text, *(citation.quote for citation in claim.citations)]
    found = [leak.kind for text in shown for leak in guard.leaks(text, evidence=evidence)]
    if guard.settings.orders and any(speaks_to_answerer(quote) for quote in quoted):
        found.append("order")
    return tuple(dict.fromkeys(found))


def _parts_of(text: str) -> set[str]:
    """Every number of a text; dates, times and ranges by their parts: ``10-20`` is said by 10 to 20."""
    return {part for number in numbers_of(text) for part in _NUMBER_PARTS.findall(number)}


def _unknown_passage(quote: str) -> Citation:
    """A quote from evidence that nobody was given."""
    return Citation("", "", "", "", quote, None, None, None, "failed")
