"""The server behind the sockets: every request is metered, perhaps harmed, and answered by its route."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from wellread.testing.providers.batch_runs import BatchRuns
from wellread.testing.providers.faults import Behaviour, Fault, FaultPlan, Treatment
from wellread.testing.providers.http_plumbing import HttpRequest, HttpResponse
from wellread.testing.providers.limits import RateLimiter, Verdict, limit_headers
from wellread.testing.providers.meter import MeterState
from wellread.testing.providers.options import ServerOptions
from wellread.testing.providers.problems import Protocol, RefusedError, error_body, fault_error
from wellread.testing.providers.request_log import RequestLog
from wellread.testing.providers.work import Prepare, Scene, prepared

_ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request with what its path says and what it is to suffer."""

    request: HttpRequest
    names: Mapping[str, str]
    """Named parts of the path."""
    treatment: Treatment

    def json(self) -> Mapping[str, Any]:
        """The body. Raises ``RefusedError`` where it is no JSON object."""
        try:
            body = json.loads(self.request.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise RefusedError("the body is not a JSON object")
        return body


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route gives back: JSON, or bytes with a type of their own."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers a path: ``prepare`` where an answer is computed and billed, else ``serve``."""

    protocol: Protocol
    prepare: Prepare | None = None
    serve: Callable[[Exchange], Answer] | None = None
    finish: Callable[[Exchange, Answer], Answer] | None = None
    """What is still done with a computed answer."""


FindRoute = Callable[[str, str], tuple[Route, Mapping[str, str]] | None]
"""From method and path."""


class Provider:
    """State and behaviour of one server. Safe to share between threads."""

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.meter = MeterState(options)
        self.plan = FaultPlan()
        self.limiter = RateLimiter(options.limits)
        self.log = RequestLog(options.kept_requests)
        self._find: FindRoute = lambda _method, _path: None
        self.openai_batches = BatchRuns("batch_", self.meter, self.plan, enqueued_tokens=options.enqueued_tokens)
        self.anthropic_batches = BatchRuns(
            "msgbatch_", self.meter, self.plan, enqueued_tokens=options.enqueued_tokens
        )

    def route_by(self, find: FindRoute) -> None:
        """Set the table of routes, which is made of functions that need this object."""
        self._find = lru_cache(maxsize=4096)(find)

    def settle_batches(self) -> None:
        """Compute, and so bill, the batches whose time has come."""
        self.openai_batches.settle()
        self.anthropic_batches.settle()

    def finish_batches(self) -> None:
        """Compute all batches that run, now."""
        self.openai_batches.finish()
        self.anthropic_batches.finish()

    def reset(self) -> None:
        """Count from zero, forget every request and batch, and behave well. Files are kept."""
        self.plan.behave(Behaviour())
        self.meter.reset()
        self.limiter.reset()
        self.log.clear()
        self.openai_batches.clear()
        self.anthropic_batches.clear()

    def respond(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        is_post = request.method == "POST"
        treatment = self.plan.treat(request.path, request.body, is_post=is_post)
        entry = self.log.add(request)
        if is_post:
            self.meter.begin()
        status = 0
        try:
            response = self._answer(request, treatment)
            status = 0 if response.cut != "never" else response.status
            return response
        finally:
            entry[1] = status
            if is_post:
                self.meter.end(status)

    def _answer(self, request: HttpRequest, treatment: Treatment) -> HttpResponse:
        found = self._find(request.method, request.path)
        protocol: Protocol = found[0].protocol if found is not None else "openai"
        fault = treatment.fault
        try:
            self._before_work(request, treatment, protocol)
            if fault is not None and fault.kind == "cut_before_work":
                return HttpResponse(0, b"", cut="before")
            route, names = found or (_nowhere(request), {})
            answer = self._served(route, Exchange(request, names, treatment))
        except RefusedError as error:
            return HttpResponse(error.status, _encoded(error_body(protocol, error)), error.headers)
        return _sent(answer, fault)

    def _before_work(self, request: HttpRequest, treatment: Treatment, protocol: Protocol) -> None:
        fault = treatment.fault
        delay = treatment.behaviour.latency_seconds + (fault.delay_seconds if fault is not None else 0.0)
        if delay:
            time.sleep(delay)
        if self.options.api_key is not None and credential_of(request.headers) != self.options.api_key:
            raise RefusedError("The key is not valid.", status=401, code="invalid_api_key")
        error = fault_error(protocol, fault) if fault is not None else None
        if error is not None:
            raise error

    def _served(self, route: Route, exchange: Exchange) -> Answer:
        if route.serve is not None:
            return route.serve(exchange)
        assert route.prepare is not None
        treatment = exchange.treatment
        scene = Scene(self.options, treatment.behaviour, exchange.names.get("model", ""))
        work = prepared(route.prepare, exchange.json(), scene)
        verdict = self.limiter.admit(credential_of(exchange.request.headers), work.asked_tokens)
        headers = limit_headers(verdict, is_anthropic=route.protocol == "anthropic")
        if verdict.wait_seconds:
            self.meter.refused()
            raise _over_limit(verdict, headers)
        result = work.run(treatment.mode, treatment.fault.kind if treatment.fault is not None else None)
        self.meter.bill(work.charge(result))
        answer = Answer(result.body, headers=headers)
        return answer if route.finish is None else route.finish(exchange, answer)


def _nowhere(request: HttpRequest) -> Route:
    def refuse(_exchange: Exchange) -> Answer:
        raise RefusedError(f"nothing at {request.method} {request.path}", status=404)

    return Route("openai", serve=refuse)


def credential_of(headers: Mapping[str, str]) -> str:
    """The key of a request, in whichever header its protocol puts it; empty without one."""
    authorization = headers.get("authorization", "").partition(" ")[2]
    return authorization or headers.get("x-api-key") or headers.get("api-key") or ""


def _over_limit(verdict: Verdict, headers: Mapping[str, str]) -> RefusedError:
    if math.isinf(verdict.wait_seconds):
        message, wait = "Request too large: it asks for more tokens than the limit allows.", {}
    else:
        message = f"Rate limit reached. Please try again in {verdict.wait_seconds:.3f}s."
        wait = {
            "Retry-After": str(math.ceil(verdict.wait_seconds)),
            "retry-after-ms": str(math.ceil(verdict.wait_seconds * 1000)),
        }
    return RefusedError(message, status=429, code="rate_limit_exceeded", headers={**headers, **wait})


def _sent(answer: Answer, fault: Fault | None) -> HttpResponse:
    body = answer.body if isinstance(answer.body, bytes) else _encoded(answer.body)
    kind = fault.kind if fault is not None else None
    if kind == "truncated_json":
        body = body[: len(body) // 2]
    cut = "middle" if kind == "cut_after_billing" else "never"
    return HttpResponse(answer.status, body, answer.headers, answer.content_type, cut=cut)  # type: ignore[arg-type]


def _encoded(value: Any) -> bytes:
    return _ENCODER.encode(value).encode()
