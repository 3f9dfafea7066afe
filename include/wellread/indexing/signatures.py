"""What a document's objects depend on besides its bytes and facts."""

from __future__ import annotations

from pathlib import PurePosixPath

from wellread.chunking import chunker
from wellread.cleaning import cleaner
from wellread.identities import sha256_json
from wellread.indexing.parts import Parts
from wellread.runs import SourceDeclaration

CODE_VERSION = "1"
"""Of extraction itself: raise it when the same stages are put together in another way."""


def chunk_signature(parts: Parts) -> str:
    """Of everything between parsed elements and chunks: cleaning, chunking, the model's way of counting."""
    identity = parts.embedder.identity
    return sha256_json(
        [
            CODE_VERSION,
            cleaner.signature(parts.cleaning),
            chunker.signature(parts.chunking),
            parts.embedder.limits.tokens_per_text,
            [identity.provider, identity.model, identity.revision],
        ]
    )


def stage_signature(parts: Parts) -> str:
    """Of the whole way from bytes to chunks that pass: when it changes, documents are looked at again.

    The rules of a run are not in it: they judge documents together and change none of them.
    """
    rules = parts.quality.document.model_dump(mode="json")
    return sha256_json([parts.parse_signature, chunk_signature(parts), rules])


def parse_memo_key(parts: Parts, content_sha: str, natural_key: str) -> str:
    """Parsing depends on the bytes and, among text types, on the name's extension."""
    extension = PurePosixPath(natural_key).suffix.casefold()
    return sha256_json(["parse", content_sha, extension, parts.parse_signature])


def chunk_memo_key(parts: Parts, elements_ref: str, previous_ref: str | None) -> str:
    """Chunks depend on the elements and on the cuts before: a new parser that finds the same changes nothing."""
    return sha256_json(["chunk", elements_ref, previous_ref, chunk_signature(parts)])


def facts_sha(declaration: SourceDeclaration, metadata: object, acl: tuple[str, ...]) -> str:
    """Hash of what a document's objects carry besides content."""
    return sha256_json([metadata, list(acl), dict(declaration.fields)])
