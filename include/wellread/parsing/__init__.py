"""Parsing: bytes to typed elements, in guarded child processes."""

from wellread.parsing.pool import CODE_VERSION, ParserPool, signature
from wellread.parsing.settings import ParsingSettings

__all__ = ["CODE_VERSION", "ParserPool", "ParsingSettings", "signature"]
