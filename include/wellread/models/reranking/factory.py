"""Settings become a reranker: the one place that knows every provider."""

from __future__ import annotations

from wellread.models.chat.settings import RerankSettings
from wellread.models.reranking.cohere_reranker import CohereReranker
from wellread.models.reranking.http_reranker import HttpReranker
from wellread.models.reranking.protocol import Reranker


def build_reranker(settings: RerankSettings) -> Reranker | None:
    """The reranker that ``settings`` name; ``None`` where they name none. Nothing is sent before it is used.

    Raises:
        SettingsError: A server over HTTP without its address.
    """
    if settings.provider == "cohere":
        return CohereReranker(settings)
    if settings.provider == "http":
        return HttpReranker(settings)
    return None
