"""The one way to Cohere: its client with its retries off, and its errors as ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from pydantic import HttpUrl, SecretStr

from wellread.errors import SettingsError, WellreadError
from wellread.models.credentials import header_values, redacted, required_key
from wellread.models.provider_errors import FailedRequest, retry_after_seconds, transport_error

if TYPE_CHECKING:
    import httpx
    from cohere import ClientV2
    from cohere.core.api_error import ApiError

Result = TypeVar("Result")

# Cohere sends a message and no code (docs.cohere.com/reference/errors), so the message has to be read.
_TOO_MUCH_ASKED = re.compile(r"max[ _]tokens must")
_TOO_LONG = re.compile(r"too many tokens", re.IGNORECASE)
_OPTION = re.compile(r"\b(max_tokens|temperature|seed|response_format|json_schema|model|thinking)\b")
_OUT_OF_CALLS = re.compile(r"/ ?month|per month|monthly", re.IGNORECASE)


class CohereConnection:
    """A client, made at the first request and shared by threads."""

    def __init__(
        self,
        *,
        asked: str,
        stage: str,
        api_key: SecretStr | None,
        base_url: HttpUrl | None,
        timeout_seconds: float,
        concurrency: int,
        headers: Mapping[str, SecretStr] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> None:
        self._asked = asked
        self._stage = stage
        self._api_key = api_key
        self._base_url = base_url
        self._timeout_seconds = timeout_seconds
        self._concurrency = concurrency
        self._headers = dict(headers or {})
        self._query = dict(query or {})

    def call(self, ask: Callable[[ClientV2], Result]) -> Result:
        """What ``ask`` gets from the client.

        Raises:
            WellreadError: As ``FailedRequest.as_error`` says; without package, key or a usable header,
                ``SettingsError``.
        """
        client = self._client
        import httpx
        from cohere.core.api_error import ApiError

        try:
            return ask(client)
        except ApiError as error:
            raise self._failure(error) from None  # The provider's words may quote the key, and logs print causes.
        except (httpx.HTTPError, ValueError, TypeError, AttributeError) as error:
            # Cohere's SDK lets transport errors through as they are, and stumbles over JSON of another shape.
            was_sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            is_unknown = was_sent and self._stage == "answer"
            raise transport_error(self._asked, error, is_unknown=is_unknown) from error

    def close(self) -> None:
        """Close the connections, where any were opened; the next call opens new ones."""
        self.__dict__.pop("_client", None)
        transport = self.__dict__.pop("_transport", None)
        if transport is not None:
            transport.close()

    def _failure(self, error: ApiError) -> WellreadError:
        body = error.body
        message = str(body.get("message", "") if isinstance(body, dict) else body or "")
        status = error.status_code or 500
        code, param = _understood(message, status=status)
        return FailedRequest(
            asked=self._asked,
            status=status,
            message=redacted(message, [self._key(), *header_values(self._headers, asked=self._asked).values()]),
            code=code,
            param=param,
            stage=self._stage,
            retry_after_seconds=retry_after_seconds(error.headers),
        ).as_error()

    def _key(self) -> str:
        return required_key(self._api_key, variable="CO_API_KEY", asked=self._asked)

    @cached_property
    def _client(self) -> ClientV2:
        try:
            from cohere import ClientV2
        except ImportError as error:
            raise SettingsError(
                self._asked, found="package cohere is not installed", remedy="Install wellread-airflow[cohere]."
            ) from error
        return ClientV2(
            api_key=self._key(),
            base_url=str(self._base_url).rstrip("/") if self._base_url is not None else None,
            max_retries=0,  # One retry layer, ours.
            timeout=self._timeout_seconds,
            httpx_client=self._transport,  # The SDK's own cannot be closed, nor given headers.
        )

    @cached_property
    def _transport(self) -> httpx.Client:
        import httpx

        return httpx.Client(
            headers=header_values(self._headers, asked=self._asked),
            params=self._query,
            timeout=self._timeout_seconds,
            limits=httpx.Limits(max_keepalive_connections=self._concurrency),
        )


def _understood(message: str, *, status: int) -> tuple[str, str]:
    """Code and blamed parameter, as other providers send them; empty where the message tells neither."""
    if status == 429 and _OUT_OF_CALLS.search(message):
        return "insufficient_quota", ""  # A trial key's month: no wait of ours outlasts it.
    if _TOO_MUCH_ASKED.search(message):
        return "", "max_tokens"
    if _TOO_LONG.search(message):
        return "too_long", ""
    option = _OPTION.search(message)
    return "", option[0] if option is not None else ""
