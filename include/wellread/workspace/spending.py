"""What a question job has cost so far, while it runs."""

from __future__ import annotations

import sqlalchemy as sa

from wellread.ledger.question_schema import question_rows, responses
from wellread.workspace.composition import Workspace


def spent_usd(workspace: Workspace, job_id: str) -> float | None:
    """The price of the responses that the rows of a job have now; ``None`` where no price is known.

    Responses that were mended by another one are in the job's report only.
    """
    query = (
        sa.select(sa.func.sum(responses.c.cost_micro_usd))
        .join(question_rows, question_rows.c.response_ref == responses.c.reference)
        .where(question_rows.c.job_id == job_id, responses.c.tenant == workspace.settings.tenant)
    )
    with workspace.ledger.reading() as reading:
        micro_usd = reading.execute(query).scalar_one()
    return None if micro_usd is None else float(micro_usd) / 1_000_000
