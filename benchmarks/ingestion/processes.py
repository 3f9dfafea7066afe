"""A contestant's process: started, watched for memory, killed where a workload says so."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAMPLE_SECONDS = 0.1
_WATCHED_SHARE = 0.05
"""Of a core, at most, for looking at memory: a large process takes 10 ms to look at, and some trees have five."""
_LIMIT_SECONDS = 420.0


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    exit_code: int
    """Negative: killed by that signal."""
    seconds: float
    processor_seconds: float
    """Of the process and the descendants that it waited for, without store and embedding server: the machine's load
    hardly moves it. Right where no other child of the benchmark ended meanwhile."""
    peak_memory_mib: float
    """Of the process and all its descendants together; pages that they share count once."""
    output: str
    tail: str
    """The end of standard error."""


class Running:
    """A process in a session of its own, so that its whole tree can be killed."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._output, self._errors = folder / f"{name}.out", folder / f"{name}.err"
        self._started, self._spent = time.perf_counter(), _children_seconds()
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                list(command),
                env=dict(environment),
                cwd=folder,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )
        self._peak_bytes = 0
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    @property
    def has_ended(self) -> bool:
        """Whether it is over."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """SIGKILL to the process and everything that it started."""
        os.killpg(self._process.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        """The end; a process that takes seven minutes is killed."""
        try:
            code = self._process.wait(timeout=_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        seconds = time.perf_counter() - self._started
        processor_seconds = _children_seconds() - self._spent
        self._watcher.join()
        output = self._output.read_text(encoding="utf-8", errors="replace")
        tail = self._errors.read_text(encoding="utf-8", errors="replace")[-1_500:]
        return Ended(code, seconds, processor_seconds, self._peak_bytes / 2**20, output, tail)

    def _watch(self) -> None:
        while not self.has_ended:
            began = time.thread_time()
            self._peak_bytes = max(self._peak_bytes, _tree_bytes(self._process.pid))
            time.sleep(max(_SAMPLE_SECONDS, (time.thread_time() - began) / _WATCHED_SHARE))


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tree_bytes(pid: int) -> int:
    try:
        root = psutil.Process(pid)
        members = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(_proportional_bytes(member) for member in members)


def _proportional_bytes(process: psutil.Process) -> int:
    try:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    sizes = [line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:")]
    return int(sizes[0]) * 1024 if sizes else 0
