"""Keys and headers on their way to a provider: found, checked, never shown.

A header that no HTTP library sends is refused here. Left to the libraries, a key with a line break at its end
(the usual trace of a file or a paste) fails as a broken connection whose message quotes the key.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from pydantic import SecretStr

from wellread.errors import SettingsError


def provider_key(given: SecretStr | None, *, asked: str, variable: str | None = None) -> str:
    """``given``, else the environment's ``variable``, without surrounding blanks; empty where there is neither.

    Raises:
        SettingsError: The key holds characters that no header may hold.
    """
    from_environment = os.environ.get(variable, "") if variable is not None else ""
    key = given.get_secret_value() if given is not None else from_environment
    return _header_value(key, name="the key", asked=asked)


def required_key(given: SecretStr | None, *, variable: str, asked: str) -> str:
    """As ``provider_key``, for providers that answer nobody without one.

    Raises:
        SettingsError: There is no key, or it holds characters that no header may hold.
    """
    key = provider_key(given, variable=variable, asked=asked)
    if not key:
        raise SettingsError(asked, found="no key", remedy=f"Set {variable}.")
    return key


def header_values(headers: Mapping[str, SecretStr], *, asked: str) -> dict[str, str]:
    """The headers in the clear, to hand to a client.

    Raises:
        SettingsError: One of them holds characters that no header may hold.
    """
    return {
        name: _header_value(value.get_secret_value(), name=f"the header {name}", asked=asked)
        for name, value in headers.items()
    }


def redacted(text: str, secrets: Iterable[str]) -> str:
    """``text`` without the secrets, which a server may have repeated in it."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***").replace(secret.removeprefix("Bearer "), "***")
    return text


def _header_value(value: str, *, name: str, asked: str) -> str:
    stripped = value.strip()
    if not stripped.isascii() or not stripped.isprintable():
        raise SettingsError(
            asked,
            found=f"{name} holds a character that no HTTP header may hold",
            remedy="Enter it again, in one line of plain ASCII.",
        )
    return stripped
