"""What the policies leave of a draft."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wellread.answering.checking.drafts import check_draft
from wellread.answering.checking.quotes import QuoteSettings
from wellread.answering.protocol import AnswerDraft, DraftClaim
from wellread.documents import Passage

TRUE = DraftClaim("Loans last 28 days.", ((0, "A loan lasts 28 days."),))
FALSE = DraftClaim("Loans last a year.", ((0, "A loan lasts 365 days."),))


@pytest.fixture
def passages(passage: Callable[..., Passage]) -> tuple[Passage, ...]:
    return (passage("Members may borrow twelve books. A loan lasts 28 days."),)


@pytest.mark.parametrize(
    ("policy", "claims", "status", "reason", "left"),
    [
        ("drop", (TRUE,), "answered", None, 1),
        ("drop", (TRUE, FALSE), "answered", None, 1),
        ("drop", (FALSE,), "abstained", "check_failed", 0),
        ("flag", (TRUE, FALSE), "flagged", None, 2),
        ("flag", (FALSE,), "flagged", None, 1),
        ("fail", (TRUE,), "answered", None, 1),
        ("fail", (TRUE, FALSE), "abstained", "check_failed", 0),
    ],
)
def test_each_policy_does_what_it_says(
    policy: str,
    claims: tuple[DraftClaim, ...],
    status: str,
    reason: str | None,
    left: int,
    passages: tuple[Passage, ...],
) -> None:
    checked = check_draft(AnswerDraft(claims), passages, settings=QuoteSettings(), policy=policy)  # type: ignore[arg-type]  # parametrised
    assert (checked.status, checked.abstain_reason, len(checked.claims)) == (status, reason, left)


def test_a_claim_without_a_quote_is_not_answered(passages: tuple[Passage, ...]) -> None:
    draft = AnswerDraft((DraftClaim("Trust me.", ()),))
    assert check_draft(draft, passages, settings=QuoteSettings(), policy="drop").abstain_reason == "check_failed"
    assert check_draft(draft, passages, settings=QuoteSettings(), policy="flag").status == "flagged"


def test_a_quote_of_a_passage_that_nobody_gave_fails(passages: tuple[Passage, ...]) -> None:
    draft = AnswerDraft((DraftClaim("Yes.", ((7, "A loan lasts 28 days."),)),))
    checked = check_draft(draft, passages, settings=QuoteSettings(), policy="flag")
    assert checked.claims[0].citations[0].match == "failed"


def test_not_found_and_refused_are_told_apart(passages: tuple[Passage, ...]) -> None:
    said = check_draft(AnswerDraft((), found=False), passages, settings=QuoteSettings(), policy="drop")
    assert (said.status, said.abstain_reason) == ("abstained", "model_says_not_found")
    refused = check_draft(AnswerDraft((), refused=True), passages, settings=QuoteSettings(), policy="drop")
    assert (refused.status, refused.abstain_reason) == ("refused", None)
