"""The one way to Anthropic: its client with its retries off, and its errors as ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from wellread.errors import SettingsError, WellreadError
from wellread.models.chat.settings import ChatModelSettings
from wellread.models.credentials import header_values, redacted, required_key
from wellread.models.provider_errors import FailedRequest, retry_after_seconds, transport_error

if TYPE_CHECKING:
    from anthropic import Anthropic, APIStatusError

Result = TypeVar("Result")

_STATUS_BY_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
# A 400 has one type for everything that may be wrong with a request, so its message has to be read.
_UNPAID = re.compile(r"credit balance is too low|usage limits", re.IGNORECASE)
_TOO_LONG = re.compile(r"prompt is too long|exceed context limit|exceeds? the (available )?context", re.IGNORECASE)
_OPTION = re.compile(r"(temperature|max_tokens|model|output_config|tools|tool_choice|thinking)\b")
"""``temperature: range: 0..1``, ``output_config.format.schema: ...``; ``messages.0.content: ...`` is none."""


class AnthropicConnection:
    """A client, made at the first request and shared by threads."""

    def __init__(self, settings: ChatModelSettings, *, asked: str) -> None:
        self._settings = settings
        self._asked = asked

    def call(self, ask: Callable[[Anthropic], Result]) -> Result:
        """What ``ask`` gets from the client.

        Raises:
            WellreadError: As ``FailedRequest.as_error`` says; without package, key or a usable header,
                ``SettingsError``.
        """
        client = self._client
        with self.errors():
            return ask(client)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what the client raises in the block into our errors."""
        import anthropic
        import httpx2

        try:
            yield
        except anthropic.APIStatusError as error:
            raise self._failure(error) from None  # The provider's words may quote the key, and logs print causes.
        except (anthropic.APIError, httpx2.HTTPError, ValueError) as error:
            was_sent = not isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)
            raise transport_error(self._asked, error, is_unknown=was_sent) from error
        except anthropic.AnthropicError as error:
            raise SettingsError(
                self._asked, found=f"{type(error).__name__}: {error}"[:300], remedy="Check the model's settings."
            ) from error

    def close(self) -> None:
        """Close the connections, where any were opened; the next call opens new ones."""
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    def _failure(self, error: APIStatusError) -> WellreadError:
        return anthropic_error(
            asked=self._asked,
            status=error.status_code,
            kind=error.type or "",
            message=redacted(error.api_message or error.message, [self._key(), *self._headers().values()]),
            wait_seconds=retry_after_seconds(dict(error.response.headers)),
        )

    @cached_property
    def _client(self) -> Anthropic:
        try:
            from anthropic import Anthropic, DefaultHttpxClient
        except ImportError as error:
            raise SettingsError(
                self._asked,
                found="package anthropic is not installed",
                remedy="Install wellread-airflow[anthropic].",
            ) from error
        settings = self._settings
        # The client appends /v1/messages itself; addresses of gateways are often given with their /v1.
        base_url = str(settings.base_url).rstrip("/").removesuffix("/v1") if settings.base_url is not None else None
        return Anthropic(
            api_key=self._key(),
            base_url=base_url,
            default_headers=self._headers(),
            default_query=dict(settings.query),
            max_retries=0,  # One retry layer, ours: the SDK obeys any Retry-After, however long.
            timeout=settings.timeout_seconds,
            # A redirect to another host would take the headers that carry keys along.
            http_client=DefaultHttpxClient(follow_redirects=False),
        )

    def _key(self) -> str:
        return required_key(self._settings.api_key, variable="ANTHROPIC_API_KEY", asked=self._asked)

    def _headers(self) -> dict[str, str]:
        return header_values(self._settings.headers, asked=self._asked)


def anthropic_error(
    *, asked: str, kind: str, message: str, status: int | None = None, wait_seconds: float | None = None
) -> WellreadError:
    """The error of a refused request, or of one request of a batch, which has a type but no status."""
    option = _OPTION.match(message)
    code = "too_long" if _TOO_LONG.search(message) else kind
    return FailedRequest(
        asked=asked,
        status=status or _STATUS_BY_TYPE.get(kind, 500),
        message=message,
        code="billing_error" if status != 429 and _UNPAID.search(message) else code,
        param=option[1] if option is not None else "",
        stage="answer",
        retry_after_seconds=wait_seconds,
    ).as_error()
