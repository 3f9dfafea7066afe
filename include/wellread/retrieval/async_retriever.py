"""Retrieval for applications that run an event loop: one warm retriever, a bounded number of threads."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Self, TypeVar, Unpack

from wellread.retrieval.options import RetrievalOptions
from wellread.retrieval.results import RetrievalResult
from wellread.retrieval.retriever import Retriever
from wellread.snapshots import Head
from wellread.stores.protocol import Scope

_Made = TypeVar("_Made")


class AsyncRetriever:
    """A ``Retriever`` to be awaited. Make one when the application starts and share it; close it at the end.

    At most ``concurrency`` calls run at once, the others wait their turn. A call that is cancelled while it waits
    never runs; one that runs already ends in its thread, unheard, before its place is free again: the bound on what
    is asked of the servers holds either way. The retriever stays open.
    """

    def __init__(self, retriever: Retriever, *, concurrency: int = 8) -> None:
        self._retriever = retriever
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="wellread-async")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Wait for what runs, drop what waits. Closing twice is no error."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    async def head(self, collection: str) -> Head:
        """See :meth:`Retriever.head`."""
        return await self._run(partial(self._retriever.head, collection))

    async def retrieve(
        self, question: str, *, collection: str, scope: Scope, **options: Unpack[RetrievalOptions]
    ) -> RetrievalResult:
        """See :meth:`Retriever.retrieve`."""
        return await self._run(
            partial(self._retriever.retrieve, question, collection=collection, scope=scope, **options)
        )

    async def retrieve_many(
        self, questions: Sequence[str], *, collection: str, scope: Scope, **options: Unpack[RetrievalOptions]
    ) -> list[RetrievalResult]:
        """See :meth:`Retriever.retrieve_many`. It counts as one call, and works on its questions in threads."""
        return await self._run(
            partial(self._retriever.retrieve_many, questions, collection=collection, scope=scope, **options)
        )

    async def _run(self, call: Callable[[], _Made]) -> _Made:
        # As asyncio.to_thread does: logging and tracing keep the caller's context.
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, call)
