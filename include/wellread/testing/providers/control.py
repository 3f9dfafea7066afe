"""Paths below ``/control``: they are not metered, never harmed, and drive the server from another process."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from wellread.testing.providers.faults import Behaviour
from wellread.testing.providers.http_plumbing import HttpRequest, HttpResponse
from wellread.testing.providers.provider import Provider

PREFIX = "/control/"


def control(provider: Provider, request: HttpRequest) -> HttpResponse:
    """Answer a request below ``/control``."""
    asked = f"{request.method} {request.path.removeprefix(PREFIX)}"
    action = _ACTIONS.get(asked)
    if action is None:
        return _json({"error": {"message": f"nothing at {request.path}"}}, status=404)
    try:
        return _json(action(provider, request.body))
    except ValidationError as error:
        return _json({"error": {"message": str(error)}}, status=400)


def _meter(provider: Provider, _body: bytes) -> Any:
    provider.settle_batches()
    return provider.meter.meter().model_dump()


def _texts_count(provider: Provider, _body: bytes) -> Any:
    return provider.meter.texts_count()


def _requests(provider: Provider, _body: bytes) -> Any:
    return [one.model_dump() for one in provider.log.requests()]


def _admissions(provider: Provider, _body: bytes) -> Any:
    return [[one.at_seconds, one.key, one.tokens] for one in provider.limiter.admissions()]


def _behave(provider: Provider, body: bytes) -> Any:
    provider.plan.behave(Behaviour.model_validate_json(body))
    return {}


def _finish_batches(provider: Provider, _body: bytes) -> Any:
    provider.finish_batches()
    return {}


def _reset(provider: Provider, _body: bytes) -> Any:
    provider.reset()
    return {}


_ACTIONS: Mapping[str, Callable[[Provider, bytes], Any]] = {
    "GET meter": _meter,
    "GET texts_count": _texts_count,
    "GET requests": _requests,
    "GET admissions": _admissions,
    "POST behaviour": _behave,
    "POST finish_batches": _finish_batches,
    "POST reset": _reset,
}


def _json(value: Any, *, status: int = 200) -> HttpResponse:
    return HttpResponse(status, json.dumps(value).encode())
