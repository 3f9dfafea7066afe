"""All settings of a deployment, from a file and from the environment."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import platformdirs
import yaml
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from wellread.answering.settings import AnsweringSettings
from wellread.chunking.settings import ChunkingSettings
from wellread.cleaning.settings import CleaningSettings
from wellread.coordination.settings import CoordinationSettings
from wellread.errors import SettingsError
from wellread.evaluation.settings import EvaluationSettings
from wellread.indexing.settings import IndexingSettings
from wellread.ledger.settings import LedgerSettings
from wellread.models.chat.settings import ChatSettings, RerankSettings
from wellread.models.settings import ModelSettings
from wellread.parsing.settings import ParsingSettings
from wellread.quality.settings import QualitySettings
from wellread.retrieval.settings import RetrievalSettings
from wellread.server.settings import ServerSettings
from wellread.sources.settings import SourceSettings

PREFIX = "WELLREAD_"
_OWN_VARIABLES = {
    "WELLREAD_HOME",
    "WELLREAD_SETTINGS",
    "WELLREAD_WEAVIATE_BINARY",
    "WELLREAD_CORPORA",
    "WELLREAD_FAIL_ON_MISSING_SERVER",
}
"""Variables that are read elsewhere and are no settings."""


class Settings(BaseSettings):
    """One deployment. Every value can be set in ``wellread.yaml`` or as ``WELLREAD_<ROOM>__<FIELD>``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("wellread")),
        description="Ledger, artifacts, keys and the local server's data. Keeps worlds apart.",
    )
    collection: str = Field(
        default="Documents",
        pattern=r"^[A-Z][A-Za-z0-9_]{0,200}$",
        description="The logical collection; Weaviate wants a capital letter first.",
    )
    tenant: str = Field(default="default", min_length=1, description="Whose documents these are.")
    groups: tuple[str, ...] | None = Field(
        default=None, description="Access groups of this deployment's readers. None: trusted with everything."
    )
    readable_sources: tuple[str, ...] = Field(
        default=(), description="Only documents of these sources may be read here. Empty: of all."
    )
    readable_filter: dict[str, Any] | None = Field(
        default=None, description="Only documents that pass this filter may be read here; see `--filter`."
    )
    sources_folder: Path | None = Field(
        default=None, description="Where the YAML declarations of sources are. None: dags/sources below here."
    )
    artifacts_url: str | None = Field(
        default=None, description="A folder, or s3://bucket/prefix. None: a folder in the home."
    )
    s3_endpoint_url: str | None = Field(default=None, description="Any S3-compatible endpoint, for artifacts.")
    server: ServerSettings = ServerSettings()
    ledger: LedgerSettings = LedgerSettings()
    embedder: ModelSettings = ModelSettings()
    previous_embedder: ModelSettings | None = Field(
        default=None,
        description="While a collection is migrated to another `embedder`: the model that it comes from, as it was "
        "configured. Readers and runs need both until `wellread migrate --finish`.",
    )
    sources: SourceSettings = SourceSettings()
    parsing: ParsingSettings = ParsingSettings()
    cleaning: CleaningSettings = CleaningSettings()
    chunking: ChunkingSettings = ChunkingSettings()
    quality: QualitySettings = QualitySettings()
    indexing: IndexingSettings = IndexingSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    answering: AnsweringSettings = AnsweringSettings()
    chat: ChatSettings = ChatSettings()
    rerank: RerankSettings = RerankSettings()
    coordination: CoordinationSettings = CoordinationSettings()
    evaluation: EvaluationSettings = EvaluationSettings()

    @model_validator(mode="after")
    def _a_lease_outlasts_a_call(self) -> Self:
        # A call that outlives its writer's lease could arrive after the next writer's.
        longest = self.indexing.longest_call_seconds
        if self.ledger.lease_seconds <= longest:
            raise ValueError(
                f"ledger.lease_seconds ({self.ledger.lease_seconds:g}) must be longer than "
                f"indexing.longest_call_seconds ({longest:g})"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose values come as arguments."""
        del settings_cls
        return env_settings, init_settings

    def ledger_url(self) -> str:
        """The SQLAlchemy URL of the ledger."""
        url = self.ledger.url
        if isinstance(url, SecretStr):
            return url.get_secret_value()
        return f"sqlite:///{self.home / 'ledger.db'}"


class _Overridden(Settings):
    """Settings whose values were all gathered: the environment must not win over an option of the command line."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The arguments alone."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


def load_settings(
    overrides: Mapping[str, Any] | None = None, *, environment: Mapping[str, str] | None = None
) -> Settings:
    """Settings from the file, then the environment, then ``overrides`` (of whole fields, such as ``collection``).

    The file is ``WELLREAD_SETTINGS``, else ``wellread.yaml`` in the home. Raises ``SettingsError`` that names
    the setting and what it may be.
    """
    environment = os.environ if environment is None else environment
    _refuse_unknown_variables(environment)
    path, values = _read_file(environment)
    try:
        settings = Settings(**values)
        if overrides:
            settings = _Overridden(**{**settings.model_dump(), **overrides})
    except ValidationError as error:
        raise _settings_error(error, path) from error
    return settings


def _read_file(environment: Mapping[str, str]) -> tuple[Path | None, dict[str, Any]]:
    named = environment.get("WELLREAD_SETTINGS")
    home = environment.get("WELLREAD_HOME") or platformdirs.user_data_dir("wellread")
    path = Path(named) if named else Path(home) / "wellread.yaml"
    if not path.is_file():
        if named:
            raise SettingsError(
                f"read the settings file {path}",
                found="there is no such file",
                remedy="Correct WELLREAD_SETTINGS, or unset it.",
            )
        return None, {}
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"read the settings file {path}",
            found=f"it is not YAML: {error}",
            remedy="Mend the line that it names.",
        ) from error
    if not isinstance(values, dict):
        raise SettingsError(
            f"read the settings file {path}",
            found=f"its top level is a {type(values).__name__}",
            remedy="Write `setting: value` lines.",
        )
    return path, values


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | _OWN_VARIABLES
    for name in environment:
        if not name.startswith(PREFIX):
            continue
        room = name.split("__", 1)[0]
        if room not in known:
            close = difflib.get_close_matches(room, sorted(known), n=1)
            hint = (
                f"Did you mean {name.replace(room, close[0])}?" if close else f"Known: {', '.join(sorted(known))}."
            )
            raise SettingsError(
                f"read the setting {name} from the environment", found="there is no such setting", remedy=hint
            )


def _settings_error(error: ValidationError, path: Path | None) -> SettingsError:
    faults = []
    for fault in error.errors(include_url=False):
        place = ".".join(str(part) for part in fault["loc"])
        given = fault.get("input")
        shown = "" if isinstance(given, (dict, SecretStr)) else f" (given: {given!r})"
        faults.append(f"{place}: {fault['msg']}{shown}{_hint(fault['type'], fault['loc'])}")
    where = f"the settings file {path} and the environment" if path else "the environment"
    return SettingsError(
        f"read the settings from {where}",
        found="; ".join(faults),
        remedy="Correct these settings; names in the environment are WELLREAD_<ROOM>__<FIELD>.",
    )


def _hint(kind: str, place: tuple[int | str, ...]) -> str:
    """The closest known field, where the fault is an unknown one."""
    if kind != "extra_forbidden":
        return ""
    model: Any = Settings
    for part in place[:-1]:
        field = model.model_fields.get(str(part))
        model = None if field is None else field.annotation
        if not hasattr(model, "model_fields"):
            return ""
    close = difflib.get_close_matches(str(place[-1]), list(model.model_fields), n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(model.model_fields)}"
