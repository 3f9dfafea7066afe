"""Inside a child process: limits first, then one document after the other."""

from __future__ import annotations

import ctypes
import importlib
import json
import logging
import os
import resource
import signal
import socket
import sys
import warnings
from pathlib import Path

from wellread.parsing.causes import UnreadableError
from wellread.parsing.channel import pack_document, receive_frame, send_frame, writable
from wellread.parsing.reading import needs_slow_parsers, read_document
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.text_recognition import page_done

LIGHT_MODULES = ("chardet", "lxml.html", "pypdfium2")
SLOW_MODULES = (
    "unstructured.partition.html",
    "unstructured.partition.md",
    "unstructured.partition.docx",
    "unstructured.partition.pptx",
    "openpyxl",
)
NETWORK_EVENTS = frozenset(
    {"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}
)
PR_SET_PDEATHSIG = 1


def preload_light() -> None:
    """Imports what nearly every document needs: below a second."""
    for module in LIGHT_MODULES:
        importlib.import_module(module)


def preload_slow() -> None:
    """Imports Unstructured and the office parsers: some seconds, once in the warm parent."""
    from wellread.parsing.offline_nlp import install_offline_nlp

    install_offline_nlp()
    for module in SLOW_MODULES:
        importlib.import_module(module)


def slow_parsers_loaded() -> bool:
    """Whether :func:`preload_slow` ran in this process or in the one it was forked from."""
    return all(module in sys.modules for module in SLOW_MODULES)


def serve(connection: socket.socket, settings: ParsingSettings, parent_pid: int) -> None:
    """Answers documents until the connection closes, or until memory ran out once."""
    guard_process(settings, parent_pid)
    page_done.set(lambda: send_frame(connection, b""))
    while True:
        natural_key = receive_frame(connection)
        content = receive_frame(connection) if natural_key is not None else None
        if natural_key is None or content is None:
            return
        answer = answer_for(content, natural_key.decode("utf-8", "surrogatepass"), settings)
        send_frame(connection, answer)
        if b'"out_of_memory"' in answer[:80]:
            return  # the heap may be in pieces: a fresh process is cheap


def answer_for(content: bytes, natural_key: str, settings: ParsingSettings) -> bytes:
    """The answer's JSON: a document, a failure with its cause, or the wish for the slow parsers."""
    try:
        if needs_slow_parsers(content, natural_key) and not slow_parsers_loaded():
            return b'{"needs": "slow parsers"}'
        return pack_document(read_document(content, natural_key, settings))
    except UnreadableError as failure:
        return _failure(failure.cause, failure.found)
    except MemoryError:
        return _failure("out_of_memory", f"more than {settings.memory_limit_bytes:,} bytes were needed")
    except RecursionError:
        return _failure("corrupt", "nested deeper than any parser follows")
    except Exception as error:  # noqa: BLE001 - the border: whatever a parser raises becomes a typed failure
        return _failure("corrupt", f"the parser failed with {type(error).__name__}: {error}"[:500])


def _failure(cause: str, found: str) -> bytes:
    return json.dumps({"failure": cause, "found": writable(found)}).encode("ascii")


def guard_process(settings: ParsingSettings, parent_pid: int) -> None:
    """Own process group, death with the parent, limits on memory, no network, silence, no byte code written."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent_pid:
            os._exit(1)
        limit_bytes = _address_space_bytes() + settings.memory_limit_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    sys.dont_write_bytecode = True  # only the warm parent, which sees no document, writes into the installation
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.addaudithook(_refuse_network)


def _address_space_bytes() -> int:
    statm = Path("/proc/self/statm").read_text("ascii")
    return int(statm.split()[0]) * resource.getpagesize()


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    if event in NETWORK_EVENTS:
        raise PermissionError(f"parsers have no network: {event} {arguments!r:.80}")
