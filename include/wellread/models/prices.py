"""What tokens cost: the deployment's own word, else a price list that is read without a network.

A price that is not known is ``None``, never zero. Prices are those of single requests: some models cost more above
a number of input tokens, and then all tokens of that request do.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wellread.models.chat.presets import PRESETS, base_url_of
from wellread.models.chat.protocol import ChatUsage
from wellread.models.chat.settings import ChatModelSettings, PriceSettings

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

_MILLION = Decimal(1_000_000)
_BATCH = {"processing": "batch"}
# Prices of a request or of what this library does not count would be left out of the sum.
_UNCOUNTED = ("requests_kcount",)


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars for a million tokens of requests with more than ``above_input_tokens``."""

    input_usd_per_million: Decimal
    output_usd_per_million: Decimal
    cached_input_usd_per_million: Decimal
    above_input_tokens: int = 0

    def times(self, ratio: Decimal) -> Rates:
        """The same at a share of the price."""
        return Rates(
            self.input_usd_per_million * ratio,
            self.output_usd_per_million * ratio,
            self.cached_input_usd_per_million * ratio,
            self.above_input_tokens,
        )


@dataclass(frozen=True, slots=True)
class Price:
    """What one model costs."""

    direct: tuple[Rates, ...]
    """By rising ``above_input_tokens``; the first is above 0."""
    batch: tuple[Rates, ...]
    """Of batches; the direct ones where no others are known."""
    source: str
    """``settings``, or the price list with its version."""

    def cost_usd(self, usage: ChatUsage, *, is_batch: bool = False) -> Decimal:
        """US dollars of one request, exactly."""
        rates = self._rates(usage.input_tokens, is_batch=is_batch)
        cached = min(usage.cached_input_tokens, usage.input_tokens)
        return (
            rates.input_usd_per_million * (usage.input_tokens - cached)
            + rates.cached_input_usd_per_million * cached
            + rates.output_usd_per_million * usage.output_tokens
        ) / _MILLION

    def range_usd(
        self,
        *,
        input_tokens_low: int,
        input_tokens_high: int,
        output_tokens_low: int,
        output_tokens_high: int,
        is_batch: bool = False,
    ) -> tuple[Decimal, Decimal]:
        """The least and the most that one request can cost between these counts, with nothing cached."""
        low = ChatUsage(input_tokens=input_tokens_low, output_tokens=output_tokens_low)
        high = ChatUsage(input_tokens=input_tokens_high, output_tokens=output_tokens_high)
        return self.cost_usd(low, is_batch=is_batch), self.cost_usd(high, is_batch=is_batch)

    def _rates(self, input_tokens: int, *, is_batch: bool) -> Rates:
        rates = self.batch if is_batch else self.direct
        return [one for one in rates if one.above_input_tokens <= 0 or input_tokens > one.above_input_tokens][-1]


def find_price(settings: ChatModelSettings, *, at: datetime | None = None) -> Price | None:
    """The price of a language model; ``None`` where nobody knows it.

    The settings' own price wins. Otherwise the list is asked by the address that requests go to, so that a proxy
    or a server of one's own is never taken for the model's maker; machines that are paid by the hour, loopback
    addresses and models that the list does not hold have no price. ``at``: prices change; default: now.
    """
    if settings.price is not None:
        return _stated_price(settings.price)
    if settings.provider is None or _is_own_server(settings):
        return None
    if settings.provider == "openai":
        url = "https://api.openai.com/v1" if settings.preset == "helicone" else base_url_of(settings)
        return _listed_price(settings.model, url=url, at=at)
    if settings.base_url is not None:
        return _listed_price(settings.model, url=str(settings.base_url), at=at)
    return _listed_price(settings.model, provider=settings.provider, at=at)


def find_embedding_price(provider: str, model: str, *, at: datetime | None = None) -> Price | None:
    """The price of an embedding model (``openai``, ``cohere``); output costs nothing. ``None``: not known."""
    return _listed_price(model, provider=provider, at=at, has_output=False)


def _stated_price(stated: PriceSettings) -> Price:
    cached = stated.cached_input_usd_per_million
    direct = Rates(
        _decimal(stated.input_usd_per_million),
        _decimal(stated.output_usd_per_million),
        _decimal(stated.input_usd_per_million if cached is None else cached),
    )
    return Price((direct,), (direct.times(_decimal(stated.batch_ratio)),), "settings")


def _is_own_server(settings: ChatModelSettings) -> bool:
    if settings.preset is not None and not PRESETS[settings.preset].is_paid_by_tokens:
        return True
    if settings.base_url is None:
        return False
    host = urlsplit(str(settings.base_url)).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost"


def _listed_price(
    model: str,
    *,
    provider: str | None = None,
    url: str | None = None,
    at: datetime | None,
    has_output: bool = True,
) -> Price | None:
    try:
        import genai_prices
        from genai_prices.data_snapshot import get_snapshot
    except ImportError:
        return None
    try:
        _, info = get_snapshot().find_provider_model(model, None, provider, url)
    except LookupError:
        return None
    when = at if at is not None else datetime.now(tz=UTC)
    direct = _listed_rates(info.get_prices(when), has_output=has_output)
    if direct is None:
        return None
    return Price(direct, _batch_rates(info, when, has_output) or direct, f"genai-prices {genai_prices.__version__}")


def _batch_rates(info: ModelInfo, when: datetime, has_output: bool) -> tuple[Rates, ...] | None:  # noqa: FBT001
    return _listed_rates(info.get_prices(when, _BATCH), has_output=has_output)


def _listed_rates(price: ModelPrice, *, has_output: bool) -> tuple[Rates, ...] | None:
    listed = {
        name: getattr(price, name, None) for name in ("input_mtok", "output_mtok", "cache_read_mtok", *_UNCOUNTED)
    }
    if listed["input_mtok"] is None or any(listed[name] is not None for name in _UNCOUNTED):
        return None
    if has_output and listed["output_mtok"] is None:
        return None
    cached = listed["cache_read_mtok"] if listed["cache_read_mtok"] is not None else listed["input_mtok"]
    starts = sorted({0, *_tier_starts(listed["input_mtok"]), *_tier_starts(listed["output_mtok"])})
    return tuple(
        Rates(
            _rate_at(listed["input_mtok"], start),
            _rate_at(listed["output_mtok"], start),
            _rate_at(cached, start),
            above_input_tokens=start,
        )
        for start in starts
    )


def _tier_starts(price: Any) -> list[int]:
    return [tier.start for tier in getattr(price, "tiers", ())]


def _rate_at(price: Any, start: int) -> Decimal:
    """The rate of requests above ``start`` input tokens; of a price that is not listed 0."""
    if price is None:
        return Decimal(0)
    rate = getattr(price, "base", price)
    for tier in getattr(price, "tiers", ()):
        if tier.start <= start and start > 0:
            rate = tier.price
    return Decimal(rate)


def _decimal(number: float) -> Decimal:
    return Decimal(str(number))
