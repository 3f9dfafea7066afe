"""Set-up of a local model: ``python -m wellread.models.prepare [MODEL]``."""

from __future__ import annotations

import argparse
import sys
from typing import get_args

from wellread.errors import WellreadError
from wellread.models.embedding.local_onnx import LocalEmbedder
from wellread.models.embedding.pinned_models import pinned_model
from wellread.models.embedding.self_check import self_test
from wellread.models.settings import LocalModelName, LocalModelSettings
from wellread.snapshots import ModelIdentity


def prepare_local_model(settings: LocalModelSettings | None = None) -> ModelIdentity:
    """Verify the weights, build the graph where it is missing, and test it against stored vectors.

    A model folder of one's own, or another prefix, has no stored vectors: it is loaded and run once.

    Raises:
        SettingsError: Files are missing or not the pinned ones, or an extra is not installed.
        ModelMismatchError: The vectors are not those that this model gives.
    """
    chosen = settings if settings is not None else LocalModelSettings()
    embedder = LocalEmbedder(chosen)
    if chosen.folder is None and embedder.identity.document_prefix == pinned_model(chosen.model).document_prefix:
        self_test(embedder, model=chosen.model)
    else:
        embedder.embed(["ready"], kind="query")
    return embedder.identity


def main() -> int:
    """Prepare the model that the command line names, or the default one.

    Returns 0 where it is ready, 1 with the reason on standard error.
    """
    parser = argparse.ArgumentParser(description="Prepare a local embedding model.")
    parser.add_argument("model", nargs="?", choices=get_args(LocalModelName), default=LocalModelSettings().model)
    try:
        identity = prepare_local_model(LocalModelSettings(model=parser.parse_args().model))
    except WellreadError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(
        f"{identity.model} is ready: {identity.dimensions} dimensions, weights {identity.revision[:12]}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
