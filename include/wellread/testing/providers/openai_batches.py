"""OpenAI's batches: a file of requests in, a file of answers and a file of errors out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from wellread.testing.providers.batch_runs import BatchProblem, BatchRun, BatchRuns, Line, Outcome
from wellread.testing.providers.embeddings import prepare_openai_embeddings
from wellread.testing.providers.openai_files import Files
from wellread.testing.providers.openai_wire import prepare_chat, prepare_responses
from wellread.testing.providers.problems import RefusedError, error_body
from wellread.testing.providers.provider import Answer, Exchange, Provider
from wellread.testing.providers.work import Prepare, Scene, Work, prepared

_ENDPOINTS: Mapping[str, Prepare] = {
    "chat/completions": prepare_chat,
    "responses": prepare_responses,
    "embeddings": prepare_openai_embeddings,
}
_DAY_SECONDS = 86_400
_EMBEDDING_INPUTS_PER_BATCH = 50_000
_PROBLEMS_SHOWN = 10
_STATUS = {
    "running": "in_progress",
    "completed": "completed",
    "expired": "expired",
    "cancelled": "cancelled",
    "rejected": "failed",
}


class OpenAIBatches:
    """The batch endpoints."""

    def __init__(self, provider: Provider, runs: BatchRuns, files: Files) -> None:
        self._provider = provider
        self._runs = runs
        self._files = files

    def create(self, exchange: Exchange) -> Answer:
        """``POST /batches``."""
        body = exchange.json()
        prepare = _ENDPOINTS.get(_short(body.get("endpoint")))
        if prepare is None or body.get("completion_window") != "24h":
            raise RefusedError("endpoint must be one of /v1/chat/completions, ..., completion_window must be 24h")
        metadata = body.get("metadata") or {}
        if len(metadata) > 16 or any(len(str(value)) > 512 for value in metadata.values()):
            raise RefusedError("metadata: at most 16 pairs, values of at most 512 characters", param="metadata")
        content = self._files.get(str(body.get("input_file_id"))).content
        about = {name: body.get(name) for name in ("endpoint", "input_file_id", "metadata", "completion_window")}
        lines, problems = self._read(content, str(body["endpoint"]), prepare, exchange)
        run = self._runs.create(lines, about, problems)
        return Answer({**self._view(run), "status": "validating", "errors": None})

    def show(self, exchange: Exchange) -> Answer:
        """``GET /batches/ID``."""
        return Answer(self._view(self._runs.get(exchange.names["id"])))

    def show_all(self, exchange: Exchange) -> Answer:
        """``GET /batches``: newest first, by pages."""
        query = parse_qs(exchange.request.query)
        runs, has_more = page(self._runs.list(), query, after="after")
        ends = {"first_id": runs[0].id, "last_id": runs[-1].id} if runs else {"first_id": None, "last_id": None}
        data = [self._view(run) for run in runs]
        return Answer({"object": "list", "data": data, "has_more": has_more, **ends})

    def cancel(self, exchange: Exchange) -> Answer:
        """``POST /batches/ID/cancel``."""
        was_running = self._runs.get(exchange.names["id"]).state == "running"
        view = self._view(self._runs.cancel(exchange.names["id"]))
        return Answer({**view, "status": "cancelling"} if was_running else view)

    def _read(
        self, content: bytes, endpoint: str, prepare: Prepare, exchange: Exchange
    ) -> tuple[Sequence[Line], Sequence[BatchProblem]]:
        options = self._provider.options
        raw = content.splitlines()
        if len(raw) > options.batch_requests:
            return (), (
                BatchProblem("too_many_tasks", f"The batch has more than {options.batch_requests} requests."),
            )
        if len(content) > options.batch_bytes or not raw:
            return (), (BatchProblem("invalid_file", f"The file is empty or above {options.batch_bytes} bytes."),)
        scene = Scene(options, exchange.treatment.behaviour)
        lines: list[Line] = []
        problems: list[BatchProblem] = []
        seen: set[str] = set()
        for number, text in enumerate(raw, start=1):
            read = _read_line(text, number, endpoint, seen)
            if isinstance(read, BatchProblem):
                problems.append(read)
            else:
                work = line_work(prepare, read[1], scene)
                lines.append(Line(read[0], work, self._provider.plan.mode_of(text)))
        inputs = sum(len(line.work.texts) for line in lines if isinstance(line.work, Work))
        if inputs > _EMBEDDING_INPUTS_PER_BATCH:
            problems.append(BatchProblem("too_many_inputs", f"{inputs} embedding inputs, at most 50,000."))
        return lines, problems

    def _view(self, run: BatchRun) -> dict[str, Any]:
        outputs = self._outputs(run) if run.state not in {"running", "rejected"} else {}
        ended_at = int(run.ended_at) if run.ended_at is not None else None
        shown = [
            {"code": one.code, "message": one.message, "line": one.line, "param": None}
            for one in run.problems[:_PROBLEMS_SHOWN]
        ]
        return {
            "id": run.id,
            "object": "batch",
            **run.about,
            "status": _STATUS[run.state],
            "errors": {"object": "list", "data": shown} if shown else None,
            "output_file_id": outputs.get("output"),
            "error_file_id": outputs.get("error"),
            "created_at": int(run.created_at),
            "in_progress_at": int(run.created_at),
            "expires_at": int(run.created_at) + _DAY_SECONDS,
            f"{_STATUS[run.state]}_at": ended_at if ended_at is not None else int(run.created_at),
            "request_counts": {
                "total": 0 if run.problems else len(run.lines),
                "completed": run.counts.get("succeeded", 0),
                "failed": sum(run.counts.values()) - run.counts.get("succeeded", 0),
            },
        }

    def _outputs(self, run: BatchRun) -> Mapping[str, str]:
        """The ids of its files, which are made once."""
        if not run.views:
            for kind, wanted in (("output", True), ("error", False)):
                lines = [_output_line(run, one) for one in run.outcomes if (one.kind == "succeeded") is wanted]
                if lines:
                    run.views[kind] = self._files.add(f"{run.id}_{kind}.jsonl", "batch_output", _jsonl(lines)).id
        return run.views


def line_work(prepare: Prepare, body: Mapping[str, Any], scene: Scene) -> Work | RefusedError:
    """The work of a line, or why it is refused: alone, without the others."""
    try:
        return prepared(prepare, body, scene)
    except RefusedError as error:
        return error


def page(
    runs: Sequence[BatchRun], query: Mapping[str, list[str]], *, after: str
) -> tuple[Sequence[BatchRun], bool]:
    """The asked part of a list, and whether there is more."""
    limit = int(query.get("limit", ["20"])[0])
    last = query.get(after, [""])[0]
    start = next((index + 1 for index, run in enumerate(runs) if run.id == last), 0)
    return runs[start : start + limit], len(runs) > start + limit


def _short(endpoint: object) -> str:
    return str(endpoint).removeprefix("/").removeprefix("v1/")


def _read_line(
    text: bytes, number: int, endpoint: str, seen: set[str]
) -> tuple[str, Mapping[str, Any]] | BatchProblem:
    try:
        line = json.loads(text)
        custom_id, body = line["custom_id"], line["body"]
        url, method = line["url"], line["method"]
    except (ValueError, KeyError, TypeError):
        return BatchProblem("invalid_json_line", "This line is not parseable as a request in JSON.", number)
    if _short(url) != _short(endpoint) or method != "POST":
        return BatchProblem("invalid_url", f"The URL must be {endpoint}, and the method POST.", number)
    if custom_id in seen:
        return BatchProblem("duplicate_custom_id", f"The custom_id {custom_id!r} was used before.", number)
    seen.add(custom_id)
    return custom_id, body


def _output_line(run: BatchRun, outcome: Outcome) -> Mapping[str, Any]:
    head = {"id": f"batch_req_{outcome.custom_id}", "custom_id": outcome.custom_id}
    if outcome.kind == "succeeded":
        return {**head, "response": _response(run, 200, outcome.body), "error": None}
    if outcome.error is not None:
        body = error_body("openai", outcome.error)
        return {**head, "response": _response(run, outcome.error.status, body), "error": None}
    code = f"batch_{outcome.kind}"
    message = f"This request could not be executed before the batch was {outcome.kind}."
    return {**head, "response": None, "error": {"code": code, "message": message}}


def _response(run: BatchRun, status: int, body: Any) -> Mapping[str, Any]:
    return {"status_code": status, "request_id": f"req_{run.id}", "body": body}


def _jsonl(lines: Sequence[Mapping[str, Any]]) -> bytes:
    def encoded() -> Iterator[str]:
        for line in lines:
            yield json.dumps(line, separators=(",", ":"))
            yield "\n"

    return "".join(encoded()).encode()
