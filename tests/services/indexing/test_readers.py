"""A reader beside a writer: at every moment exactly one version."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest

from wellread.testing.embedding_server import embedding_server

pytestmark = pytest.mark.weaviate


def test_a_query_20_times_a_second_finds_one_version_and_never_none(library: Any) -> None:
    library.ingest()
    library.embedding.behave(latency_seconds=0.1)
    stop = threading.Event()
    answers: list[list[Any]] = []
    texts: list[str] = []

    def read(workspace: Any) -> None:
        with workspace:
            while not stop.is_set():
                started = time.monotonic()
                found = workspace.retriever.retrieve(
                    "The amber council counts the lamps along the quay",
                    collection=library.collection,
                    scope=workspace.scope(),
                    k=50,
                    mode="hybrid",
                )
                answers.append([one for one in found.passages if one.document == "amber.txt"])
                texts.extend(one.text for one in answers[-1])
                stop.wait(max(0.0, 0.05 - (time.monotonic() - started)))

    versions = [library.files.read("amber.txt")]
    with embedding_server(dimensions=64) as own, ExitStack() as stack:
        library.options = {"embedder": {"openai": {"base_url": own.openai_url}}}  # the reader's answers at once
        reader = threading.Thread(target=read, args=(library.open(),))
        library.options = {}
        reader.start()
        stack.callback(reader.join)
        stack.callback(stop.set)
        for number in range(20):
            text = library.prose("amber", 12).replace("and counts", f"and in year {number} counts")
            versions.append(text)
            library.files.write("amber.txt", text)
            assert library.ingest().published
            if number >= 2 and len(answers) >= 60:
                break
        time.sleep(0.2)
    assert len(answers) >= 60
    assert all(answers)
    assert {len({one.version_hash for one in found}) for found in answers} == {1}
    assert len({one.version_hash for found in answers for one in found}) >= 3
    squeezed = ["".join(text.split()) for text in versions]
    assert all(any("".join(text.split()) in whole for whole in squeezed) for text in texts)
