"""The boto3 client for sources and artifacts, and its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wellread.errors import (
    AuthenticationError,
    DocumentError,
    SettingsError,
    SourceUnavailableError,
    TransientError,
    WellreadError,
)
from wellread.sources.settings import SourceSettings

_REFUSED_KEYS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "AccountProblem",
    "AuthFailure",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "RequestTimeTooSkewed",
}
_REFUSED_ACCESS = {"AccessDenied", "AllAccessDisabled", "Forbidden", "403", "401", "Unauthorized"}
_NO_BUCKET = {"NoSuchBucket", "InvalidBucketName", "PermanentRedirect"}
_NO_OBJECT = {"NoSuchKey", "404", "NotFound", "NoSuchVersion"}
_TRANSIENT = {
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "InternalError",
}


def build_s3_client(
    *,
    endpoint_url: str | None = None,
    region_name: str | None = None,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
    session_token: str | None = None,
    settings: SourceSettings | None = None,
) -> Any:
    """A boto3 S3 client for AWS or any compatible endpoint; without keys, boto3's own order of credentials.

    boto's retries are off: there is one retry layer, ours. Checksums are sent only where S3 requires them,
    because many compatible products refuse the newer ones. Raises ``SettingsError`` for a malformed endpoint.
    """
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint_url,
            region_name=region_name or ("us-east-1" if endpoint_url else None),
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key,
            aws_session_token=session_token,
            config=_config(endpoint_url, settings or SourceSettings()),
        )
    except (BotoCoreError, ValueError) as error:
        raise SettingsError(
            f"an S3 client for {endpoint_url or 'AWS'}",
            found=str(error),
            remedy="Write the endpoint as https://host:port, and give both keys or none",
        ) from error


def _config(endpoint_url: str | None, settings: SourceSettings) -> Any:
    from botocore.config import Config

    return Config(
        retries={"total_max_attempts": 1},
        connect_timeout=settings.connect_timeout_seconds,
        read_timeout=settings.read_timeout_seconds,
        max_pool_connections=settings.s3_connections_count,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"} if endpoint_url else {},
    )


class ObjectGoneError(Exception):
    """Inside this room only: the object asked for is not there."""


@contextmanager
def typed_s3_errors(asked: str, *, natural_key: str | None = None) -> Iterator[None]:
    """Turn what boto3 raises into our errors. ``natural_key``: one object was asked for, not the bucket.

    Raises ``ObjectGoneError``, ``AuthenticationError``, ``SourceUnavailableError``, ``TransientError``,
    ``DocumentError`` (stage ``fetch``; ``unreadable``, ``archived``).
    """
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        raise _from_answer(error.response, asked, natural_key) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise _refused(asked, str(error)) from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise TransientError(
            asked,
            found=f"{type(error).__name__}: {error}",
            remedy="It is tried again; if it stays, check the endpoint and the network",
        ) from error


def _from_answer(response: dict[str, Any], asked: str, natural_key: str | None) -> Exception:
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    found = f"{code} ({status}): {response.get('Error', {}).get('Message', '')}"
    if code in _REFUSED_KEYS:
        return _refused(asked, found)
    if code in _NO_BUCKET:
        return SourceUnavailableError(asked, found=found, remedy="Check the bucket's name, region and endpoint")
    if code in _TRANSIENT or status in {408, 429} or status >= 500:
        return TransientError(asked, found=found, remedy="It is tried again later")
    return _from_refusal(code, asked, found, natural_key)


def _from_refusal(code: str, asked: str, found: str, natural_key: str | None) -> Exception:
    if natural_key is not None and code in _NO_OBJECT:
        return ObjectGoneError(natural_key)
    if code in _REFUSED_ACCESS:
        return _refused(asked, found) if natural_key is None else _this_object(asked, found, "unreadable")
    if natural_key is not None:
        return _this_object(asked, found, "archived" if code == "InvalidObjectState" else "unreadable")
    return SourceUnavailableError(asked, found=found, remedy="Check the bucket, the endpoint and the prefix")


def _refused(asked: str, found: str) -> WellreadError:
    return AuthenticationError(
        asked, found=found, remedy="Check the access key, its secret, and that it may list and read the bucket"
    )


def _this_object(asked: str, found: str, cause: str) -> WellreadError:
    return DocumentError(
        asked,
        found=found,
        remedy="Restore the object or give this key the right to read it, or exclude it",
        stage="fetch",
        cause=cause,
    )
