"""How each provider says that something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from wellread.testing.providers.faults import Fault

Protocol = Literal["openai", "cohere", "anthropic", "replicate"]

_ANTHROPIC_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


class RefusedError(Exception):
    """The request gets no answer but this one. ``str()`` is the message."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.headers = headers or {}


def error_body(protocol: Protocol, error: RefusedError) -> dict[str, Any]:
    """The JSON of an error, as the protocol's own client expects it."""
    message = str(error)
    if protocol == "anthropic":
        kind = _ANTHROPIC_TYPES.get(error.status, "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_testing"}
    if protocol == "cohere":
        return {"id": "00000000-0000-0000-0000-000000000000", "message": message}
    if protocol == "replicate":
        return {"title": error.code or "Error", "detail": message, "status": error.status}
    kind = "server_error" if error.status >= 500 else error.code or "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": error.param, "code": error.code}}


def context_error(protocol: Protocol, *, tokens: int, limit: int) -> RefusedError:
    """The prompt is too long for the model, in the provider's words."""
    if protocol == "anthropic":
        return RefusedError(f"prompt is too long: {tokens} tokens > {limit} maximum")
    if protocol == "cohere":
        return RefusedError(
            f"too many tokens: total number of tokens in the prompt cannot exceed {limit} - received {tokens}."
        )
    return RefusedError(
        f"This model's maximum context length is {limit} tokens. However, your messages resulted in {tokens} "
        "tokens. Please reduce the length of the messages.",
        code="context_length_exceeded",
        param="messages",
    )


def fault_error(protocol: Protocol, fault: Fault) -> RefusedError | None:
    """The refusal that a fault means; None for faults that let the work be done."""
    headers: dict[str, str] = {}
    if fault.retry_after_seconds is not None:
        headers["Retry-After"] = f"{fault.retry_after_seconds:g}"
    if fault.retry_after_ms is not None:
        headers["retry-after-ms"] = str(fault.retry_after_ms)
    if fault.kind == "rate_limited":
        return RefusedError(
            "Rate limit reached, slow down.", status=429, code="rate_limit_exceeded", headers=headers
        )
    if fault.kind == "server_error":
        return RefusedError("The server had an error.", status=500, headers=headers)
    if fault.kind == "overloaded":
        status = 529 if protocol == "anthropic" else 503
        return RefusedError("Overloaded, try later.", status=status, headers=headers)
    if fault.kind == "unauthorized":
        return RefusedError("The key is not valid.", status=401, code="invalid_api_key")
    if fault.kind == "insufficient_quota":
        status = 429 if protocol == "openai" else 402
        return RefusedError("You exceeded your current quota.", status=status, code="insufficient_quota")
    return context_error(protocol, tokens=1_000_000, limit=128_000) if fault.kind == "context_too_long" else None
