"""What ``wellread doctor`` looks at where language models, a reranker and Redis are configured.

Every check says what it found, or raises ``WellreadError`` with what is wrong. None of them sends anything to a
model unless the caller says that it may be paid for.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from wellread.answering.jobs.spending import BudgetSettings
from wellread.answering.language_model import require_schema
from wellread.answering.prompting.schemas import schema_problem
from wellread.answering.prompting.templates import load_prompt
from wellread.answering.replies import json_in, malformed
from wellread.coordination.factory import build_rate_limiter, build_response_cache, rate_limits_backend
from wellread.coordination.protocol import Rate
from wellread.coordination.redis_client import address_of, open_redis, translated_errors
from wellread.errors import SettingsError
from wellread.models.chat.factory import build_chat_model
from wellread.models.chat.protocol import ChatDocument, ChatMessage, ChatRequest, ChatSchema, RawReply
from wellread.models.chat.reachability import counts_exactly, reach_of
from wellread.models.chat.settings import ChatModelSettings
from wellread.models.prices import Rates, find_price
from wellread.models.reranking.factory import build_reranker
from wellread.workspace.composition import Workspace
from wellread.workspace.language_models import fence_key, prompt_name
from wellread.workspace.settings import Settings

Check = Callable[[], str]

_SCHEMA = ChatSchema(
    "doctor",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["ok"],
        "properties": {"ok": {"type": "boolean", "description": "true"}},
    },
)
_TEXT_QUESTION = "When is the library open?"
_QUESTION = 'Reply with one JSON object and nothing else: {"ok": true}'
_DOCUMENT = ChatDocument("1", "Opening hours", "The library is open from nine to five.")
_PROBE = "wellread doctor"
"""The key that rate limiters are tried with: no account has it."""


@dataclass(frozen=True, slots=True)
class _Model:
    """One language model of the deployment, and what it is for."""

    role: str
    settings: ChatModelSettings
    answers: bool
    """Whether it answers questions, so that budgets and modes hold for it."""


def model_checks(workspace: Workspace, *, ask_models: bool) -> Iterator[tuple[str, Check]]:
    """(what, check) of all that this module knows. ``ask_models``: send each model one tiny, paid request."""
    settings = workspace.settings
    models = list(_models(settings))
    answering = [model for model in models if model.answers]
    if not answering:
        yield "language model", lambda: "none: the extractive answerer answers"
    for model in models:
        yield model.role, partial(_configuration, model)
        yield f"{model.role}: tokens", partial(_tokens, model.settings)
        yield f"{model.role}: price", partial(_price, model, settings.answering.budget)
        yield f"{model.role}: batches", partial(_batches, model, settings.answering.mode)
        if ask_models:
            yield f"{model.role}: asked", partial(_asked, model.settings)
    yield "reranker", partial(_reranker, settings, ask_models=ask_models)
    if answering:
        yield "prompts", partial(_prompts, settings, answering)
        yield "fence key", partial(_fence_key, workspace)
        yield "budget", partial(_budget, settings)
        yield "rate limits", partial(_rate_limits, workspace)
    yield "Redis", partial(_redis, settings)


def _models(settings: Settings) -> Iterator[_Model]:
    chat = settings.chat
    if chat.provider is not None:
        yield _Model("language model", chat, answers=True)
        for number, fallback in enumerate(chat.fallbacks, start=1):
            yield _Model(f"fallback {number}", fallback, answers=True)
        if chat.degraded is not None:
            yield _Model("cheaper model", chat.degraded, answers=True)
    if settings.evaluation.judge is not None:
        yield _Model("judge", settings.evaluation.judge, answers=False)


# -- one model ---------------------------------------------------------------------------------------------
def _configuration(model: _Model) -> str:
    settings = model.settings
    build_chat_model(settings).close()
    if settings.grounding == "documents" and settings.provider != "cohere":
        raise SettingsError(
            f"give {settings.model} passages beside the messages",
            found=f"provider {settings.provider} takes none",
            remedy="Set grounding: messages, or use Cohere.",
        )
    reach = reach_of(settings)
    server = settings.preset or settings.provider
    return f"{settings.model} ({server}) at {reach.address}, {'with a key' if reach.has_key else 'without a key'}"


def _tokens(settings: ChatModelSettings) -> str:
    if counts_exactly(settings):
        return "counted with the model's own vocabulary"
    return "bounded by bytes, closer once replies were seen; exact with tokenizer_file"


def _price(model: _Model, budget: BudgetSettings) -> str:
    settings = model.settings
    price = find_price(settings)
    if price is not None:
        direct, batch = price.direct[0], price.batch[0]
        batches = f"; in batches {_rates(batch)}" if batch != direct else ""
        return f"{_rates(direct)}{batches} US dollars for a million tokens in and out (by {price.source})"
    if budget.is_limited and model.answers:
        raise SettingsError(
            f"keep a budget while asking {settings.model}",
            found="its price is not known",
            remedy="State it in the settings (chat.price), or remove the budget.",
        )
    if importlib.util.find_spec("genai_prices") is None:
        return "not known: the price list is not installed (wellread-airflow[prices])"
    return "not known: plans will say so, and a budget would be refused"


def _rates(rates: Rates) -> str:
    return f"{rates.input_usd_per_million.normalize():f} and {rates.output_usd_per_million.normalize():f}"


def _batches(model: _Model, mode: str) -> str:
    with closing(build_chat_model(model.settings)) as chat:
        batches = chat.batches
    if batches is not None:
        found = "can be found again after a crash" if batches.can_find else "cannot be found again after a crash"
        return f"yes; a submission that was cut off {found}"
    if mode == "batch" and model.role == "language model":
        raise SettingsError(
            "answer by provider batches",
            found=f"{model.settings.model} has no batch endpoint here",
            remedy="Set answering.mode to 'direct' or 'auto'.",
        )
    return "none"


def _asked(settings: ChatModelSettings) -> str:
    is_grounded = settings.grounding == "documents"
    request = ChatRequest(
        (ChatMessage("user", _TEXT_QUESTION if is_grounded else _QUESTION),),
        schema=None if is_grounded else _SCHEMA,
        documents=(_DOCUMENT,) if is_grounded else (),
    )
    with closing(build_chat_model(settings)) as chat:
        raw = chat.ask(request)
        reply = chat.read(raw.body)
    if reply.finish != "stop":
        raise malformed("it was cut at the output limit" if reply.finish == "length" else "the model declined")
    if not is_grounded:
        problem = schema_problem(json_in(reply.text), _SCHEMA.schema)
        if problem is not None:
            raise malformed(problem)
    price = find_price(settings)
    cost = "" if price is None else f", ${price.cost_usd(reply.usage):f}"
    return f"{reply.usage.input_tokens} tokens in, {reply.usage.output_tokens} out{cost}{_limits(raw)}"


def _limits(raw: RawReply) -> str:
    reported = raw.reported
    told = [
        f"{limit:,} {name}"
        for name, limit in (("requests", reported.requests_limit), ("tokens", reported.tokens_limit))
        if limit is not None
    ]
    return f"; the account's limits: {', '.join(told)} a minute" if told else ""


# -- what models share -------------------------------------------------------------------------------------
def _reranker(settings: Settings, *, ask_models: bool) -> str:
    given = settings.rerank
    reranker = build_reranker(given)
    if reranker is None:
        return "none"
    if given.provider == "cohere":  # the same key and package as its language models
        reach_of(
            ChatModelSettings(provider="cohere", model=given.model, base_url=given.base_url, api_key=given.api_key)
        )
    if not ask_models:
        return f"{given.model} ({given.provider}), not asked"
    with closing(reranker):
        best, other = reranker.rerank(_TEXT_QUESTION, [_DOCUMENT.text, "Trains leave every hour."]).scores
    return f"{given.model} ({given.provider}) scores the text that answers {best:.3f}, another one {other:.3f}"


def _prompts(settings: Settings, models: list[_Model]) -> str:
    prompt = settings.answering.prompt
    grounding = {prompt_name(prompt, model.settings): model.settings.grounding for model in models}
    found = []
    for name in [*grounding, "repair"]:
        template = load_prompt(name, folder=prompt.folder)
        if name in grounding:
            require_schema(template, grounding=grounding[name])
        is_own = prompt.folder is not None and (prompt.folder / f"{name}.md").exists()
        where = f"in {prompt.folder}" if is_own else "of the package"
        front = template.front_matter
        found.append(f"{front.name} {front.version} {where}, SHA-256 {template.sha256[:12]}")
    return "; ".join(found)


def _fence_key(workspace: Workspace) -> str:
    fence_key(workspace)
    if workspace.settings.answering.prompt.fence_key is not None:
        return "set: equal questions are equal on all machines that have it"
    return "this home's own: workers with another home pay for the same question again (answering.prompt.fence_key)"


def _budget(settings: Settings) -> str:
    budget = settings.answering.budget
    limits = {"run": budget.run_usd, "day": budget.day_usd, "tenant and day": budget.tenant_day_usd}
    told = [f"${limit:g} a {scope}" for scope, limit in limits.items() if limit is not None]
    if not told:
        return "none"
    if budget.on_budget == "degrade" and settings.chat.degraded is None:
        raise SettingsError(
            "stretch a budget by a cheaper model",
            found="there is none",
            remedy="Set chat.degraded, or choose stop.",
        )
    if budget.on_budget == "defer" and budget.day_usd is None and budget.tenant_day_usd is None:
        raise SettingsError(
            "defer a job until there is a new budget",
            found="only budgets of a day are new tomorrow",
            remedy="Set answering.budget.day_usd, or choose stop.",
        )
    return f"{', '.join(told)}; then {budget.on_budget}"


def _rate_limits(workspace: Workspace) -> str:
    """One reservation under a key of no account: the backend is there, and may be written."""
    is_shared = workspace.ledger.engine.dialect.name == "postgresql"
    settings = workspace.settings.coordination
    workspace.language_models.limiter.reserve(_PROBE, Rate(), tokens=0)
    return {
        "memory": "in the memory of each process: several workers together may exceed them",
        "ledger": "in the ledger, for all workers that reach it",
        "redis": "in Redis, for all workers that reach it",
    }[rate_limits_backend(settings, ledger_is_shared=is_shared)]


def _redis(settings: Settings) -> str:
    given = settings.coordination
    if given.redis_url is None:
        build_rate_limiter(given, ledger_is_shared=False)  # refused where one of them
        build_response_cache(given)  # is to be in Redis
        return "none"
    url = given.redis_url.get_secret_value()
    client = open_redis(url)
    try:
        with translated_errors(f"reach Redis at {address_of(url)}"):
            client.ping()
    finally:
        client.close()
    rates = rate_limits_backend(given, ledger_is_shared=False) == "redis"
    keeps = [name for name, is_kept in (("rates", rates), ("responses", given.cache == "redis")) if is_kept]
    return f"{address_of(url)} answers; keeps {' and '.join(keeps) or 'nothing'}"
