"""Text models behind Replicate's predictions: created, then looked at until they have ended."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NoReturn
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from wellread.errors import ResponseUnknownError, SettingsError, TransientError, WellreadError
from wellread.models.chat.configured_limits import configured_limits
from wellread.models.chat.protocol import (
    ChatBatches,
    ChatIdentity,
    ChatLimits,
    ChatReply,
    ChatRequest,
    ChatUsage,
    RawReply,
)
from wellread.models.chat.reply_bodies import (
    checked_body,
    count,
    malformed,
    mapping,
    refuse_bad_text,
    stored_body,
)
from wellread.models.chat.schema_prompt import messages_with_schema
from wellread.models.chat.settings import ChatModelSettings
from wellread.models.chat.token_counts import TokenCounter
from wellread.models.credentials import header_values, redacted, required_key
from wellread.models.provider_errors import FailedRequest, retry_after_seconds

_logger = logging.getLogger("wellread.models")
_URL = "https://api.replicate.com/v1"
_LONGEST_WAIT_SECONDS = 60
"""What ``Prefer: wait`` may ask for."""
_FIRST_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 0.25, 4.0
_RUNNING = frozenset({"starting", "processing"})
_VERSION = re.compile(r"[0-9a-f]{64}")
# A failed prediction has a sentence, no code; these say that the request is at fault and not the machine.
_REFUSED = re.compile(r"\bE005\b|sensitive|flagged|nsfw|content (?:policy|filter)", re.IGNORECASE)
_TOO_LONG = re.compile(r"context (?:length|window)|too long|exceeds? .*tokens|too many tokens", re.IGNORECASE)


class ReplicateChat:
    """Implements ``ChatModel`` for models with the inputs ``prompt`` and ``system_prompt``.

    A model is ``owner/name``, or 64 hex digits of a version. Structured output is asked for in the prompt alone.
    """

    def __init__(self, settings: ChatModelSettings) -> None:
        self._settings = settings
        self._url = str(settings.base_url or _URL).rstrip("/")
        self._asked = f"an answer from {settings.model} (Replicate)"
        self._counter = TokenCounter(tokenizer_file=settings.tokenizer_file)

    @property
    def identity(self) -> ChatIdentity:
        """What replies depend on."""
        return ChatIdentity(
            provider="replicate",
            protocol="replicate",
            model=self._settings.model,
            parameters={**self._options, "structure": "prompt"},
        )

    @property
    def limits(self) -> ChatLimits:
        """Bounds, as configured."""
        return configured_limits(self._settings)

    @property
    def batches(self) -> ChatBatches | None:
        """``None``: Replicate has none."""
        return None

    def count_tokens(self, text: str) -> int:
        """Exact with a ``tokenizer_file``, else a bound."""
        return self._counter.count_tokens(text)

    def count_request(self, request: ChatRequest) -> int:
        """Input tokens of a whole request, at most."""
        return self._counter.count_request(request)

    def learn(self, request: ChatRequest, usage: ChatUsage) -> None:
        """Take in what Replicate counted."""
        self._counter.learn(request, usage)

    def ask(self, request: ChatRequest) -> RawReply:
        """One prediction, looked at until it has ended; see ``ChatModel``.

        One that has not ended after ``timeout_seconds`` is cancelled and raises ``ResponseUnknownError``.
        """
        if request.documents:
            raise SettingsError(
                self._asked, found="documents beside the messages", remedy="Set grounding: messages, or use Cohere."
            )
        refuse_bad_text(request, asked=self._asked)
        ends_at = time.monotonic() + self._settings.timeout_seconds
        body = self._create(request)
        pause_seconds = _FIRST_LOOK_SECONDS
        while (prediction := checked_body(body, asked=self._asked)).get("status") in _RUNNING:
            # Not the address in the body: the key goes where the settings say.
            path = f"/predictions/{quote(str(prediction.get('id')), safe='')}"
            if time.monotonic() + pause_seconds > ends_at:
                self._give_up(path)
            time.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LONGEST_LOOK_SECONDS)
            body = self._look(path, otherwise=body)
        if prediction.get("status") != "succeeded":
            raise self._failed(prediction)
        return RawReply(body)

    def read(self, body: bytes) -> ChatReply:
        """The reply in a prediction; pure. Raises ``DocumentError`` cause ``malformed_response``.

        Replicate does not say why a text ended: one of as many tokens as were asked for counts as cut.
        """
        prediction = stored_body(body, asked=self._asked)
        output = prediction.get("output")
        text = "".join(str(part) for part in output) if isinstance(output, list) else output
        if prediction.get("status") != "succeeded" or not isinstance(text, str) or not text:
            raise malformed(self._asked, f"status {prediction.get('status')!r}, output {type(output).__name__}")
        metrics, given = mapping(prediction.get("metrics")), mapping(prediction.get("input"))
        usage = ChatUsage(count(metrics.get("input_token_count")), count(metrics.get("output_token_count")))
        most = count(given.get("max_tokens") or given.get("max_completion_tokens"))
        is_cut = 0 < most <= usage.output_tokens
        model = str(prediction.get("model") or self._settings.model)
        return ChatReply(text, "length" if is_cut else "stop", usage, model)

    def close(self) -> None:
        """Close the connections, where any were opened."""
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    def __repr__(self) -> str:
        return f"ReplicateChat({self._settings.model!r})"

    @property
    def _options(self) -> dict[str, Any]:
        settings = self._settings
        limit = "max_completion_tokens" if settings.model.startswith("openai/") else "max_tokens"
        given = {
            limit: settings.output_tokens,
            "temperature": settings.temperature,
            "seed": settings.seed,
            "reasoning_effort": settings.reasoning_effort,
        }
        return {name: value for name, value in given.items() if value is not None}

    def _create(self, request: ChatRequest) -> bytes:
        messages = messages_with_schema(request)
        turns = [message for message in messages if message.role != "system"]
        # One turn is the prompt as it is; of several, each says who speaks.
        prompt = turns[0].content if len(turns) == 1 else "\n\n".join(f"{t.role}: {t.content}" for t in turns)
        system = "\n\n".join(message.content for message in messages if message.role == "system")
        given = {"prompt": prompt, **({"system_prompt": system} if system else {}), **self._options}
        seconds = int(max(1, min(_LONGEST_WAIT_SECONDS, self._settings.timeout_seconds - 1)))
        model = self._settings.model
        wait = {"Prefer": f"wait={seconds}"}
        if _VERSION.fullmatch(model):
            return self._send("POST", "/predictions", json={"version": model, "input": given}, headers=wait)
        return self._send("POST", f"/models/{quote(model)}/predictions", json={"input": given}, headers=wait)

    def _look(self, path: str, *, otherwise: bytes) -> bytes:
        """The prediction now. It is being paid for, so a look that failed is followed by another one."""
        try:
            return self._send("GET", path)
        except TransientError as error:
            _logger.info("%s: a look at the prediction failed (%s)", self._asked, error)
            return otherwise

    def _give_up(self, path: str) -> NoReturn:
        gone = ResponseUnknownError(
            self._asked, found="a prediction that did not end in time", remedy="Raise timeout_seconds."
        )
        try:
            self._send("POST", f"{path}/cancel")
        except WellreadError as error:
            raise gone from error
        raise gone

    def _send(self, method: str, path: str, **options: Any) -> bytes:
        client = self._client
        try:
            response = client.request(method, self._url + path, **options)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise TransientError(
                self._asked, found=type(error).__name__, remedy="Check the address and the network."
            ) from error
        except httpx.HTTPError as error:
            raise ResponseUnknownError(self._asked, found=type(error).__name__, remedy="Ask again.") from error
        if response.is_success:
            return response.content
        raise self._refused(response)

    def _refused(self, response: httpx.Response) -> WellreadError:
        try:
            problem = mapping(response.json())
        except ValueError:
            problem = {}
        message = str(problem.get("detail") or problem.get("title") or "")
        return self._failure(response.status_code, message, headers=response.headers)

    def _failed(self, prediction: Mapping[str, object]) -> WellreadError:
        """Of a prediction that ended without a text: the request's fault where it says so, else worth a retry."""
        message = str(prediction.get("error") or prediction.get("status"))
        is_at_fault = _TOO_LONG.search(message) or _REFUSED.search(message)
        return self._failure(400 if is_at_fault else 500, f"a failed prediction: {message}")

    def _failure(self, status: int, message: str, *, headers: Mapping[str, str] | None = None) -> WellreadError:
        return FailedRequest(
            asked=self._asked,
            status=status,
            message=redacted(message, [self._key.get_secret_value()]),
            code="too_long" if status < 500 and _TOO_LONG.search(message) else "",
            stage="answer",
            retry_after_seconds=retry_after_seconds(headers),
        ).as_error()

    @cached_property
    def _key(self) -> SecretStr:
        key = required_key(self._settings.api_key, variable="REPLICATE_API_TOKEN", asked=self._asked)
        return SecretStr(key)

    @cached_property
    def _client(self) -> httpx.Client:
        given = header_values(self._settings.headers, asked=self._asked)
        return httpx.Client(
            headers={"Authorization": f"Bearer {self._key.get_secret_value()}", **given},
            params=dict(self._settings.query),
            timeout=self._settings.timeout_seconds,
        )
