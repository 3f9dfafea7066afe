"""Build the parts of one deployment, each when it is first needed."""

from __future__ import annotations

import dataclasses
import glob
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from wellread.answering.extractive.calibration import Calibration, load_calibration, load_retrieval_calibration
from wellread.artifacts.folder import FolderArtifacts
from wellread.artifacts.protocol import ArtifactStore
from wellread.artifacts.s3_bucket import S3Artifacts
from wellread.errors import StorageFullError, SystemicError
from wellread.filter_json import from_json
from wellread.filters import Filter
from wellread.indexing.parts import Parts
from wellread.indexing.running import Runner
from wellread.ledger.database import Ledger
from wellread.ledger.question_jobs import QuestionJobs
from wellread.models.embedding.factory import build_embedder
from wellread.models.embedding.pricing import find_embedder_price
from wellread.models.protocol import Embedder
from wellread.models.reranking.factory import build_reranker
from wellread.models.reranking.protocol import Reranker
from wellread.parsing.pool import ParserPool
from wellread.parsing.pool import signature as parse_signature
from wellread.quality.document_statistics import mark_duplicates
from wellread.quality.run_assessment import assess_run, raise_if_blocked
from wellread.quality.validation_process import ValidationProcess
from wellread.retrieval.results import RetrievalFeatures
from wellread.retrieval.retriever import Retriever
from wellread.retrieval.words import content_terms
from wellread.runs import DocumentStatistics, SourceDeclaration
from wellread.server.control import ensure_server
from wellread.sources.opening import open_source
from wellread.sources.protocol import Source
from wellread.sources.s3_client import build_s3_client
from wellread.stores.protocol import Scope
from wellread.stores.settings import StoreSettings
from wellread.stores.weaviate_store import WeaviateStore
from wellread.telemetry.progress import NoProgress, Progress
from wellread.workspace.freshness import freshness_of
from wellread.workspace.language_models import LanguageModels
from wellread.workspace.ledger_terms import LedgerTerms
from wellread.workspace.settings import Settings, load_settings

S3ClientFor = Callable[[SourceDeclaration], Any]
"""A boto3 client with the credentials of a declaration's connection; Airflow hands one in."""


class Workspace:
    """One deployment: opens what is asked for, keeps it warm, closes it at the end.

    Safe to share between threads once opened; open one per process (never before a fork).
    """

    def __init__(
        self,
        settings: Settings,
        *,
        progress: Progress | None = None,
        report: Callable[[str], None] | None = None,
        s3_client_for: S3ClientFor | None = None,
    ) -> None:
        self.settings = settings
        self._progress = progress or NoProgress()
        self._report = report
        self._s3_client_for = s3_client_for
        self._to_close: list[Callable[[], None]] = []

    @classmethod
    def open(
        cls,
        overrides: Mapping[str, Any] | None = None,
        *,
        progress: Progress | None = None,
        report: Callable[[str], None] | None = None,
        s3_client_for: S3ClientFor | None = None,
    ) -> Workspace:
        """A workspace of the settings in file and environment. Nothing is started or connected yet."""
        return cls(load_settings(overrides), progress=progress, report=report, s3_client_for=s3_client_for)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close everything that was opened, newest first."""
        while self._to_close:
            self._to_close.pop()()

    def close_later(self, close: Callable[[], None]) -> None:
        """Close something with the workspace."""
        self._to_close.append(close)

    # -- parts ------------------------------------------------------------------------------------------------
    @cached_property
    def home(self) -> Path:
        """The home folder, made if needed and readable by its owner alone."""
        home = self.settings.home.expanduser()
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            kind = StorageFullError if error.errno == 28 else SystemicError
            raise kind(
                f"use the home folder {home}",
                found=f"{type(error).__name__}: {error.strerror}",
                remedy="Make room, or set WELLREAD_HOME to a folder that can be written.",
            ) from error
        return home.resolve()

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, its schema brought to this version."""
        _ = self.home
        ledger = Ledger.open(
            self.settings.ledger_url(), busy_timeout_seconds=self.settings.ledger.busy_timeout_seconds
        )
        self._to_close.append(ledger.close)
        return ledger

    @cached_property
    def artifacts(self) -> ArtifactStore:
        """The artifact store: a folder, or a bucket."""
        url = self.settings.artifacts_url
        if url is None:
            return FolderArtifacts(self.home / "artifacts")
        if not url.startswith("s3://"):
            return FolderArtifacts(Path(url))
        parts = urlsplit(url)
        client = build_s3_client(endpoint_url=self.settings.s3_endpoint_url, settings=self.settings.sources)
        return S3Artifacts(client, bucket=parts.netloc, prefix=parts.path)

    @cached_property
    def store(self) -> WeaviateStore:
        """Weaviate: the configured server, or the local one, started if needed."""
        address = ensure_server(self.settings.server, self.home, report=self._report)
        store = WeaviateStore.connect(
            StoreSettings(
                http_host=address.http_host,
                http_port=address.http_port,
                http_secure=address.http_secure,
                grpc_host=address.grpc_host,
                grpc_port=address.grpc_port,
                grpc_secure=address.grpc_secure,
                api_key=address.api_key,  # type: ignore[arg-type]  # pydantic makes the secret
                insert_seconds=self.settings.indexing.longest_call_seconds or 90.0,
            )
        )
        self._to_close.append(store.close)
        return store

    @cached_property
    def embedder(self) -> Embedder:
        """The configured embedding model."""
        embedder = build_embedder(self.settings.embedder)
        self._to_close.append(embedder.close)
        return embedder

    @cached_property
    def previous_embedder(self) -> Embedder | None:
        """The model that a collection is migrated from, where one is configured."""
        if self.settings.previous_embedder is None:
            return None
        embedder = build_embedder(self.settings.previous_embedder)
        self._to_close.append(embedder.close)
        return embedder

    @cached_property
    def parser(self) -> ParserPool:
        """The pool of guarded child processes; they start with the first document."""
        pool = ParserPool(self.settings.parsing)
        self._to_close.append(pool.close)
        return pool

    # -- operations -------------------------------------------------------------------------------------------
    @cached_property
    def parts(self) -> Parts:
        """What ingestion works with."""
        settings = self.settings
        return Parts(
            ledger=self.ledger,
            store=self.store,
            artifacts=self.artifacts,
            embedder=self.embedder,
            parser=self.parser,
            parse_signature=parse_signature(settings.parsing),
            quality_gate=self._assess,
            warm_quality_gate=self._warm_validation,
            terms_of=_terms_of,
            settings=settings.indexing,
            cleaning=settings.cleaning,
            chunking=settings.chunking,
            quality=settings.quality,
            retry=settings.embedder.retry,
            lease_seconds=settings.ledger.lease_seconds,
            progress=self._progress,
            reports=self.home / "reports",
            price=find_embedder_price(settings.embedder),
            previous_embedder=self.previous_embedder,
            previous_price=find_embedder_price(settings.previous_embedder) if settings.previous_embedder else None,
        )

    @cached_property
    def runner(self) -> Runner:
        """Ingestion, step by step or all at once."""
        return Runner(self.parts, self.open_source)

    def open_source(self, declaration: SourceDeclaration) -> Source:
        """The source of a declaration."""
        client = None
        if declaration.kind == "folder":
            declaration = self._without_home(declaration)
        if declaration.kind == "s3" and self._s3_client_for is not None:
            client = self._s3_client_for(declaration)
        return open_source(declaration, s3_client=client, settings=self.settings.sources)

    def _without_home(self, declaration: SourceDeclaration) -> SourceDeclaration:
        """Keys, the ledger and the index's own files are no documents, wherever the home lies."""
        location = Path(declaration.location).expanduser().resolve()
        if not self.home.is_relative_to(location):
            return declaration
        inside = self.home.relative_to(location).as_posix()
        pattern = "**/*" if inside == "." else f"{glob.escape(inside)}/**"
        return replace(declaration, exclude=(*declaration.exclude, pattern))

    @cached_property
    def _validation(self) -> ValidationProcess:
        """Great Expectations, started only where a run says so."""
        process = ValidationProcess()
        self._to_close.append(process.close)
        return process

    def _warm_validation(self) -> None:
        """Where this process has imported the library before, another one would only import it again."""
        if "great_expectations" not in sys.modules:
            with suppress(OSError):  # no process can be started: the library is imported here, later
                self._validation.start()

    def _assess(self, rows: Sequence[DocumentStatistics], *, report_folder: Path | None) -> str | None:
        verdict = assess_run(
            mark_duplicates(rows), self.settings.quality, report_folder=report_folder, validation=self._validation
        )
        raise_if_blocked(verdict)
        return verdict.report_uri

    @cached_property
    def retriever(self) -> Retriever:
        """Search under snapshots, warm: share it between questions."""
        return Retriever(
            self.store,
            self.embedder,
            self.settings.retrieval,
            term_statistics=LedgerTerms(self.ledger).statistics,
            reranker=self.reranker,
            rerank_retry=self.settings.rerank.retry,
            freshness=partial(freshness_of, self.ledger),
            previous_embedder=self.previous_embedder,
        )

    @cached_property
    def reranker(self) -> Reranker | None:
        """What reads the best passages again, where one is configured."""
        reranker = build_reranker(self.settings.rerank)
        if reranker is not None:
            self._to_close.append(reranker.close)
        return reranker

    @cached_property
    def retrieval_calibration(self) -> Calibration | None:
        """What a language model's questions are judged by before anything is paid; ``None``: any passage will do.

        The deployment's own, where it weighs nothing but what retrieval knows for nothing; else the package's, for
        the very embedder that it was fitted on.
        """
        path = self.settings.answering.calibration_path
        if path is not None:
            own = load_calibration(path)
            retrieved = {field.name for field in dataclasses.fields(RetrievalFeatures)}
            return own if set(own.weights) <= retrieved else None
        packaged, model = load_retrieval_calibration(), self.embedder.identity
        return packaged if (model.provider, model.model) == ("local", packaged.embedder) else None

    @cached_property
    def language_models(self) -> LanguageModels:
        """Who answers, where a language model does."""
        return LanguageModels(self)

    @cached_property
    def question_jobs(self) -> QuestionJobs:
        """The rows of question jobs."""
        return QuestionJobs(self.ledger, lease_seconds=self.settings.answering.lease_seconds)

    def scope(self, *, filter: Filter | None = None) -> Scope:  # noqa: A002 - the field's own word
        """Which objects this deployment's readers may see; ``filter`` can only narrow it."""
        settings = self.settings
        allowed = from_json(settings.readable_filter) if settings.readable_filter is not None else None
        scope = Scope(tenant=settings.tenant, groups=settings.groups, source_ids=settings.readable_sources)
        return scope.narrowed(allowed, filter)


def _terms_of(text: str, language: str) -> Iterable[str]:
    return content_terms(text, language=language)
