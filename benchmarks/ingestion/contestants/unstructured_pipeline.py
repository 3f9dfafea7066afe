"""unstructured-ingest: folder, partition, chunk ``by_title``, embed, ``weaviate-local``; its work folder is kept.

Shims: ``weaviate-local`` has no field for port and key, so the client's ``connect_to_local`` is given them; the
embedder has none for an address, so it is told by ``OPENAI_BASE_URL``. The spaCy model, which is downloaded at run
time, is replaced by rules, which are faster; it only tells titles from sentences.
"""

from __future__ import annotations

import functools
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from given import (
    API_KEY,
    CHUNK_CHARS,
    COLLECTION,
    EMBEDDER_URL,
    GRPC_PORT,
    HTTP_PORT,
    MODE,
    MODEL,
    SOURCE,
    STATE,
    documents,
    print_chunks,
)

VERB_ENDINGS = ("ed", "es", "en", "ing", "is", "was", "are", "has")


def _address_the_store() -> None:
    import weaviate

    weaviate.connect_to_local = functools.partial(
        weaviate.connect_to_local,
        port=HTTP_PORT,
        grpc_port=GRPC_PORT,
        auth_credentials=weaviate.auth.Auth.api_key(API_KEY),
    )


def _stand_in_for_spacy() -> None:
    import spacy
    from spacy.language import Language
    from unstructured.nlp import tokenize

    @Language.component("verbs_by_ending")
    def verbs_by_ending(doc: Any) -> Any:
        for token in doc:
            token.tag_ = "VB" if token.lower_.endswith(VERB_ENDINGS) else "NN"
        return doc

    def load() -> Any:
        language = spacy.blank("en")
        language.add_pipe("sentencizer")
        language.add_pipe("verbs_by_ending")
        return language

    tokenize._load_spacy_model = load  # noqa: SLF001  there is no other way in


def settings() -> tuple[Any, Any]:
    """Of partitioning and chunking."""
    from unstructured_ingest.processes.chunker import ChunkerConfig
    from unstructured_ingest.processes.partitioner import PartitionerConfig

    chunking = ChunkerConfig(chunking_strategy="by_title", chunk_max_characters=CHUNK_CHARS)
    return PartitionerConfig(), chunking


def chunks() -> Iterator[tuple[str, str]]:
    """Partitioner and chunker called by hand."""
    from unstructured_ingest.processes.chunker import Chunker
    from unstructured_ingest.processes.partitioner import Partitioner

    partitioning, chunking = settings()
    with tempfile.TemporaryDirectory() as folder:
        elements = Path(folder) / "elements.json"
        for name, _, _ in documents():
            found = Partitioner(config=partitioning).run(filename=SOURCE / name)
            elements.write_text(json.dumps(found), encoding="utf-8")
            for chunk in Chunker(config=chunking).run(elements):
                yield name, chunk["text"]


def ingest() -> None:
    """One run; what its steps leave in the work folder is there again in the next."""
    from unstructured_ingest.interfaces import ProcessorConfig
    from unstructured_ingest.pipeline.pipeline import Pipeline
    from unstructured_ingest.processes.connectors import local
    from unstructured_ingest.processes.connectors.weaviate import local as weaviate_local
    from unstructured_ingest.processes.embedder import EmbedderConfig
    from unstructured_ingest.processes.filter import FiltererConfig

    os.environ["OPENAI_BASE_URL"] = EMBEDDER_URL
    partitioning, chunking = settings()
    Pipeline.from_configs(
        context=ProcessorConfig(work_dir=str(STATE / "pipeline")),
        indexer_config=local.LocalIndexerConfig(input_path=SOURCE, recursive=True),
        downloader_config=local.LocalDownloaderConfig(),
        source_connection_config=local.LocalConnectionConfig(),
        filterer_config=FiltererConfig(file_glob=["*.md", "*.txt"]),
        partitioner_config=partitioning,
        chunker_config=chunking,
        embedder_config=EmbedderConfig(
            embedding_provider="openai", embedding_model_name=MODEL, embedding_api_key="testing"
        ),
        destination_connection_config=weaviate_local.LocalWeaviateConnectionConfig(),
        stager_config=weaviate_local.LocalWeaviateUploadStagerConfig(),
        uploader_config=weaviate_local.LocalWeaviateUploaderConfig(collection=COLLECTION),
    ).run()


# Its worker processes import this file again.
_address_the_store()
_stand_in_for_spacy()

if __name__ == "__main__":
    if MODE == "chunks":
        print_chunks(chunks())
    else:
        ingest()
