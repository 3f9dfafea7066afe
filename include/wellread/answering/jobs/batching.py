"""Provider batches: half the price, within a day, and no request submitted twice.

A batch is written down with its rows before it is submitted, and carries our name for it where the provider has a
place for names. After a crash between the two, the name is looked up: a batch that is there is taken over, one that
is not is submitted. Waves keep below the provider's limit of enqueued tokens. What a batch leaves without an answer
(expired, failed, damaged) is asked directly in the end.

Each call of :meth:`BatchSender.advance` does what can be done now and says how long to wait: a shell sleeps, an
Airflow task defers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wellread.answering.jobs.plans import PlannedRow
from wellread.answering.jobs.rows import NO_BILL
from wellread.answering.jobs.steps import RESPONSES, JobRun, Step
from wellread.errors import SystemicError, TransientError
from wellread.models.chat.protocol import BatchItem, BatchProgress, ChatBatches
from wellread.questions import BatchRecord, BatchRecordState, JobRow, Reservation, StoredResponse

_logger = logging.getLogger("wellread.answering")
_COLLECTED_TOGETHER = 64
_BYTES_AROUND_A_REQUEST = 2_000
"""Of a line in a batch file, beside the messages: ids, parameters, schema, escapes."""


@dataclass(frozen=True, slots=True)
class _Wave:
    steps: tuple[Step, ...]
    input_tokens: int


class BatchSender:
    """Brings rows of one job through provider batches. Used by one thread."""

    def __init__(
        self, run: JobRun, *, poll_seconds: float, on_finished: Callable[[int], None] = lambda _count: None
    ) -> None:
        batches = run.builder.maker.batches
        if batches is None:
            raise SystemicError(
                "answer by provider batches",
                found=f"{run.builder.maker.identity.model} has no batch endpoint here",
                remedy="Use mode 'direct' or 'auto'.",
            )
        self._run = run
        self._batches: ChatBatches = batches
        self._poll_seconds = poll_seconds
        self._on_finished = on_finished

    def advance(self) -> float | None:
        """Submit, poll and collect what can be now. Seconds until the next call, ``None``: nothing is open."""
        run = self._run
        for record in self._open_batches():
            if record.state == "intended":
                self._take_over(record)
            else:
                self._poll(record)
        self._submit_waves()
        self._flush()
        run.ledger.renew_job(run.job_id, token=run.token)
        return self._poll_seconds if self._open_batches() else None

    def _open_batches(self) -> list[BatchRecord]:
        records = self._run.ledger.read_batches(self._run.job_id)
        return [record for record in records if record.state in {"intended", "submitted"}]

    def _rows_of(self, batch_key: str) -> list[tuple[PlannedRow, JobRow]]:
        states = self._run.ledger.read_rows(self._run.job_id)
        rows = self._run.builder.plan.rows
        return [(rows[state.position], state) for state in states if state.batch_key == batch_key]

    # -- submitting --------------------------------------------------------------------------------------------
    def _take_over(self, record: BatchRecord) -> None:
        """A batch that was written down by somebody who died before its submission was."""
        found = self._batches.find(record.batch_key)
        rows = self._rows_of(record.batch_key)
        if found is not None:
            self._note(record.batch_key, found)
        elif self._batches.can_find:
            self._submit(record.batch_key, [self._planned_step(row) for row, _ in rows])
        else:  # perhaps it is there, and nobody can know: it is asked again, and said so
            self._give_up(record.batch_key, [state for _, state in rows], maybe_billed=True)

    def _submit_waves(self) -> None:
        """As many batches as the limit of enqueued tokens leaves room for."""
        records = list(self._run.ledger.read_batches(self._run.job_id))
        room = self._room(records)
        if room is not None and room <= 0:
            return
        for number, wave in enumerate(self._waves(self._fresh_steps(), room), start=len(records) + 1):
            batch_key = f"{self._run.job_id[:32]}-{number}"
            record = BatchRecord(batch_key, "intended", None, wave.input_tokens, self._model)
            limits = self._run.limits()
            held = [Reservation(step.name, self._worst_cost(step) if limits else 0) for step in wave.steps]
            short = self._run.ledger.intend_batch(
                self._run.job_id, token=self._run.token, batch=record, rows=held, budget=limits
            )
            for step in wave.steps:
                if step.name in short:
                    self._short_of_money(step, short[step.name])
            granted = [step for step in wave.steps if step.name not in short]
            if granted:
                self._submit(batch_key, granted)

    def _short_of_money(self, step: Step, scope: str) -> None:
        budget = self._run.budget
        assert budget is not None
        if budget.settings.on_budget == "stop" or scope.startswith("run:"):
            problem = budget.exhausted(scope).as_dict()
            self._run.finish(step.row, self._run.builder.failed(step.row, "budget", problem))

    def _submit(self, batch_key: str, steps: Sequence[Step]) -> None:
        requests = [(custom_id(step.row, self._run), step.maker.batch_request(step.request)) for step in steps]
        provider_id = self._batches.submit(requests, submission_key=batch_key)
        self._run.sent_count += len(steps)
        self._note(batch_key, provider_id)

    def _note(self, batch_key: str, provider_id: str) -> None:
        run = self._run
        run.ledger.note_submission(run.job_id, token=run.token, batch_key=batch_key, provider_id=provider_id)

    def _fresh_steps(self) -> Iterator[Step]:
        """Steps of rows that nothing was sent for. Rows with withdrawn evidence are asked directly in the end."""
        run = self._run
        for state in run.ledger.read_rows(run.job_id):
            if state.state != "planned" or state.attempts_count:
                continue
            step = run.begin(run.builder.plan.rows[state.position], state)
            if step is not None and step.key == state.request_key and step.maker is run.builder.maker:
                yield step

    def _waves(self, steps: Iterator[Step], room: int | None) -> Iterator[_Wave]:
        """Steps in batches that each keep the limits; equal requests only once."""
        limits = self._batches.limits
        wave: list[Step] = []
        seen: set[str] = set()
        tokens = size = 0
        for step in steps:
            more = step.maker.bound(step.request).input_tokens
            if step.key in seen or (room is not None and more > room):
                continue
            length = _BYTES_AROUND_A_REQUEST + sum(len(one["content"].encode()) for one in step.request.messages)
            full = len(wave) >= limits.requests_per_batch or size + length > limits.bytes_per_batch
            if wave and full:
                yield _Wave(tuple(wave), tokens)
                room = None if room is None else room - tokens
                wave, tokens, size = [], 0, 0
            if room is not None and tokens + more > room:
                break
            wave.append(step)
            seen.add(step.key)
            tokens, size = tokens + more, size + length
        if wave:
            yield _Wave(tuple(wave), tokens)

    def _room(self, records: Sequence[BatchRecord]) -> int | None:
        """Input tokens that may still be enqueued; half of what was refused before, where no limit is known."""
        known = self._batches.limits.enqueued_tokens
        refused = [record.input_tokens // 2 for record in records if record.state == "rejected"]
        bounds = [bound for bound in (known, *refused) if bound is not None]
        return min(bounds) - self._run.ledger.enqueued_tokens(self._model) if bounds else None

    @property
    def _model(self) -> str:
        return self._run.builder.maker.identity.model

    @staticmethod
    def _worst_cost(step: Step) -> int:
        return step.maker.cost_micro_usd(step.maker.bound(step.request).as_usage(), is_batch=True) or 0

    # -- collecting --------------------------------------------------------------------------------------------
    def _poll(self, record: BatchRecord) -> None:
        assert record.provider_id is not None
        try:
            progress = self._batches.progress(record.provider_id)
        except TransientError as error:
            _logger.warning("The batch %s cannot be read now: %s", record.batch_key, error)
            return
        if progress.state == "rejected":
            self._rejected(record, progress)
        elif progress.state == "ended":
            self._collect_batch(record, progress)

    def _rejected(self, record: BatchRecord, progress: BatchProgress) -> None:
        _logger.warning("The batch %s was rejected: %s", record.batch_key, progress.problem)
        run = self._run
        names = {state.question_id: False for _, state in self._rows_of(record.batch_key)}
        run.ledger.return_rows(run.job_id, token=run.token, rows=names, was_sent=not progress.is_over_limit)
        state: BatchRecordState = "rejected" if progress.is_over_limit else "collected"
        run.ledger.close_batch(run.job_id, token=run.token, batch_key=record.batch_key, state=state)

    def _collect_batch(self, record: BatchRecord, progress: BatchProgress) -> None:
        assert record.provider_id is not None
        run = self._run
        rows = {custom_id(row, run): (row, state) for row, state in self._rows_of(record.batch_key)}
        found: dict[str, tuple[Step, StoredResponse, bytes]] = {}
        for item in self._batches.results(record.provider_id):
            if item.custom_id not in rows or item.body is None or item.custom_id in found:
                continue
            found[item.custom_id] = self._received(rows[item.custom_id][0], item)
            if len(found) >= _COLLECTED_TOGETHER:
                self._take_in(found, rows)
        self._take_in(found, rows)
        missing = [state for row, state in rows.values()]
        self._give_up(record.batch_key, missing, maybe_billed=progress.problem is None)

    def _received(self, row: PlannedRow, item: BatchItem) -> tuple[Step, StoredResponse, bytes]:
        assert item.body is not None
        step = self._planned_step(row)
        usage = step.maker.usage_of(item.body)
        cost = step.maker.cost_micro_usd(usage, is_batch=True)
        reference = self._run.artifacts.put(RESPONSES, item.body)
        return step, StoredResponse(reference, usage, cost, is_batch=True), item.body

    def _take_in(
        self,
        found: dict[str, tuple[Step, StoredResponse, bytes]],
        rows: dict[str, tuple[PlannedRow, JobRow]],
    ) -> None:
        """Record responses, then read them; what is to be mended waits for the direct requests of the end."""
        self._run.record(list(found.values()))
        for name in found:
            row, state = rows.pop(name)
            self._run.begin(row, state)
        found.clear()
        self._flush()

    def _give_up(self, batch_key: str, states: Sequence[JobRow], *, maybe_billed: bool) -> None:
        """The batch has nothing more to give: rows without an answer are free again."""
        run = self._run
        waiting = {state.question_id: maybe_billed for state in states if state.state in {"reserved", "sent"}}
        if waiting:
            run.ledger.return_rows(run.job_id, token=run.token, rows=waiting)
        run.ledger.close_batch(run.job_id, token=run.token, batch_key=batch_key, state="collected")

    def _planned_step(self, row: PlannedRow) -> Step:
        assert row.request is not None
        return Step(row, row.request, row.confidence, self._run.builder.maker, row.request_key, NO_BILL)

    def _flush(self) -> None:
        count = self._run.flush()
        if count:
            self._on_finished(count)


def custom_id(row: PlannedRow, run: JobRun) -> str:
    """The name of a row in a batch: its place in the plan, because providers allow few characters."""
    return f"row-{positions_of(run)[row.question.id]}"


def positions_of(run: JobRun) -> Mapping[str, int]:
    """Question id -> place in the plan, from 0."""
    if not run.positions:
        run.positions.update({row.question.id: place for place, row in enumerate(run.builder.plan.rows)})
    return run.positions
