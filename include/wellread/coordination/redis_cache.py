"""Responses that were paid for, kept in Redis for a while."""

from __future__ import annotations

import hashlib
import json
import logging
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wellread.coordination.protocol import CachedResponse
from wellread.coordination.redis_client import address_of, open_redis, translated_errors
from wellread.errors import WellreadError

if TYPE_CHECKING:
    from redis.client import Pipeline

_KEYS_PER_COMMAND = 200
_FORMAT = 1
_AFTER_OUTAGE_SECONDS = 10.0
_logger = logging.getLogger("wellread.coordination")


class RedisCache:
    """A ``ResponseCache`` in Redis. A value is one line of JSON, then the compressed body; nothing is unpickled.

    After an outage it is left alone for ten seconds, so that a job does not wait for it in every row.
    """

    def __init__(self, url: str, *, ttl_seconds: int, prefix: str = "wellread:") -> None:
        self._client = open_redis(url)
        self._where = address_of(url)
        self._ttl_seconds = ttl_seconds
        self._prefix = f"{prefix}response:"
        self._is_warned = False
        self._silent_until = 0.0

    def find(self, tenant: str, request_keys: Sequence[str]) -> Mapping[str, CachedResponse]:
        """The known ones by request key; nothing where Redis cannot be reached."""
        if not request_keys or self._is_silent():
            return {}
        found: dict[str, CachedResponse] = {}
        try:
            with self._pipeline("read cached responses") as pipeline:
                for part in _parts(request_keys):
                    pipeline.mget([self._key(tenant, key) for key in part])
                values = [value for answer in pipeline.execute() for value in answer]
        except WellreadError as error:
            self._note_outage(error)
            return {}
        self._is_warned = False
        for key, value in zip(request_keys, values, strict=True):
            response = None if value is None else _decode(value)
            if response is not None:
                found[key] = response
        return found

    def keep(self, tenant: str, responses: Mapping[str, CachedResponse]) -> None:
        """Remember them for ``ttl_seconds``; nothing happens where Redis cannot be reached."""
        if not responses or self._is_silent():
            return
        try:
            with self._pipeline("cache responses") as pipeline:
                for key, response in responses.items():
                    pipeline.set(self._key(tenant, key), _encode(response), ex=self._ttl_seconds)
                pipeline.execute()
        except WellreadError as error:
            self._note_outage(error)
        else:
            self._is_warned = False

    def forget(self, tenant: str, request_keys: Sequence[str]) -> None:
        """Forget them. Raises ``TransientError`` where Redis cannot be reached."""
        with self._pipeline("forget cached responses") as pipeline:
            for part in _parts(request_keys):
                pipeline.unlink(*(self._key(tenant, key) for key in part))
            pipeline.execute()

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    @contextmanager
    def _pipeline(self, asked: str) -> Iterator[Pipeline]:
        translated = translated_errors(f"{asked} in Redis at {self._where}")
        with translated, self._client.pipeline(transaction=False) as pipeline:
            yield pipeline

    def _key(self, tenant: str, request_key: str) -> str:
        # A hash: no name of a tenant can reach into another's keys, whatever characters it has.
        return f"{self._prefix}{hashlib.sha256(tenant.encode()).hexdigest()[:32]}:{request_key}"

    def _is_silent(self) -> bool:
        return time.monotonic() < self._silent_until

    def _note_outage(self, error: WellreadError) -> None:
        self._silent_until = time.monotonic() + _AFTER_OUTAGE_SECONDS
        if not self._is_warned:
            _logger.warning("the cache is left out: %s", error)
        self._is_warned = True


def _parts(keys: Sequence[str]) -> list[Sequence[str]]:
    return [keys[start : start + _KEYS_PER_COMMAND] for start in range(0, len(keys), _KEYS_PER_COMMAND)]


def _encode(response: CachedResponse) -> bytes:
    header = {
        "format": _FORMAT,
        "input_tokens": response.input_tokens,
        "output_tokens": response.output_tokens,
    }
    return json.dumps(header).encode() + b"\n" + zlib.compress(response.body)


def _decode(value: bytes) -> CachedResponse | None:
    """``None`` for what this version did not write, or what is damaged: it is asked for again."""
    first, _, rest = value.partition(b"\n")
    try:
        header = json.loads(first)
        if header["format"] != _FORMAT:
            return None
        body = zlib.decompress(rest)
        return CachedResponse(body, int(header["input_tokens"]), int(header["output_tokens"]))
    except (ValueError, TypeError, KeyError, zlib.error) as error:
        _logger.warning("a cached response cannot be read and is left out: %s", error)
        return None
