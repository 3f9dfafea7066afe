"""Anthropic's message batches: a list of requests in, a stream of results out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from wellread.testing.providers.anthropic_wire import prepare_messages
from wellread.testing.providers.batch_runs import BatchRun, BatchRuns, Line, Outcome
from wellread.testing.providers.openai_batches import line_work, page
from wellread.testing.providers.problems import RefusedError, error_body
from wellread.testing.providers.provider import Answer, Exchange, Provider
from wellread.testing.providers.work import Scene

_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_DAY_SECONDS = 86_400


class AnthropicBatches:
    """The batch endpoints. A batch that OpenAI would let fail later is refused at once here."""

    def __init__(self, provider: Provider, runs: BatchRuns) -> None:
        self._provider = provider
        self._runs = runs

    def create(self, exchange: Exchange) -> Answer:
        """``POST /v1/messages/batches``."""
        options = self._provider.options
        requests = exchange.json().get("requests")
        if not isinstance(requests, list) or not 1 <= len(requests) <= options.batch_requests:
            raise RefusedError(f"requests: from 1 to {options.batch_requests} are needed")
        if len(exchange.request.body) > options.batch_bytes:
            raise RefusedError(f"the batch is larger than {options.batch_bytes} bytes", status=413)
        run = self._runs.create(self._lines(requests, exchange), {}, ())
        if run.problems:
            problem = run.problems[0]
            raise RefusedError(problem.message, status=429 if problem.code == "token_limit_exceeded" else 400)
        return Answer({**_view(run, exchange), "processing_status": "in_progress", **_unfinished(run)})

    def show(self, exchange: Exchange) -> Answer:
        """``GET /v1/messages/batches/ID``."""
        return Answer(_view(self._runs.get(exchange.names["id"]), exchange))

    def show_all(self, exchange: Exchange) -> Answer:
        """``GET /v1/messages/batches``: newest first, by pages."""
        accepted = [run for run in self._runs.list() if run.state != "rejected"]
        runs, has_more = page(accepted, parse_qs(exchange.request.query), after="after_id")
        ends = {"first_id": runs[0].id, "last_id": runs[-1].id} if runs else {"first_id": None, "last_id": None}
        return Answer({"data": [_view(run, exchange) for run in runs], "has_more": has_more, **ends})

    def results(self, exchange: Exchange) -> Answer:
        """``GET /v1/messages/batches/ID/results``."""
        run = self._runs.get(exchange.names["id"])
        if run.state == "running":
            raise RefusedError("results are there when the batch has ended", status=404)
        lines = (json.dumps(_result(one), separators=(",", ":")) + "\n" for one in run.outcomes)
        return Answer("".join(lines).encode(), content_type="application/x-jsonl")

    def cancel(self, exchange: Exchange) -> Answer:
        """``POST /v1/messages/batches/ID/cancel``."""
        was_running = self._runs.get(exchange.names["id"]).state == "running"
        run = self._runs.cancel(exchange.names["id"])
        view = _view(run, exchange)
        return Answer({**view, "processing_status": "canceling", **_unfinished(run)} if was_running else view)

    def _lines(self, requests: Sequence[Any], exchange: Exchange) -> Sequence[Line]:
        scene = Scene(self._provider.options, exchange.treatment.behaviour)
        lines: list[Line] = []
        seen: set[str] = set()
        for index, request in enumerate(requests):
            custom_id, params = _read(request, index)
            if custom_id in seen:
                raise RefusedError(f"requests.{index}.custom_id: {custom_id!r} was used before")
            seen.add(custom_id)
            mode = self._provider.plan.mode_of(json.dumps(params).encode())
            lines.append(Line(custom_id, line_work(prepare_messages, params, scene), mode))
        return lines


def _read(request: Any, index: int) -> tuple[str, Mapping[str, Any]]:
    custom_id = request.get("custom_id") if isinstance(request, dict) else None
    if not isinstance(custom_id, str) or not _CUSTOM_ID.match(custom_id):
        raise RefusedError(f"requests.{index}.custom_id: must match ^[a-zA-Z0-9_-]{{1,64}}$")
    params = request.get("params")
    if not isinstance(params, dict):
        raise RefusedError(f"requests.{index}.params: Field required")
    return custom_id, params


def _view(run: BatchRun, exchange: Exchange) -> dict[str, Any]:
    counts = run.counts
    host = exchange.request.headers.get("host", "127.0.0.1")
    is_ended = run.state != "running"
    return {
        "id": run.id,
        "type": "message_batch",
        "processing_status": "ended" if is_ended else "in_progress",
        "request_counts": {
            "processing": 0 if is_ended else len(run.lines),
            "succeeded": counts.get("succeeded", 0),
            "errored": counts.get("errored", 0),
            "canceled": counts.get("cancelled", 0),
            "expired": counts.get("expired", 0),
        },
        "created_at": _moment(run.created_at),
        "expires_at": _moment(run.created_at + _DAY_SECONDS),
        "ended_at": _moment(run.ended_at) if run.ended_at is not None else None,
        "cancel_initiated_at": _moment(run.ended_at) if run.state == "cancelled" and run.ended_at else None,
        "archived_at": None,
        "results_url": f"http://{host}/v1/messages/batches/{run.id}/results" if is_ended else None,
    }


def _unfinished(run: BatchRun) -> dict[str, Any]:
    """What a batch shows that has just come or is just being stopped."""
    counts = {"processing": len(run.lines), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    return {"ended_at": None, "results_url": None, "request_counts": counts}


def _result(outcome: Outcome) -> Mapping[str, Any]:
    result: dict[str, Any] = {"type": outcome.kind}
    if outcome.kind == "succeeded":
        result["message"] = outcome.body
    elif outcome.error is not None:
        result["error"] = error_body("anthropic", outcome.error)
    elif outcome.kind == "cancelled":
        result["type"] = "canceled"
    return {"custom_id": outcome.custom_id, "result": result}


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
