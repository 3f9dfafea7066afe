"""Every error that Wellread raises on purpose.

The tree::

    WellreadError
    ├── TransientError            a retry can help; may name the time to wait
    │   ├── RateLimitedError      a provider asked us to slow down
    │   ├── WriteUnknownError     a write was cut off: it may or may not have happened
    │   ├── ResponseUnknownError  a paid request was cut off: it may or may not be billed
    │   ├── BudgetDeferredError   nothing is left to spend today; there will be again
    │   ├── LeaseHeldError        another run is working on this source
    │   └── StaleIndexError       the index is not yet as fresh as was asked for
    ├── DocumentError             one document's fault: quarantine it, go on with the others
    │   └── UnsupportedTypeError  not broken, only of a type that nobody asked for
    ├── PolicyError               a rule stopped the work and a person may release it
    │   ├── QualityError          the run's documents look wrong as a whole
    │   ├── RegressionError       an evaluation is worse than the published one
    │   └── BudgetExhaustedError  what may be spent is spent
    └── SystemicError             every document would fail: stop at once
        ├── SettingsError         a setting is unknown, missing or contradicts another
        ├── SourceUnavailableError   the folder or bucket cannot be listed
        ├── AuthenticationError   a key was refused
        ├── QuotaExhaustedError   paid up, a retry will not help
        ├── ModelMismatchError    the collection was built with another embedding model
        ├── SchemaMismatchError   a collection or ledger has another shape than this version
        ├── EpochMismatchError    ledger and store do not belong together
        ├── ServerUnavailableError   no Weaviate could be found, started or reached
        ├── StorageFullError      the disk (or bucket) is full
        ├── RevisionClosedError   this revision is published or abandoned: it is never written again
        ├── AuditError            the store does not hold what was written to it
        └── QuestionsFileError    the questions cannot be read
"""

from __future__ import annotations

from typing import ClassVar, Literal

FailureClass = Literal["transient", "document", "policy", "systemic"]


class WellreadError(Exception):
    """The base: what was asked, what was found, and what to do about it.

    ``retryable`` says whether the same call can succeed later without anybody doing anything.
    """

    failure_class: ClassVar[FailureClass] = "systemic"
    retryable: ClassVar[bool] = False

    def __init__(self, asked: str, *, found: str, remedy: str) -> None:
        self.asked = asked
        self.found = found
        self.remedy = remedy
        super().__init__(asked, found, remedy)

    def __str__(self) -> str:
        return f"{self.asked}: {self.found}. {self.remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process borders (the parsing pool, Airflow): keyword arguments must survive pickling.
        return (_rebuild, (type(self), self.asked, self.found, self.remedy, self.__dict__.copy()))

    def as_dict(self) -> dict[str, object]:
        """The error for ``--json`` output and ledgers."""
        return {
            "error": type(self).__name__,
            "asked": self.asked,
            "found": self.found,
            "remedy": self.remedy,
            "class": self.failure_class,
            "retryable": self.retryable,
        }


def _rebuild(
    kind: type[WellreadError], asked: str, found: str, remedy: str, state: dict[str, object]
) -> WellreadError:
    error = kind.__new__(kind)
    WellreadError.__init__(error, asked, found=found, remedy=remedy)
    error.__dict__.update(state)
    return error


class TransientError(WellreadError):
    """A retry can help. ``retry_after_seconds`` is the server's own wish, where it gave one."""

    failure_class = "transient"
    retryable = True

    def __init__(self, asked: str, *, found: str, remedy: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(asked, found=found, remedy=remedy)
        self.retry_after_seconds = retry_after_seconds

    def as_dict(self) -> dict[str, object]:
        """With the time to wait, where one is known."""
        return {**super().as_dict(), "retry_after_seconds": self.retry_after_seconds}


class RateLimitedError(TransientError):
    """A provider refused because of its request or token rate."""


class WriteUnknownError(TransientError):
    """A write was cut off. Its ids must be deleted before they are written again."""


class ResponseUnknownError(TransientError):
    """A request to a model was cut off after it was sent: it may have been computed, and billed."""


class BudgetDeferredError(TransientError):
    """The budget of the day is spent; ``retry_after_seconds`` says when the next one begins."""


class LeaseHeldError(TransientError):
    """Another run holds the lease of this source."""


class StaleIndexError(TransientError):
    """The index has not reached the time or revision that was asked for; an ingest may bring it there."""


class DocumentError(WellreadError):
    """One document cannot be processed: it goes to quarantine with ``stage`` and ``cause``.

    ``cause`` is a short stable code (``encrypted``, ``empty``, ``truncated``, ``timeout``, ...).
    """

    failure_class = "document"

    def __init__(self, asked: str, *, found: str, remedy: str, stage: str, cause: str) -> None:
        super().__init__(asked, found=found, remedy=remedy)
        self.stage = stage
        self.cause = cause


class UnsupportedTypeError(DocumentError):
    """The document is of a type that Wellread does not read."""


class PolicyError(WellreadError):
    """A rule of the deployment stopped the work."""

    failure_class = "policy"


class QualityError(PolicyError):
    """A quality rule blocked the run before anything was paid."""


class RegressionError(PolicyError):
    """An evaluation is worse than the published one, or cannot be told to be no worse."""


class BudgetExhaustedError(PolicyError):
    """What may be spent is spent."""


class SystemicError(WellreadError):
    """Nothing can succeed until a person acts."""


class SettingsError(SystemicError):
    """A setting is unknown, missing, malformed or contradicts another."""


class SourceUnavailableError(SystemicError):
    """A source's folder or bucket is missing or cannot be listed."""


class AuthenticationError(SystemicError):
    """Credentials were refused."""


class QuotaExhaustedError(SystemicError):
    """The account has no quota left; waiting does not bring it back."""


class ModelMismatchError(SystemicError):
    """The collection was embedded with another model."""


class SchemaMismatchError(SystemicError):
    """A collection or a ledger has another shape than this version of Wellread knows."""


class EpochMismatchError(SystemicError):
    """The ledger and the store do not belong together: one of them was restored or replaced."""


class ServerUnavailableError(SystemicError):
    """No Weaviate server could be found, started or reached."""


class StorageFullError(SystemicError):
    """The disk or the bucket is full."""


class RevisionClosedError(SystemicError):
    """The revision was published or abandoned; it is never written again."""


class AuditError(SystemicError):
    """The store still does not hold what was written, after repair."""


class QuestionsFileError(SystemicError):
    """The file of questions cannot be read as questions."""
