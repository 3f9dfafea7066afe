"""Provider batches: half the price, within a day, and no request submitted twice.

A batch is written down with its rows before it is submitted, and carries our name for it where the provider has a
place for names. After a crash between the two, the name is looked up: a batch that is there is taken over, one that
is not is submitted. Waves keep below the provider's limit of enqueued tokens. What a batch leaves without an answer
(expired, failed, damaged) is asked directly in the end.

Each call of :meth:`BatchSender.advance` does what can be done now and says how long to wait: a shell sleeps, an
Airflow task defers.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from wellread.answering.jobs.plans import PlannedRow
from wellread.answering.jobs.rows import NO_BILL
from wellread.answering.jobs.steps import RESPONSES, JobRun, Step
from wellread.errors import SystemicError, TransientError, WellreadError
from wellread.models.chat.protocol import BatchItem, BatchProgress, ChatBatches
from wellread.questions import BatchRecord, BatchRecordState, JobRow, Reservation, StoredResponse

_logger = logging.getLogger("wellread.answering")
_COLLECTED_TOGETHER = 64
_BYTES_AROUND_A_REQUEST = 2_000
"""Of a line in a batch file, beside messages and schema: ids and parameters."""
_RENEWAL_SECONDS = 5.0
OPEN_STATES = frozenset({"intended", "submitted"})
"""Of batches that something may still come of."""


@dataclass(frozen=True, slots=True)
class _Wave:
    steps: tuple[Step, ...]
    input_tokens: int


@dataclass(slots=True)
class _Queue:
    """What the provider lets wait at once, in input tokens."""

    bound: int | None
    """``None``: not known."""
    enqueued: int
    is_short: bool = False
    """Whether something found no room that will find some later."""

    def never_takes(self, tokens: int) -> bool:
        return self.bound is not None and tokens > self.bound

    def takes(self, tokens: int) -> bool:
        self.is_short = self.bound is not None and self.enqueued + tokens > self.bound
        if not self.is_short:
            self.enqueued += tokens
        return not self.is_short


class BatchSender:
    """Brings rows of one job through provider batches. Used by one thread."""

    def __init__(
        self,
        run: JobRun,
        *,
        poll_seconds: float,
        on_finished: Callable[[int], None] = lambda _count: None,
        submits: bool = True,
    ) -> None:
        """``submits=False``: only collect what was submitted before."""
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
        self._submits = submits

    def advance(self) -> float | None:
        """Submit, poll and collect what can be now. Seconds until the next call, ``None``: nothing is open."""
        with self._kept_alive():
            for record in self._open_batches():
                if record.state == "intended":
                    self._take_over(record)
                else:
                    self._poll(record)
            is_waiting = self._submits and self._submit_waves()
            self._flush()
        return self._poll_seconds if is_waiting or self._open_batches() else None

    @contextmanager
    def _kept_alive(self) -> Iterator[None]:
        """Uploads and downloads take minutes: without a lease another worker would submit the same again."""
        is_over = threading.Event()

        def renew() -> None:
            while not is_over.wait(_RENEWAL_SECONDS):
                try:
                    self._run.ledger.renew_job(self._run.job_id, token=self._run.token)
                except WellreadError as error:  # a lost lease is found again by the next write
                    _logger.warning("The lease was not renewed: %s", error)

        thread = threading.Thread(target=renew, name="wellread-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _open_batches(self) -> list[BatchRecord]:
        records = self._run.ledger.read_batches(self._run.job_id)
        return [record for record in records if record.state in OPEN_STATES]

    def _rows_of(self, batch_key: str) -> list[tuple[PlannedRow, JobRow]]:
        states = self._run.ledger.read_rows(self._run.job_id)
        rows = self._run.builder.plan.rows
        return [(rows[state.position], state) for state in states if state.batch_key == batch_key]

    # -- submitting --------------------------------------------------------------------------------------------
    def _take_over(self, record: BatchRecord) -> None:
        """A batch that was written down by somebody who died before its submission was."""
        found = self._batches.find(record.batch_key)
        if found is not None:
            self._note(record.batch_key, found)
            return
        steps = [self._planned_step(row) for row, _ in self._rows_of(record.batch_key)]
        withdrawn = self._run.withdrawn()
        is_sendable = not any(withdrawn.has(passage) for step in steps for passage in step.request.passages)
        if self._batches.can_find and self._submits and is_sendable:
            self._submit(record.batch_key, steps)
        else:  # where nobody can know whether it is there, it is asked again, and said so
            self._give_up(record.batch_key, {step.name: not self._batches.can_find for step in steps})

    def _submit_waves(self) -> bool:
        """As many batches as money and the queue leave room for; whether rows wait for room in the queue."""
        run = self._run
        bound = self._bound(run.ledger.read_batches(run.job_id))
        queue = _Queue(bound, 0 if bound is None else run.ledger.enqueued_tokens(self._model))
        states = run.ledger.read_rows(run.job_id)
        for wave in self._waves(states, queue):
            batch_key = f"{run.job_id[:32]}-{len(run.ledger.read_batches(run.job_id)) + 1}"
            record = BatchRecord(batch_key, "intended", None, wave.input_tokens, self._model)
            limits = run.limits()
            held = [Reservation(step.name, self._worst_cost(step) if limits else 0) for step in wave.steps]
            short = run.ledger.intend_batch(run.job_id, token=run.token, batch=record, rows=held, budget=limits)
            granted = [step for step in wave.steps if step.name not in short]
            if granted:
                self._submit(batch_key, granted)
            if short:  # they go with a later batch, of the money that this one gives back, or directly
                break
        return queue.is_short

    def _submit(self, batch_key: str, steps: Sequence[Step]) -> None:
        requests = [(custom_id(step.row, self._run), step.maker.batch_request(step.request)) for step in steps]
        try:
            provider_id = self._batches.submit(requests, submission_key=batch_key)
        except TransientError:
            raise  # it may be there: whoever goes on with the job looks it up
        except WellreadError:
            self._give_up(batch_key, {step.name: False for step in steps}, was_sent=False)
            raise
        self._run.sent_count += len(steps)
        self._note(batch_key, provider_id)

    def _note(self, batch_key: str, provider_id: str) -> None:
        run = self._run
        run.ledger.note_submission(run.job_id, token=run.token, batch_key=batch_key, provider_id=provider_id)

    def _fresh_steps(self, states: Sequence[JobRow]) -> Iterator[Step]:
        """Steps of rows that nothing was sent for. Rows with withdrawn evidence are asked directly in the end.

        Equal requests are sent once: the others wait for that answer.
        """
        run = self._run
        seen = {state.request_key for state in states if state.state in {"reserved", "sent"}}
        for state in states:
            if state.state != "planned" or state.attempts_count or state.request_key in seen:
                continue
            step = run.begin(run.builder.plan.rows[state.position], state)
            if step is not None and step.key == state.request_key and step.maker is run.builder.maker:
                seen.add(step.key)
                yield step

    def _waves(self, states: Sequence[JobRow], queue: _Queue) -> Iterator[_Wave]:
        """Steps in batches that each keep the limits."""
        limits = self._batches.limits
        wave: list[Step] = []
        tokens = size = 0
        for step in self._fresh_steps(states):
            more, length = step.maker.bound(step.request).input_tokens, line_bytes(step)
            if length is None or queue.never_takes(more):
                continue  # asked directly in the end
            if wave and (len(wave) >= limits.requests_per_batch or size + length > limits.bytes_per_batch):
                yield _Wave(tuple(wave), tokens)
                wave, tokens, size = [], 0, 0
            if not queue.takes(more):
                break
            wave.append(step)
            tokens, size = tokens + more, size + length
        if wave:
            yield _Wave(tuple(wave), tokens)

    def _bound(self, records: Sequence[BatchRecord]) -> int | None:
        """Input tokens that may be enqueued; half of what was refused before, where no limit is known."""
        known = self._batches.limits.enqueued_tokens
        refused = [record.input_tokens // 2 for record in records if record.state == "rejected"]
        return min((bound for bound in (known, *refused) if bound is not None), default=None)

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
            self._collect_batch(record)

    def _rejected(self, record: BatchRecord, progress: BatchProgress) -> None:
        _logger.warning("The batch %s was rejected: %s", record.batch_key, progress.problem)
        run = self._run
        names = {state.question_id: False for _, state in self._rows_of(record.batch_key)}
        run.ledger.return_rows(run.job_id, token=run.token, rows=names, was_sent=not progress.is_over_limit)
        state: BatchRecordState = "rejected" if progress.is_over_limit else "collected"
        run.ledger.close_batch(run.job_id, token=run.token, batch_key=record.batch_key, state=state)

    def _collect_batch(self, record: BatchRecord) -> None:
        run = self._run
        rows = {custom_id(row, run): (row, state) for row, state in self._rows_of(record.batch_key)}
        found: dict[str, tuple[Step, StoredResponse, bytes]] = {}
        failed: set[str] = set()
        broken: list[TransientError] = []
        for item in self._items(record, broken):
            if item.custom_id not in rows or item.custom_id in found:
                continue
            if item.body is None:
                failed.add(item.custom_id)
                continue
            found[item.custom_id] = self._received(rows[item.custom_id][0], item)
            if len(found) >= _COLLECTED_TOGETHER:
                self._take_in(found, rows)
        self._take_in(found, rows)
        if broken:
            _logger.warning("The results of the batch %s broke off: %s", record.batch_key, broken[0])
            return
        # A row that the results say nothing of may have been computed, and billed.
        missing = {state.question_id: name not in failed for name, (_, state) in rows.items()}
        self._give_up(record.batch_key, missing)

    def _items(self, record: BatchRecord, broken: list[TransientError]) -> Iterator[BatchItem]:
        """Results as far as they can be read now."""
        assert record.provider_id is not None
        try:
            yield from self._batches.results(record.provider_id)
        except TransientError as error:
            broken.append(error)

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

    def _give_up(self, batch_key: str, rows: Mapping[str, bool], *, was_sent: bool = True) -> None:
        """The batch has nothing more to give: rows without an answer, by id, are free; ``True``: perhaps billed."""
        run = self._run
        if rows:
            run.ledger.return_rows(run.job_id, token=run.token, rows=rows, was_sent=was_sent)
        run.ledger.close_batch(run.job_id, token=run.token, batch_key=batch_key, state="collected")

    def _planned_step(self, row: PlannedRow) -> Step:
        assert row.request is not None
        return Step(row, row.request, row.confidence, self._run.builder.maker, row.request_key, NO_BILL)

    def _flush(self) -> None:
        count = self._run.flush()
        if count:
            self._on_finished(count)


def line_bytes(step: Step) -> int | None:
    """At most so many bytes is the line of a request in a batch file; ``None``: its text is no Unicode."""
    request = step.maker.batch_request(step.request)
    texts = [message.content for message in request.messages]
    texts += [text for document in request.documents for text in (document.title, document.text)]
    schema = json.dumps(request.schema.schema) if request.schema is not None else ""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return None
    return _BYTES_AROUND_A_REQUEST + len(schema) + sum(len(json.dumps(text)) for text in texts)


def custom_id(row: PlannedRow, run: JobRun) -> str:
    """The name of a row in a batch: its place in the plan, because providers allow few characters."""
    return f"row-{positions_of(run)[row.question.id]}"


def positions_of(run: JobRun) -> Mapping[str, int]:
    """Question id -> place in the plan, from 0."""
    if not run.positions:
        run.positions.update({row.question.id: place for place, row in enumerate(run.builder.plan.rows)})
    return run.positions
