"""The official OpenAI client, made once for each model, and what its errors mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from wellread.errors import ResponseUnknownError, SettingsError, TransientError, WellreadError
from wellread.models.chat.presets import Endpoint, base_url_of, resolve_endpoint
from wellread.models.chat.settings import ChatModelSettings
from wellread.models.provider_errors import FailedRequest, retry_after_seconds

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

Result = TypeVar("Result")

_LONGEST_MESSAGE_CHARS = 300
# What servers without a code of their own say where a prompt does not fit (vLLM, TGI, Together, Bedrock).
_TOO_LONG = re.compile(
    r"maximum context length|context (?:size|window|length)|too many (?:input )?tokens|"
    r"(?:input|prompt) is too long|`inputs` tokens \+",
    re.IGNORECASE,
)
# Codes that blame an option even where no parameter is named.
_OPTION_CODES = frozenset(
    {"unsupported_parameter", "unsupported_value", "unknown_parameter", "invalid_json_schema", "invalid_value"}
)
# Statuses for errors that come inside a body of status 200: in batch lines and in failed responses.
_STATUS_OF_CODE = {"rate_limit_exceeded": 429, "insufficient_quota": 429, "server_error": 500, "timeout": 504}


class OpenAIConnection:
    """The client and its errors. Shared by the model and its batches, and by threads."""

    def __init__(self, settings: ChatModelSettings) -> None:
        self._settings = settings
        host = urlsplit(base_url_of(settings)).hostname
        self.asked = f"an answer from {settings.model} ({host})"

    @cached_property
    def endpoint(self) -> Endpoint:
        """Address, key and headers; raises ``SettingsError`` where one is missing."""
        return resolve_endpoint(self._settings)

    @cached_property
    def client(self) -> OpenAI:
        """The client; nothing is sent before it is used."""
        try:
            import openai
        except ImportError as error:
            raise SettingsError(
                self.asked, found="package openai is not installed", remedy="Install wellread-airflow[openai]."
            ) from error
        endpoint = self.endpoint
        headers: dict[str, Any] = {name: value.get_secret_value() for name, value in endpoint.headers.items()}
        if self._settings.preset not in {None, "helicone"}:
            # The SDK takes these from the environment; they are nobody's business but OpenAI's.
            headers = {"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit, **headers}
        if endpoint.key is not None and endpoint.key_header != "Authorization":
            headers[endpoint.key_header] = endpoint.key.get_secret_value()
        return openai.OpenAI(
            # A server of one's own asks for no key, but the SDK does.
            api_key=endpoint.key.get_secret_value() if endpoint.key is not None else "no-key",
            base_url=endpoint.base_url,
            max_retries=0,  # One retry layer, ours: the SDK would also retry an exhausted quota.
            timeout=self._settings.timeout_seconds,
            default_headers=headers,
            default_query=dict(endpoint.query),
            # A redirect to another host would take the headers that carry keys along.
            http_client=openai.DefaultHttpxClient(follow_redirects=False),
        )

    @property
    def extra_headers(self) -> dict[str, Any]:
        """For every request: takes the SDK's ``Authorization`` away where the key travels in another header."""
        import openai

        carried = {name.lower() for name in self.endpoint.headers}
        if self.endpoint.key_header == "Authorization" or "authorization" in carried:
            return {}
        return {"Authorization": openai.omit}

    def call(self, function: Callable[[], Result]) -> Result:
        """The result of one call of the SDK, its errors turned into ours.

        The SDK's error is not kept as the cause: its message may quote a part of the key, and logs print causes.
        """
        client = self.client
        import httpx2
        import openai

        try:
            return function()
        except openai.APIStatusError as error:
            raise self.status_error(error) from None
        except (openai.APIError, httpx2.HTTPError, ValueError) as error:
            # The SDK lets a damaged body through as a bare JSON error, and a cut one as the transport's.
            found = self.endpoint.redact(f"{type(error).__name__}: {error}")[:_LONGEST_MESSAGE_CHARS]
            was_sent = not isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)
            kind = ResponseUnknownError if was_sent else TransientError
            raise kind(self.asked, found=found, remedy="Check that the server runs.") from None
        except openai.OpenAIError as error:
            raise SettingsError(
                self.asked, found=type(error).__name__, remedy=f"Check the settings of {client.base_url.host}."
            ) from None

    def status_error(self, error: APIStatusError) -> WellreadError:
        """The error of a response of status 300 and above."""
        body = error.body if isinstance(error.body, dict) else {}
        return self.failure(error.status_code, body or {"message": error.message}, headers=error.response.headers)

    def failure(
        self, status: int | None, error: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
    ) -> WellreadError:
        """Ours for an ``error`` object of the protocol; ``status`` is ``None`` where only its code tells."""
        code = _text(error.get("code"))
        if not code or code.isdigit():
            code = _text(error.get("type"))  # llama.cpp and vLLM put the status into the code.
        message = self.endpoint.redact(_text(error.get("message")))
        param = _text(error.get("param"))
        if status is None:
            status = _STATUS_OF_CODE.get(code, 400)
        if status in {400, 422} and _TOO_LONG.search(message):
            code = "too_long"
        elif code in _OPTION_CODES and not param:
            param = "options"
        elif code in {"content_filter", "invalid_prompt"}:
            param = ""
        return FailedRequest(
            asked=self.asked,
            status=status,
            message=message,
            code=code,
            param=param,
            stage="answer",
            retry_after_seconds=retry_after_seconds(headers),
        ).as_error()

    def close(self) -> None:
        """Close the connections, where any were opened."""
        client = self.__dict__.pop("client", None)
        if client is not None:
            client.close()


def _text(value: object) -> str:
    return "" if value is None else str(value)
