"""What workers share: the rate of requests to one account, and responses that were paid for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rate:
    """What an account allows. ``None``: no limit is known, until headers tell one (see ``RateLimiter.learn``)."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    burst_seconds: float = 1.0
    """So many seconds' worth of the rate may be used at once after a pause."""


class RateLimiter(Protocol):
    """One bucket of requests and one of tokens a key, shared by all workers that reach the same backend.

    ``key`` names an account and a model, and holds no secret. By the backend's clock, never a worker's.
    """

    def reserve(self, key: str, rate: Rate, *, tokens: int) -> float:
        """Take one request and ``tokens`` tokens: 0.0 where granted, else the seconds after which to ask again.

        Nothing is taken unless 0.0 is returned. A request larger than the token bucket is granted when the bucket
        is full, and the debt is waited out by those that follow.
        """

    def settle(self, key: str, *, reserved_tokens: int, used_tokens: int) -> None:
        """Correct a granted reservation by what was used: give back the rest, or take the excess."""

    def pause(self, key: str, *, seconds: float) -> None:
        """A provider refused: nobody gets anything before so many seconds have passed. Pauses never shorten."""

    def learn(
        self,
        key: str,
        *,
        requests_limit: int | None = None,
        requests_remaining: int | None = None,
        requests_reset_seconds: float | None = None,
        tokens_limit: int | None = None,
        tokens_remaining: int | None = None,
        tokens_reset_seconds: float | None = None,
    ) -> None:
        """Take in what response headers say: a lower limit than the configured one, or less left than we believe.

        Never raises a limit above the configured one.
        """


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """A response that was paid for once."""

    body: bytes
    input_tokens: int = 0
    output_tokens: int = 0


class ResponseCache(Protocol):
    """Responses by request key and tenant, shared between deployments or outliving a ledger. Never pickled.

    A cache may lose anything at any time: it saves money, nothing depends on it. A backend that cannot be reached
    is a warning and an empty answer, not an error.
    """

    def find(self, tenant: str, request_keys: Sequence[str]) -> Mapping[str, CachedResponse]:
        """The known ones by request key."""

    def keep(self, tenant: str, responses: Mapping[str, CachedResponse]) -> None:
        """Remember them."""

    def forget(self, tenant: str, request_keys: Sequence[str]) -> None:
        """Forget them: they quote a document that must be gone. Raises ``TransientError`` where it cannot."""

    def close(self) -> None:
        """Release connections."""
