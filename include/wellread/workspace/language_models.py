"""Settings to language models that answer: with prices, limits, fallbacks and the deployment's prompts."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from wellread.answering.checking.masking import Masker
from wellread.answering.language_model import LanguageModelAnswerer, PromptParts
from wellread.answering.prompting.examples import PromptExample, choose_examples
from wellread.answering.prompting.templates import ModelHints, load_prompt
from wellread.answering.protocol import AnswerRequest
from wellread.answering.settings import PromptSettings
from wellread.coordination.factory import build_rate_limiter, build_response_cache
from wellread.coordination.protocol import RateLimiter, ResponseCache
from wellread.ledger.rate_limits import LedgerRateLimiter
from wellread.models.chat.factory import build_chat_model
from wellread.models.chat.presets import base_url_of
from wellread.models.chat.settings import ChatModelSettings
from wellread.models.prices import find_price
from wellread.retrieval.query_vectors import embed_questions

if TYPE_CHECKING:
    from wellread.workspace.composition import Workspace

_KEY_FILE = "fence.key"
_SHARED_WORDS_RATIO = 0.34
"""Of the question's rarity mass in one passage: a third of what is rare in a question stands nowhere by chance."""
_BY_DOCUMENTS = "answer_from_documents"
"""The default prompt where passages travel beside the messages."""


@dataclass(frozen=True)
class LanguageModels:
    """The language models of one workspace, built when first asked and kept warm."""

    workspace: Workspace

    @property
    def is_configured(self) -> bool:
        """Whether a language model answers at all."""
        return self.workspace.settings.chat.provider is not None

    @cached_property
    def primary(self) -> LanguageModelAnswerer:
        """The model that answers. Raises ``SettingsError`` where it cannot be reached as configured."""
        return self._maker(self.workspace.settings.chat)

    @cached_property
    def fallbacks(self) -> tuple[LanguageModelAnswerer, ...]:
        """Who is asked where it cannot answer."""
        return tuple(self._maker(settings) for settings in self.workspace.settings.chat.fallbacks)

    @cached_property
    def degraded(self) -> LanguageModelAnswerer | None:
        """Who is asked where the budget is short."""
        settings = self.workspace.settings.chat.degraded
        return None if settings is None else self._maker(settings)

    @cached_property
    def limiter(self) -> RateLimiter:
        """Where the rates of all workers are held."""
        ledger = self.workspace.ledger
        is_shared = ledger.engine.dialect.name == "postgresql"
        settings = self.workspace.settings.coordination
        limiter = build_rate_limiter(settings, ledger_is_shared=is_shared)
        return limiter if limiter is not None else LedgerRateLimiter(ledger)

    @cached_property
    def cache(self) -> ResponseCache | None:
        """The cache that outlives the ledger, where there is one."""
        cache = build_response_cache(self.workspace.settings.coordination)
        if cache is not None:
            self.workspace.close_later(cache.close)
        return cache

    @property
    def price_source(self) -> str | None:
        """Where the price of the model that answers comes from."""
        price = find_price(self.workspace.settings.chat)
        return None if price is None else price.source

    def _maker(self, settings: ChatModelSettings) -> LanguageModelAnswerer:
        parts = self._parts(settings)
        settings = hinted(settings, parts.template.front_matter.model)
        model = build_chat_model(settings)
        self.workspace.close_later(model.close)
        return LanguageModelAnswerer(
            model,
            parts,
            price=find_price(settings),
            account=account_of(settings),
            burst_seconds=self.workspace.settings.coordination.burst_seconds,
            grounding=settings.grounding,
            confidence=self._confidence,
        )

    def _parts(self, model: ChatModelSettings) -> PromptParts:
        settings = self.workspace.settings.answering
        prompt = settings.prompt
        key = fence_key(self.workspace)
        template = load_prompt(prompt_name(prompt, model), folder=prompt.folder)
        return PromptParts(
            template=template,
            repair=load_prompt("repair", folder=prompt.folder),
            key=key,
            packing=prompt.packing,
            choose_examples=self._example_chooser(prompt, template.examples),
            leaks=settings.leaks,
            masker=Masker(prompt.masking, key) if prompt.masking.enabled else None,
        )

    def _example_chooser(
        self, prompt: PromptSettings, examples: Sequence[PromptExample]
    ) -> Callable[[str], tuple[PromptExample, ...]]:
        def choose(question: str) -> tuple[PromptExample, ...]:
            return choose_examples(
                examples,
                question,
                count=prompt.examples_count,
                how=prompt.examples_choice,
                embed=lambda texts: embed_questions(self.workspace.embedder, texts),
            )

        return choose

    def _confidence(self, request: AnswerRequest) -> float:
        """How likely the passages are to answer, by what retrieval knows for nothing; 1 without a calibration.

        Short questions about short notes are seldom near to them in meaning, but share their rare words: a question
        is hopeless only where neither meaning nor words are near.
        """
        calibration = self.workspace.retrieval_calibration
        if calibration is None:
            return 1.0
        likely = calibration.probability(request.features)
        coverage = request.features.get("best_coverage", 0.0)
        return max(likely, coverage) if coverage >= _SHARED_WORDS_RATIO else likely


def hinted(settings: ChatModelSettings, hints: ModelHints) -> ChatModelSettings:
    """The settings with what the prompt wants, where they are as they come."""
    fields = ChatModelSettings.model_fields
    wanted = {
        name: value
        for name, value in hints.model_dump(exclude_none=True).items()
        if getattr(settings, name) == fields[name].default
    }
    return settings.model_copy(update=wanted)


def prompt_name(prompt: PromptSettings, model: ChatModelSettings) -> str:
    """Which prompt a model is asked with: the default one depends on where the evidence stands."""
    is_default = prompt.name == PromptSettings().name
    return _BY_DOCUMENTS if is_default and model.grounding == "documents" else prompt.name


def account_of(settings: ChatModelSettings) -> str:
    """Whose rate is used up: provider, address and model; no key."""
    return f"{settings.provider} {base_url_of(settings) or 'default'} {settings.model}"


def fence_key(workspace: Workspace) -> bytes:
    """The secret that fences are made with: the setting, else a file in the home that only its owner reads.

    Workers on several machines set it, so that equal requests are equal whoever plans them.
    """
    configured = workspace.settings.answering.prompt.fence_key
    if configured is not None:
        return configured.get_secret_value().encode()
    path = workspace.home / _KEY_FILE
    if not path.exists():
        _write_once(path, secrets.token_hex(32))
    return path.read_text("ascii").strip().encode()


def _write_once(path: Path, text: str) -> None:
    """The first of several processes wins; the file appears whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
