"""Settings become an embedder: the one place that knows every provider."""

from __future__ import annotations

from wellread.models.embedding.cohere_embedder import CohereEmbedder
from wellread.models.embedding.local_onnx import LocalEmbedder
from wellread.models.embedding.openai_embedder import OpenAIEmbedder
from wellread.models.protocol import Embedder
from wellread.models.settings import ModelSettings


def build_embedder(settings: ModelSettings) -> Embedder:
    """The embedder that ``settings`` name. Nothing is loaded or sent before it is used.

    Raises:
        SettingsError: A key is needed and there is none, or an extra is not installed.
    """
    if settings.provider == "openai":
        return OpenAIEmbedder(settings.openai)
    if settings.provider == "cohere":
        return CohereEmbedder(settings.cohere)
    return LocalEmbedder(settings.local)
