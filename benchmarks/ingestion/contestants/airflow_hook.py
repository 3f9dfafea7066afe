"""Airflow's Weaviate provider: ``WeaviateHook.create_or_replace_document_objects`` with ``existing='replace'``.

The hook takes vectors, so a plain loop of 100 texts a request makes them first. Shim: the document column is
tokenised as ``field`` (the hook's default schema would mix up names that share words).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from given import CHUNK_CHARS, COLLECTION, EMBEDDER_URL, MODE, MODEL, TEXTS_PER_REQUEST, documents, print_chunks
from langchain_text_splitters import RecursiveCharacterTextSplitter


def chunks() -> Iterator[dict[str, Any]]:
    """All documents, split."""
    splitter = RecursiveCharacterTextSplitter(chunk_size=CHUNK_CHARS, chunk_overlap=0)
    for name, text, owner in documents():
        for part in splitter.split_text(text):
            yield {"source": name, "text": part, "owner": owner}


def embed(rows: list[dict[str, Any]]) -> None:
    """Give each row its vector."""
    import openai

    client = openai.OpenAI(base_url=EMBEDDER_URL, api_key="testing")
    for start in range(0, len(rows), TEXTS_PER_REQUEST):
        part = rows[start : start + TEXTS_PER_REQUEST]
        reply = client.embeddings.create(model=MODEL, input=[row["text"] for row in part], encoding_format="float")
        for row, item in zip(part, reply.data, strict=True):
            row["Vector"] = item.embedding


def ingest() -> None:
    """One run; the hook keeps no state of its own."""
    from airflow.providers.weaviate.hooks.weaviate import WeaviateHook
    from weaviate.classes.config import Configure, DataType, Property, Tokenization

    rows = list(chunks())
    embed(rows)
    hook = WeaviateHook()
    collections = hook.get_conn().collections
    if not collections.exists(COLLECTION):
        named = [Property(name="source", data_type=DataType.TEXT, tokenization=Tokenization.FIELD)]
        others = [Property(name=name, data_type=DataType.TEXT) for name in ("text", "owner")]
        collections.create(COLLECTION, properties=named + others, vector_config=Configure.Vectors.self_provided())
    failed = hook.create_or_replace_document_objects(
        data=rows, collection_name=COLLECTION, document_column="source", existing="replace"
    )
    print(len(failed or []), "failed")


if __name__ == "__main__":
    if MODE == "chunks":
        print_chunks((row["source"], row["text"]) for row in chunks())
    else:
        ingest()
