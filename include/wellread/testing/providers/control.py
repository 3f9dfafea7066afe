"""Paths below ``/control``: they are not metered, never harmed, and drive the server from another process."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from wellread.testing.providers.faults import Behaviour
from wellread.testing.providers.http_plumbing import HttpRequest, HttpResponse
from wellread.testing.providers.provider import Provider

PREFIX = "/control/"


def control(provider: Provider, request: HttpRequest) -> HttpResponse:
    """Answer a request below ``/control``."""
    asked = f"{request.method} {request.path.removeprefix(PREFIX)}"
    if asked == "GET meter":
        return _json(provider.meter.meter().model_dump())
    if asked == "GET requests":
        return _json([one.model_dump() for one in provider.log.requests()])
    if asked == "GET admissions":
        return _json([[one.at_seconds, one.key, one.tokens] for one in provider.limiter.admissions()])
    if asked == "POST behaviour":
        return _behave(provider, request.body)
    if asked == "POST reset":
        _reset(provider)
        return _json({})
    return _json({"error": {"message": f"nothing at {request.path}"}}, status=404)


def _behave(provider: Provider, body: bytes) -> HttpResponse:
    try:
        provider.plan.behave(Behaviour.model_validate_json(body))
    except ValidationError as error:
        return _json({"error": {"message": str(error)}}, status=400)
    return _json({})


def _reset(provider: Provider) -> None:
    provider.plan.behave(Behaviour())
    provider.meter.reset()
    provider.limiter.reset()
    provider.log.clear()


def _json(value: Any, *, status: int = 200) -> HttpResponse:
    return HttpResponse(status, json.dumps(value).encode())
