"""Answer rows between tasks: an artifact, so that an XCom carries a reference and a retry reads the same rows."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wellread.errors import SettingsError

if TYPE_CHECKING:
    from wellread.questions import AnswerRow
    from wellread.workspace import Workspace

_KIND = "answer-rows"
_REFERENCE = re.compile(rf"{_KIND}/[0-9a-f]{{64}}")


def store_rows(workspace: Workspace, rows: Sequence[AnswerRow]) -> str:
    """Keep rows and return their reference."""
    from wellread.answering.files.answer_rows import answer_row_as_dict

    lines = (json.dumps(answer_row_as_dict(row), ensure_ascii=False) for row in rows)
    return workspace.artifacts.put(_KIND, "\n".join(lines).encode("utf-8", "surrogatepass"))


def load_rows(workspace: Workspace, reference: str) -> list[AnswerRow]:
    """The rows behind a reference. Raises ``SettingsError`` for another text, ``SystemicError`` if it is gone."""
    from wellread.answering.files.answer_rows import answer_row_from_dict

    if not is_reference(reference):
        raise SettingsError(
            "take up the answers of a task before",
            found=f"{reference!r:.200} is not a reference of answer rows",
            remedy='Give run.output["answers"] of RunPromptsOperator, or answer.output["rows"].',
        )
    content = workspace.artifacts.get(reference).decode("utf-8", "surrogatepass")
    return [answer_row_from_dict(json.loads(line)) for line in content.split("\n") if line]


def is_reference(address: str) -> bool:
    """Whether an address names rows of ours and no file."""
    return _REFERENCE.fullmatch(str(address)) is not None


def status_counts(rows: Sequence[AnswerRow]) -> dict[str, int]:
    """Rows by status."""
    return dict(sorted(Counter(row.status for row in rows).items()))
