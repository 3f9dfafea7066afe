"""LangChain's indexing API: ``index()`` with a record manager, into ``WeaviateVectorStore``.

Shim: ``check_embedding_ctx_length=False``, else a vocabulary is downloaded to count tokens before each request.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from given import CHUNK_CHARS, COLLECTION, EMBEDDER_URL, MODE, MODEL, STATE, connected, documents, print_chunks
from langchain_core.documents import Document
from langchain_text_splitters import RecursiveCharacterTextSplitter


def chunks() -> Iterator[Document]:
    """All documents, split, with name and owner as metadata."""
    splitter = RecursiveCharacterTextSplitter(chunk_size=CHUNK_CHARS, chunk_overlap=0)
    for name, text, owner in documents():
        yield from splitter.split_documents([Document(text, metadata={"source": name, "owner": owner})])


def ingest() -> None:
    """One run, its record manager in a file."""
    from langchain_classic.indexes import SQLRecordManager, index
    from langchain_openai import OpenAIEmbeddings
    from langchain_weaviate import WeaviateVectorStore

    records = SQLRecordManager(f"weaviate/{COLLECTION}", db_url=f"sqlite:///{STATE / 'records.sqlite'}")
    records.create_schema()
    embeddings = OpenAIEmbeddings(
        model=MODEL, base_url=EMBEDDER_URL, api_key="testing", check_embedding_ctx_length=False
    )
    with connected() as client:
        store = WeaviateVectorStore(client=client, index_name=COLLECTION, text_key="text", embedding=embeddings)
        found = index(
            chunks(),
            records,
            store,
            cleanup=os.environ["BENCH_CLEANUP"],
            source_id_key="source",
            key_encoder="sha1",
        )
    print(found)


if __name__ == "__main__":
    if MODE == "chunks":
        print_chunks((chunk.metadata["source"], chunk.page_content) for chunk in chunks())
    else:
        ingest()
