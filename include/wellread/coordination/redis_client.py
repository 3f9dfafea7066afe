"""The client of a Redis, and its errors as ours. Keys and passwords never reach a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wellread.errors import AuthenticationError, SettingsError, SystemicError, TransientError

if TYPE_CHECKING:
    from redis import Redis

TIMEOUT_SECONDS = 5.0
_REMEDY = "Try again; check that Redis runs and that `redis_url` names it."


def open_redis(url: str) -> Redis:
    """A client without retries of its own (ours is the only retry layer); it connects at the first command.

    Raises ``SettingsError`` for a URL that is none.
    """
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        client = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            health_check_interval=30,  # an idle connection that a firewall cut is noticed before it is used
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:  # its text may quote the URL, and with it the password
        raise SettingsError(
            "reach Redis",
            found="a `redis_url` that is no URL of a Redis",
            remedy="Write redis://, rediss:// or unix://, for example redis://:PASSWORD@redis.internal:6379/0.",
        ) from None
    return client


def address_of(url: str) -> str:
    """Host and port, or the socket's path, without credentials."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.path


@contextmanager
def translated_errors(asked: str) -> Iterator[None]:
    """Redis' errors as ours, with whether a retry can help."""
    from redis import exceptions

    try:
        yield
    except exceptions.AuthenticationError as error:
        raise AuthenticationError(
            asked, found=_words(error), remedy="Check the user and the password in `redis_url`."
        ) from error
    except (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.ReadOnlyError) as error:
        # Read-only: the server has just become a replica; the name will soon lead to the new primary.
        raise TransientError(asked, found=_words(error), remedy=_REMEDY) from error
    except exceptions.RedisError as error:
        raise SystemicError(
            asked, found=_words(error), remedy="Check the memory, the rights and the version (6 or later) of Redis."
        ) from error


def _words(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
