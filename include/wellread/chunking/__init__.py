"""A cleaned document in, chunks that survive edits out. Pure functions."""

from wellread.chunking.chunker import chunk, signature
from wellread.chunking.settings import ChunkingSettings

__all__ = ["ChunkingSettings", "chunk", "signature"]
