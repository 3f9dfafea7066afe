"""Two real llama.cpp servers over a model of random weights: one that chats, one that embeds."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "serve_tiny_model.py"


@contextmanager
def running(folder: Path, *options: str) -> Iterator[str]:
    """The server's address. It ends with its standard input, so it never outlives the tests."""
    missing = [name for name in ("xllamacpp", "gguf") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"needs server: llama.cpp (the packages {' and '.join(missing)} are not installed)")
    with (folder / "server.log").open("w+", encoding="utf-8") as log:
        command = [sys.executable, str(PROGRAM), str(folder), *options]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                log.seek(0)
                pytest.fail(f"llama.cpp did not start: {log.read()[-2000:]}")
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


@pytest.fixture(scope="session")
def llama_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that chats, with a context of 1,024 tokens."""
    with running(tmp_path_factory.mktemp("llama-chat")) as url:
        yield url


@pytest.fixture(scope="session")
def llama_embedding_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that embeds."""
    with running(tmp_path_factory.mktemp("llama-embedding"), "--embedding") as url:
        yield url
