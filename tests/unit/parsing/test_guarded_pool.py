"""Real child processes, really killed."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import chardet
import psutil
import pytest

from wellread.errors import DocumentError, SystemicError
from wellread.parsing import ParserPool, ParsingSettings, signature
from wellread.parsing.causes import CAUSES, REMEDIES
from wellread.parsing.channel import HEADER
from wellread.parsing.child_process import ChildProcess, ChildTimeoutError

SLOW_DOCUMENT = b'<?xml version="1.0"?><x>' + b"<p>one of very many short paragraphs</p>" * 1_000_000 + b"</x>"
"""Takes many seconds; the limits below end it before."""


Family = Callable[[], list[psutil.Process]]


def _parsers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if "wellread.parsing.warm_parent" in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.fixture
def family() -> Family:
    """The parsers that this test started: other tests' pools may be alive beside them."""
    others = set(_parsers())
    return lambda: [process for process in _parsers() if process not in others]


def _wait_until(holds: Callable[[], bool], what: str) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail(f"never happened: {what}")


def test_a_document_beyond_the_wall_limit_is_given_up_and_the_next_one_is_parsed() -> None:
    with ParserPool(ParsingSettings(worker_count=1, wall_limit_seconds=1)) as pool:
        pool.parse(b"warm", "warm.txt")
        with pytest.raises(DocumentError) as refused:
            pool.parse(SLOW_DOCUMENT, "slow.xml")
        assert refused.value.cause == "timeout"
        assert pool.parse(b"still here", "next.txt").elements[0].text == "still here"


def test_a_document_beyond_the_memory_limit_is_given_up_and_the_next_one_is_parsed() -> None:
    huge = ("[" + ",".join(f'{{"k{n}": [{n}, {n}]}}' for n in range(900_000)) + "]").encode()
    with ParserPool(ParsingSettings(worker_count=1, memory_limit_bytes=128 * 1024 * 1024)) as pool:
        with pytest.raises(DocumentError) as refused:
            pool.parse(huge, "huge.json")
        assert refused.value.cause == "out_of_memory"
        assert pool.parse(b"still here", "next.txt").elements[0].text == "still here"


def test_a_child_that_dies_takes_only_its_own_document_with_it(family: Family) -> None:
    with ParserPool(ParsingSettings(worker_count=1)) as pool:
        pool.parse(b"warm", "warm.txt")
        running = pool.submit(SLOW_DOCUMENT, "slow.xml")
        worker = max(family(), key=lambda process: process.pid)
        time.sleep(0.3)  # it should be in the middle of the document; the promise holds at any moment
        os.kill(worker.pid, signal.SIGSEGV)
        with pytest.raises(DocumentError) as refused:
            running.result()
        assert refused.value.cause == "crashed"
        assert "SIGSEGV" in refused.value.found
        assert pool.parse(b"still here", "next.txt").elements[0].text == "still here"


def test_a_killed_warm_parent_is_replaced(family: Family) -> None:
    with ParserPool(ParsingSettings(worker_count=1)) as pool:
        pool.parse(b"first", "first.txt")
        started = family()
        os.kill(min(started, key=lambda process: process.create_time()).pid, signal.SIGKILL)
        _wait_until(lambda: not any(p.is_running() and p.status() != "zombie" for p in started), "all ended")
        assert pool.parse(b"second", "second.txt").elements[0].text == "second"


def test_one_child_serves_many_documents_and_is_replaced_after_its_share(family: Family) -> None:
    with ParserPool(ParsingSettings(worker_count=1, documents_per_worker=3)) as pool:
        pids = []
        for number in range(6):
            pool.parse(b"some words", f"{number}.txt")
            pids.append(max(process.pid for process in family()))
    assert pids[0] == pids[1]
    assert len(set(pids)) >= 2


def test_documents_are_parsed_at_once_and_answers_do_not_mix() -> None:
    with ParserPool(ParsingSettings(worker_count=3)) as pool:
        futures = [pool.submit(f"document number {number}".encode(), f"{number}.txt") for number in range(60)]
        texts = [future.result().elements[0].text for future in futures]
    assert texts == [f"document number {number}" for number in range(60)]


def test_no_process_is_left_after_close_even_in_the_middle_of_a_document(family: Family) -> None:
    pool = ParserPool(ParsingSettings(worker_count=2))
    pool.parse(b"warm", "warm.txt")
    futures = [pool.submit(SLOW_DOCUMENT, f"{number}.xml") for number in range(4)]
    started = family()
    pool.close()
    assert all(future.cancelled() or isinstance(future.exception(), SystemicError) for future in futures)
    assert not [process for process in started if process.is_running()]
    assert pool.close() is None


def test_a_closed_pool_says_so() -> None:
    pool = ParserPool(ParsingSettings())
    pool.close()
    with pytest.raises(SystemicError, match="closed"):
        pool.parse(b"late", "late.txt")


OWNER = """
import sys, psutil
from wellread.parsing import ParserPool, ParsingSettings
pool = ParserPool(ParsingSettings(worker_count=2))
pool.parse(b"warm", "warm.txt")
slow = b'<?xml version="1.0"?><x>' + b"<p>one of very many short paragraphs</p>" * 1_000_000 + b"</x>"
futures = [pool.submit(slow, f"{n}.xml") for n in range(2)]
print(*(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
futures[0].result()
"""


def test_no_process_is_left_after_the_owner_was_killed() -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pids = [int(pid) for pid in owner.stdout.readline().split()]
    children = [psutil.Process(pid) for pid in pids]
    assert len(children) >= 2
    owner.kill()
    owner.wait()
    owner.stdout.close()
    _wait_until(
        lambda: not any(child.is_running() and child.status() != "zombie" for child in children), "all ended"
    )


CONNECT = """
import os, socket
from wellread.parsing import ParsingSettings
from wellread.parsing.worker import guard_process
listener = socket.create_server(("127.0.0.1", 0))
if os.fork() == 0:
    try:
        guard_process(ParsingSettings(), os.getppid())
        try:
            socket.create_connection(listener.getsockname(), timeout=5)
        except PermissionError:
            os._exit(7)
    finally:
        os._exit(1)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""


GUARDED = """
import os, sys
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.worker import guard_process
guard_process(ParsingSettings(), os.getppid())
sys.exit(not sys.dont_write_bytecode)
"""


def test_a_child_that_answers_byte_by_byte_gains_no_time_by_it() -> None:
    ours, theirs = socket.socketpair()
    threading.Thread(target=_trickle, args=(theirs,), daemon=True).start()
    with closing(ours), pytest.raises(ChildTimeoutError):
        ChildProcess(0, ours).ask(b"content", "name.txt", timeout_seconds=0.5)


def _trickle(connection: socket.socket) -> None:
    with closing(connection), suppress(OSError):
        for byte in HEADER.pack(1_000) + b"." * 1_000:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)


def test_the_warm_parent_compiles_parsers_once_and_its_workers_write_no_byte_code() -> None:
    compiled = Path(importlib.util.cache_from_source(chardet.__file__))
    compiled.unlink(missing_ok=True)
    with ParserPool(ParsingSettings(worker_count=1)) as pool:
        pool.parse(b"warm", "warm.txt")
        assert compiled.exists()
    subprocess.run([sys.executable, "-c", GUARDED], check=True)


def test_a_worker_cannot_connect_to_anything() -> None:
    done = subprocess.run([sys.executable, "-c", CONNECT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "7"


def test_workers_see_no_keys_of_the_environment(monkeypatch: pytest.MonkeyPatch, family: Family) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "made-up")
    with ParserPool(ParsingSettings(worker_count=1)) as pool:
        pool.parse(b"some words", "a.txt")
        environments = [process.environ() for process in family()]
    assert environments
    assert not [name for environment in environments for name in environment if "KEY" in name]
    assert all(environment["DO_NOT_TRACK"] == "1" for environment in environments)
    assert all(environment["HF_HUB_OFFLINE"] == "1" for environment in environments)


def test_content_beyond_the_size_limit_is_refused_without_a_child() -> None:
    with ParserPool(ParsingSettings(max_content_bytes=10)) as pool, pytest.raises(DocumentError) as refused:
        pool.parse(b"eleven byte", "large.txt")
    assert refused.value.cause == "too_large"


def test_the_loader_that_would_download_a_model_still_has_the_name_that_is_replaced() -> None:
    from unstructured.nlp import tokenize

    from wellread.parsing.offline_nlp import install_offline_nlp

    install_offline_nlp()
    model = tokenize._load_spacy_model()
    assert [sentence.text for sentence in model("It rains. We stay.").sents] == ["It rains.", "We stay."]
    assert [token.tag_ for token in model("We walked home")] == ["NN", "VB", "NN"]


def test_the_signature_follows_what_decides_the_output_and_nothing_else() -> None:
    plain = signature(ParsingSettings())
    assert signature(ParsingSettings(worker_count=7)) == plain
    assert signature(ParsingSettings(furniture_page_ratio=0.9)) != plain


def test_every_cause_has_a_remedy() -> None:
    assert set(REMEDIES) == CAUSES
