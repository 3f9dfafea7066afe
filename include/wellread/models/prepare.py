"""Set-up of the local model: ``python -m wellread.models.prepare``."""

from __future__ import annotations

import sys

from wellread.errors import WellreadError
from wellread.models.embedding.local_onnx import LocalEmbedder
from wellread.models.embedding.self_check import self_test
from wellread.models.settings import LocalModelSettings
from wellread.snapshots import ModelIdentity


def prepare_local_model(settings: LocalModelSettings | None = None) -> ModelIdentity:
    """Verify the weights, build the graph where it is missing, and test it against stored vectors.

    A model folder of one's own has no stored vectors: it is loaded and run once.

    Raises:
        SettingsError: Files are missing or not the pinned ones, or an extra is not installed.
        ModelMismatchError: The vectors are not those that this model gives.
    """
    chosen = settings if settings is not None else LocalModelSettings()
    embedder = LocalEmbedder(chosen)
    if chosen.folder is None and not chosen.document_prefix:
        self_test(embedder)
    else:
        embedder.embed(["ready"], kind="query")
    return embedder.identity


def main() -> int:
    """Prepare the default model; 0 where it is ready, 1 with the reason on standard error."""
    try:
        identity = prepare_local_model()
    except WellreadError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(
        f"{identity.model} is ready: {identity.dimensions} dimensions, weights {identity.revision[:12]}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
