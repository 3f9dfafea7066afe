"""Awaiting retrieval: the bound holds, cancelled calls leave nothing behind, errors and context come through."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from wellread.errors import SettingsError
from wellread.retrieval.async_retriever import AsyncRetriever
from wellread.retrieval.results import RetrievalResult
from wellread.retrieval.retriever import Retriever
from wellread.stores.protocol import Scope

if TYPE_CHECKING:
    from tests.services.retrieval.conftest import Library

pytestmark = pytest.mark.weaviate

CALLER = contextvars.ContextVar("caller", default="nobody")


class Gated:
    """The library's embedder behind a gate: a call waits there until the test opens it."""

    def __init__(self, library: Library) -> None:
        self._embedder = library.embedder
        self.identity = library.embedder.identity
        self.limits = library.embedder.limits
        self.gate = threading.Event()
        self.lock = threading.Lock()
        self.arrived = threading.Semaphore(0)
        self.running = 0
        self.most = 0
        self.asked: list[str] = []
        self.callers: set[str] = set()

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)

    def embed(self, texts: Sequence[str], *, kind: Any) -> Any:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
            self.asked.extend(texts)
            self.callers.add(CALLER.get())
        self.arrived.release()
        self.gate.wait(60)
        with self.lock:
            self.running -= 1
        return self._embedder.embed(texts, kind=kind)

    def close(self) -> None:
        """The library's embedder stays open."""

    async def started(self, count: int) -> None:
        """So many calls stand at the gate."""
        for _ in range(count):
            assert await asyncio.to_thread(self.arrived.acquire, timeout=60)


def over(library: Library, embedder: Gated, concurrency: int) -> AsyncRetriever:
    return AsyncRetriever(Retriever(library.store, embedder), concurrency=concurrency)


def asked(library: Library, retriever: AsyncRetriever, question: str) -> asyncio.Future[RetrievalResult]:
    call = retriever.retrieve(
        question, collection=library.projection.collection, scope=Scope("t"), mode="vector", k=3
    )
    return asyncio.ensure_future(call)


def test_no_more_calls_run_at_once_than_allowed_and_all_are_answered(library: Library) -> None:
    embedder = Gated(library)

    async def run() -> list[RetrievalResult]:
        async with over(library, embedder, 3) as retriever:
            calls = [asked(library, retriever, f"question {number}") for number in range(12)]
            await embedder.started(3)
            embedder.gate.set()
            return await asyncio.gather(*calls)

    results = asyncio.run(run())
    assert [result.question for result in results] == [f"question {number}" for number in range(12)]
    assert all(len(result.passages) == 3 for result in results)
    assert embedder.most == 3


def test_a_waiting_call_that_is_cancelled_never_runs_and_a_running_one_keeps_its_place(library: Library) -> None:
    embedder = Gated(library)

    async def run() -> RetrievalResult:
        async with over(library, embedder, 1) as retriever:
            first, second, third = (asked(library, retriever, name) for name in ("first", "second", "third"))
            await embedder.started(1)
            for call in (first, second):
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
            assert embedder.asked == ["first"]
            embedder.gate.set()
            return await third

    assert asyncio.run(run()).question == "third"
    assert (embedder.asked, embedder.most) == (["first", "third"], 1)


def test_errors_and_the_callers_context_come_through(library: Library) -> None:
    embedder = Gated(library)
    embedder.gate.set()
    collection = library.projection.collection

    async def run() -> list[RetrievalResult]:
        CALLER.set("me")
        async with over(library, embedder, 2) as retriever:
            with pytest.raises(SettingsError, match="blank"):
                await asked(library, retriever, " ")
            assert (await retriever.head(collection)).projection == library.projection
            return await retriever.retrieve_many(["flour", "ovens"], collection=collection, scope=Scope("t"))

    assert [result.question for result in asyncio.run(run())] == ["flour", "ovens"]
    assert embedder.callers == {"me"}


def test_closing_waits_for_what_runs_and_drops_what_waits(library: Library) -> None:
    embedder = Gated(library)

    async def run() -> list[Any]:
        retriever = over(library, embedder, 1)
        calls = [asked(library, retriever, name) for name in ("first", "second")]
        await embedder.started(1)
        closing = asyncio.ensure_future(retriever.aclose())
        second = await asyncio.gather(calls[1], return_exceptions=True)
        assert not closing.done()
        embedder.gate.set()
        await closing
        await retriever.aclose()
        return [await calls[0], *second]

    first, second = asyncio.run(run())
    assert first.question == "first"
    assert isinstance(second, asyncio.CancelledError)
    assert embedder.asked == ["first"]
