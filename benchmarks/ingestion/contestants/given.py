"""What the benchmark hands to a contestant, in environment variables. Read with the contestant's own Python.

``BENCH_MODE`` is ``ingest``: bring the index in step with the folder, once; or ``chunks``: print what the splitter
makes of the documents that ``BENCH_ONLY`` lists, one JSON array ``[document, text]`` a line; nothing else.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

MODE = os.environ["BENCH_MODE"]
SOURCE = Path(os.environ["BENCH_SOURCE"])
STATE = Path(os.environ["BENCH_STATE"])
COLLECTION = os.environ["BENCH_COLLECTION"]
EMBEDDER_URL = os.environ["BENCH_EMBEDDER_URL"]
HTTP_PORT = int(os.environ["BENCH_HTTP_PORT"])
GRPC_PORT = int(os.environ["BENCH_GRPC_PORT"])
API_KEY = os.environ["BENCH_API_KEY"]
MODEL = "text-embedding-3-small"
TEXTS_PER_REQUEST = 100
CHUNK_CHARS = 800
_SIDECAR = ".wellread.yaml"


def documents() -> Iterator[tuple[str, str, str]]:
    """Name, text and owner of every document, by name; in the mode ``chunks`` of those in ``BENCH_ONLY``."""
    given = os.environ.get("BENCH_ONLY")
    only = set(json.loads(Path(given).read_text(encoding="utf-8"))) if given else None
    for path in sorted(SOURCE.rglob("*")):
        if only is not None and path.relative_to(SOURCE).as_posix() not in only:
            continue
        if path.is_file() and not path.name.endswith(_SIDECAR):
            sidecar = path.with_name(path.name + _SIDECAR)
            said = sidecar.read_text(encoding="utf-8") if sidecar.is_file() else ""
            owner = said.partition("owner: ")[2].partition("}")[0]
            yield path.relative_to(SOURCE).as_posix(), path.read_text(encoding="utf-8"), owner


def connected() -> Any:
    """Weaviate's own client, on the benchmark's server."""
    import weaviate

    return weaviate.connect_to_local(
        port=HTTP_PORT,
        grpc_port=GRPC_PORT,
        auth_credentials=weaviate.auth.Auth.api_key(API_KEY),
        skip_init_checks=True,
    )


def print_chunks(chunks: Iterable[tuple[str, str]]) -> None:
    """Answer the mode ``chunks``."""
    for name, text in chunks:
        sys.stdout.write(json.dumps([name, text]) + "\n")
