"""What embedding costs: the deployment's own word, nothing for a local model, else the price list."""

from __future__ import annotations

import os
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlsplit

from wellread.models.prices import Price, Rates, find_embedding_price
from wellread.models.settings import ModelSettings

_MAKERS_HOSTS = {"openai": "api.openai.com", "cohere": "api.cohere.com"}


def find_embedder_price(settings: ModelSettings, *, at: datetime | None = None) -> Price | None:
    """The price of the configured embedder; ``None`` where nobody knows it, never zero.

    The settings' own price wins. The list is asked only where requests go to the model's maker: another address is
    a proxy or a server of one's own, whose price only its owner knows. ``at``: prices change; default: now.
    """
    if settings.price_usd_per_million is not None:
        return _flat(Decimal(str(settings.price_usd_per_million)), "settings")
    if settings.provider == "local":
        return _flat(Decimal(0), "local model")
    model = settings.openai.model if settings.provider == "openai" else settings.cohere.model
    if _host(settings) != _MAKERS_HOSTS[settings.provider]:
        return None
    return find_embedding_price(settings.provider, model, at=at)


def _flat(usd_per_million: Decimal, source: str) -> Price:
    rates = (Rates(usd_per_million, Decimal(0), usd_per_million),)
    return Price(rates, rates, source)


def _host(settings: ModelSettings) -> str:
    stated = settings.openai.base_url if settings.provider == "openai" else settings.cohere.base_url
    variable = "OPENAI_BASE_URL" if settings.provider == "openai" else "CO_API_URL"
    address = str(stated) if stated is not None else os.environ.get(variable, "")
    return (urlsplit(address).hostname or "") if address else _MAKERS_HOSTS[settings.provider]
