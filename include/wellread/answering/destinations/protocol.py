"""What a destination is: something that takes all answers of a job, as often as they are published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wellread.questions import AnswerRow


@dataclass(frozen=True, slots=True)
class Publication:
    """All answers of one job."""

    rows: Sequence[AnswerRow]
    job_name: str
    """What a repeated job is known by: the same name replaces what it published before."""
    job_id: str
    """The hash of the job's frozen plan."""
    summary: Mapping[str, object] = field(default_factory=dict)
    """Counts and costs as JSON values, small."""


class Destination(Protocol):
    """Takes answers whole or not at all (a webhook: page by page), and the same ones again without harm."""

    @property
    def label(self) -> str:
        """Where it is, without credentials."""

    def check(self, columns: Sequence[str]) -> None:
        """Refuse what cannot be written, before anything is asked or paid. Writes nothing.

        ``columns``: those of the questions beside id and question. Raises ``WellreadError``.
        """

    def publish(self, publication: Publication) -> None:
        """Put the answers there. Raises ``WellreadError`` once trying again does not help."""
