"""The pool's end of its processes: start the warm parent, fork workers from it, ask them, end them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO

import wellread
from wellread.errors import SystemicError
from wellread.parsing.channel import HEADER, receive_frame, send_frame
from wellread.parsing.settings import ParsingSettings

KEPT_ENVIRONMENT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "TESSDATA_PREFIX",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
)
"""Parsers meet hostile documents: they get no keys and passwords to see."""
CHILD_ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "SCARF_NO_ANALYTICS": "true",
    "UNSTRUCTURED_DISABLE_NOTICE": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "OMP_THREAD_LIMIT": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
END_SECONDS = 10.0


class ChildTimeoutError(Exception):
    """The child did not answer in time; it still runs and must be reaped."""


class ChildLostError(Exception):
    """The child died before it answered; it must be reaped."""


class ChildProcess:
    """One worker: a pid and the socket to it."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self.connection = connection
        self.answered_count = 0

    def ask(self, content: bytes, natural_key: str, *, timeout_seconds: float, max_extensions: int = 0) -> bytes:
        """The answer's bytes.

        An empty frame says that the child begins with another page of a scan: the time begins anew, at most
        ``max_extensions`` times.

        Raises:
            ChildTimeoutError: no answer within ``timeout_seconds``.
            ChildLostError: the process died.
        """
        send: tuple[bytes, ...] = (natural_key.encode("utf-8", "surrogatepass"), content)
        for _ in range(max_extensions + 1):
            answer = self._next_frame(send, timeout_seconds)
            if answer:
                self.answered_count += 1
                return answer
            send = ()
        raise ChildTimeoutError

    def _next_frame(self, send: tuple[bytes, ...], timeout_seconds: float) -> bytes:
        deadline = time.monotonic() + timeout_seconds
        try:
            for payload in send:
                send_frame(self.connection, payload, deadline=deadline)
            answer = receive_frame(self.connection, deadline=deadline)
        except TimeoutError:
            raise ChildTimeoutError from None
        except OSError:
            answer = None
        if answer is None:
            raise ChildLostError
        return answer

    def is_alive(self) -> bool:
        """Whether an idle worker still holds its end of the connection."""
        self.connection.settimeout(0)
        try:
            return bool(self.connection.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self.connection.settimeout(None)


class WarmParent:
    """The process that holds the imported parsers. Started at the first fork, and again if it was killed."""

    def __init__(self, settings: ParsingSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False
        self._preloaded = False

    def fork(self) -> ChildProcess:
        """A fresh worker."""
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            try:
                pid = int(self._command(b"fork", theirs))
            except ChildLostError:
                self._stop()  # it was killed from outside: once more with a new one
                try:
                    pid = int(self._command(b"fork", theirs))
                except ChildLostError as error:
                    raise _cannot_start("it ended at once") from error
        return ChildProcess(pid, ours)

    def preload(self) -> None:
        """Imports the slow parsers into the warm parent; only the first call takes time."""
        with self._lock:
            if not self._preloaded:
                try:
                    self._command(b"preload")
                except ChildLostError as error:
                    self._stop()
                    raise _cannot_start("it ended while it imported the parsers") from error
                self._preloaded = True

    def reap(self, child: ChildProcess) -> tuple[int, int] | None:
        """Kills the worker and all that it started. Returns its wait status and peak memory in bytes.

        ``None`` where the warm parent is gone, and the worker with it.
        """
        child.connection.close()
        with self._lock:
            if self._closed or self._control is None:
                return None
            try:
                status, peak_bytes = self._command(b"reap %d" % child.pid).split()
            except ChildLostError:
                self._stop()
                return None
            return int(status), int(peak_bytes)

    def close(self) -> None:
        """Ends the warm parent and with it every worker."""
        self._closed = True
        with self._lock:
            self._stop()

    def _command(self, command: bytes, passed: socket.socket | None = None) -> bytes:
        control = self._start() if self._control is None else self._control
        try:
            if passed is None:
                control.sendall(HEADER.pack(len(command)))
            else:
                socket.send_fds(control, [HEADER.pack(len(command))], [passed.fileno()])
            control.sendall(command)
            answer = receive_frame(control)
        except OSError:
            answer = None
        if answer is None:
            raise ChildLostError
        return answer

    def _start(self) -> socket.socket:
        if self._closed:
            raise pool_closed()
        ours, theirs = socket.socketpair()
        with theirs, tempfile.TemporaryFile() as errors:
            arguments = [str(theirs.fileno()), self._settings.model_dump_json()]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "wellread.parsing.warm_parent", *arguments],
                env=_environment(),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
            theirs.close()
            self._control = ours
            self._preloaded = False
            self._await_ready(ours, errors)
        return ours

    def _await_ready(self, control: socket.socket, errors: IO[bytes]) -> None:
        try:
            ready = receive_frame(control, deadline=time.monotonic() + self._settings.start_limit_seconds)
        except TimeoutError:
            ready = None
        control.settimeout(None)
        if ready is None:
            self._stop()
            errors.seek(0)
            raise _cannot_start(errors.read()[-500:].decode("utf-8", "replace").strip() or "it did not get ready")

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


def pool_closed() -> SystemicError:
    """The error of whoever asks, or still waits, after the pool was closed."""
    return SystemicError("parse a document", found="the parser pool is closed", remedy="Open a new pool")


def _environment() -> dict[str, str]:
    root = str(Path(wellread.__file__).parents[1])
    kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    return {**kept, **CHILD_ENVIRONMENT, "PYTHONPATH": root}


def _cannot_start(found: str) -> SystemicError:
    return SystemicError(
        "start the process that parses documents",
        found=found,
        remedy="Install the extra: pip install 'wellread-airflow[ingest]'",
    )
