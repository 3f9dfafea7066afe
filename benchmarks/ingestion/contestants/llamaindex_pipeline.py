"""LlamaIndex' ``IngestionPipeline`` with a docstore, strategy ``upserts_and_delete``; persisted at the end.

Shim: none. Cache and docstore are the simple ones of the documentation, files in the state folder.
"""

from __future__ import annotations

from typing import Any

from given import (
    COLLECTION,
    EMBEDDER_URL,
    MODE,
    MODEL,
    STATE,
    TEXTS_PER_REQUEST,
    connected,
    documents,
    print_chunks,
)
from llama_index.core import Document
from llama_index.core.node_parser import SentenceSplitter

CHUNK_TOKENS = 200


def loaded() -> list[Document]:
    """All documents under their names, with name and owner as metadata."""
    return [
        Document(text=text, id_=name, metadata={"source": name, "owner": owner})
        for name, text, owner in documents()
    ]


def splitter() -> SentenceSplitter:
    """As in the documentation, in chunks of about the others' size."""
    return SentenceSplitter(chunk_size=CHUNK_TOKENS, chunk_overlap=0)


def ingest() -> None:
    """Load the state, run, persist the state."""
    from llama_index.core.ingestion import DocstoreStrategy, IngestionCache, IngestionPipeline
    from llama_index.core.storage.docstore import SimpleDocumentStore
    from llama_index.embeddings.openai import OpenAIEmbedding
    from llama_index.vector_stores.weaviate import WeaviateVectorStore

    embedding = OpenAIEmbedding(
        model=MODEL, api_base=EMBEDDER_URL, api_key="testing", embed_batch_size=TEXTS_PER_REQUEST
    )
    with connected() as client:
        pipeline: Any = IngestionPipeline(
            transformations=[splitter(), embedding],
            vector_store=WeaviateVectorStore(weaviate_client=client, index_name=COLLECTION),
            docstore=SimpleDocumentStore(),
            docstore_strategy=DocstoreStrategy.UPSERTS_AND_DELETE,
            cache=IngestionCache(),
        )
        folder = STATE / "pipeline"
        if folder.is_dir():
            pipeline.load(str(folder))
        nodes = pipeline.run(documents=loaded())
        pipeline.persist(str(folder))
    print(len(nodes), "nodes")


if __name__ == "__main__":
    if MODE == "chunks":
        nodes = splitter().get_nodes_from_documents(loaded())
        print_chunks((node.metadata["source"], node.get_content()) for node in nodes)
    else:
        ingest()
