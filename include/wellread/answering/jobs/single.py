"""One question, answered at once: nothing is stored, so nothing can be gone on with."""

from __future__ import annotations

from wellread.answering.jobs.plans import PlannedRow
from wellread.answering.jobs.rows import NO_BILL, Bill, RowBuilder, Withdrawn
from wellread.errors import DocumentError
from wellread.questions import AnswerRow
from wellread.retries import RetrySettings, call_with_retries


def answer_once(builder: RowBuilder, row: PlannedRow, *, withdrawn: Withdrawn, retry: RetrySettings) -> AnswerRow:
    """The final row of a planned question. Raises ``WellreadError`` where the model cannot be asked."""
    if row.request is None:
        return builder.unanswerable(row)
    request, confidence = builder.allowed(row, row.request, withdrawn)
    nothing = builder.gated(row, request, confidence)
    if nothing is not None:
        return nothing
    maker = builder.maker
    bill = NO_BILL
    while True:
        asked = request
        response = call_with_retries(lambda asked=asked: maker.respond(asked), settings=retry, what="answer")  # type: ignore[misc]  # the default binds the loop's value
        body = response.body
        bill = bill.plus(Bill("model", response.usage, maker.cost_micro_usd(response.usage)))
        try:
            return builder.read(row, request, body, maker, confidence=confidence, bill=bill)
        except DocumentError as error:
            following = maker.follow_up(request, body, error) if "repaired" not in bill.flags else None
            if following is None:
                return builder.failed(row, "error", error.as_dict(), bill)
            request, bill = following, bill.plus(Bill(flags=("repaired",), origin=bill.origin))
