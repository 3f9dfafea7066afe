"""Parsing in guarded child processes: a document can take down its own child, and nothing else."""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, cast

from wellread.documents import ParsedDocument
from wellread.identities import stage_signature
from wellread.parsing import tesseract_program
from wellread.parsing.causes import Cause, document_error
from wellread.parsing.channel import unpack_document
from wellread.parsing.child_process import ChildLostError, ChildProcess, ChildTimeoutError, WarmParent, pool_closed
from wellread.parsing.optional_packages import missing_packages
from wellread.parsing.settings import OUTPUT_FIELDS, ParsingSettings

CODE_VERSION = "parsing-3"
"""Raised with every change that alters what comes out of parsing: documents are then parsed again."""
NEAR_LIMIT = 0.8
MAX_TURNS = 100


def signature(settings: ParsingSettings) -> str:
    """What parsing's output depends on besides the bytes and the name: code, settings, and what is installed."""
    chosen = settings.model_dump(include=set(OUTPUT_FIELDS))
    missing = tuple(f"without {name}" for name in missing_packages())
    return stage_signature(CODE_VERSION, chosen, *tesseract_program.identity(settings.recognition), *missing)


class ParserPool:
    """Parses documents in child processes with a limit on time and memory each.

    Children are forked from one warm process, used for many documents, and killed and replaced on breach.
    Nothing is started before the first document. No process is left after :meth:`close`, nor after this
    process was killed. Safe to use from several threads.
    """

    def __init__(self, settings: ParsingSettings) -> None:
        self.settings = settings
        self._executor = ThreadPoolExecutor(settings.worker_count, thread_name_prefix="wellread-parsing")
        self._idle: queue.SimpleQueue[ChildProcess] = queue.SimpleQueue()
        self._warm_parent = WarmParent(settings)
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def parse(self, content: bytes, natural_key: str) -> ParsedDocument:
        """The parsed document.

        Raises:
            UnsupportedTypeError: the document is of a type that is not read.
            DocumentError: it cannot be parsed; ``cause`` is one of ``causes.CAUSES``.
            SystemicError: no child process can be started at all.
        """
        return self.submit(content, natural_key).result()

    def submit(self, content: bytes, natural_key: str) -> Future[ParsedDocument]:
        """Parses in the background, ``worker_count`` documents at once; errors come with the result."""
        if self._closed.is_set():
            raise pool_closed()
        return self._executor.submit(self._parse, content, natural_key)

    def close(self) -> None:
        """Gives up what is running or waiting and ends every child process. May be called twice."""
        self._closed.set()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._warm_parent.close()
        self._executor.shutdown(wait=True)
        while not self._idle.empty():
            self._idle.get_nowait().connection.close()

    def _parse(self, content: bytes, natural_key: str) -> ParsedDocument:
        if len(content) > self.settings.max_content_bytes:
            limit = self.settings.max_content_bytes
            raise document_error(natural_key, "too_large", f"{len(content):,} bytes, the limit is {limit:,}")
        answer = self._answer(content, natural_key)
        for _ in range(MAX_TURNS):  # each turn replaces one child that was forked before the slow imports
            if "needs" not in answer:
                break
            self._warm_parent.preload()
            answer = self._answer(content, natural_key)
        if "failure" in answer:
            raise document_error(natural_key, cast("Cause", answer["failure"]), str(answer["found"]))
        if "document" not in answer:
            raise document_error(natural_key, "crashed", f"its child process ended {MAX_TURNS} times")
        return unpack_document(cast("dict[str, object]", answer["document"]))

    def _answer(self, content: bytes, natural_key: str) -> dict[str, object]:
        child = self._take()
        try:
            raw = child.ask(
                content,
                natural_key,
                timeout_seconds=self.settings.wall_limit_seconds,
                max_extensions=self.settings.recognition.max_pages + 1,
            )
        except ChildTimeoutError:
            self._warm_parent.reap(child)
            limit = self.settings.wall_limit_seconds
            raise document_error(natural_key, "timeout", f"not done after {limit:g} s") from None
        except ChildLostError:
            death = self._warm_parent.reap(child)
            if self._closed.is_set():
                raise pool_closed() from None
            if death is None:
                return {"needs": "another warm parent"}  # it was killed from outside: not the document's fault
            raise document_error(natural_key, *self._reason_of_death(*death)) from None
        answer: dict[str, object] = json.loads(raw)
        if (
            "needs" in answer
            or answer.get("failure") == "out_of_memory"
            or child.answered_count >= self.settings.documents_per_worker
        ):
            self._warm_parent.reap(child)
        else:
            self._idle.put(child)
        return answer

    def _take(self) -> ChildProcess:
        while True:
            try:
                child = self._idle.get_nowait()
            except queue.Empty:
                return self._warm_parent.fork()
            if child.is_alive():
                return child
            self._warm_parent.reap(child)

    def _reason_of_death(self, status: int, peak_bytes: int) -> tuple[Cause, str]:
        if peak_bytes > NEAR_LIMIT * self.settings.memory_limit_bytes:
            return "out_of_memory", f"the child process died at {peak_bytes:,} bytes of memory"
        if os.WIFSIGNALED(status):
            return "crashed", f"the child process died of {signal.Signals(os.WTERMSIG(status)).name}"
        return "crashed", f"the child process ended with status {os.WEXITSTATUS(status)}"
