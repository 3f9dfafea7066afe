"""Start process families and end all of each: by session, by inherited marker, by descent.

No single one of them is enough: a component may have died and left children, a child may have left the
session, and a process that sets its own title may have overwritten the environment that we would read.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

CLOCK_TOLERANCE_SECONDS = 1.0
"""The kernel counts start times in hundredths of a second since boot; psutil adds a boot time that may move."""


@dataclass(frozen=True, slots=True)
class StartedProcess:
    """One process that we started as the leader of its own session."""

    name: str
    pid: int
    created: float
    """Seconds since the epoch: with the pid, the identity of a process."""

    def as_dict(self) -> dict[str, str | int | float]:
        """For the state file."""
        return asdict(self)

    def is_running(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        with contextlib.suppress(psutil.Error):
            return _is_same(psutil.Process(self.pid), self.created) and not _is_gone(psutil.Process(self.pid))
        return False


def start_process(
    name: str, command: Sequence[str], *, environment: Mapping[str, str], log: Path
) -> StartedProcess:
    """Start ``command`` in a session of its own; what it prints is appended to ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    return StartedProcess(name=name, pid=process.pid, created=psutil.Process(process.pid).create_time())


def find_family(started: Collection[StartedProcess], *, marker: str, token: str) -> list[psutil.Process]:
    """Every living process that came out of ``started`` or carries ``marker=token``; never this one."""
    sessions = {one.pid for one in started if _session_is_ours(one)}
    roots = [one for one in psutil.process_iter() if _belongs(one, sessions, marker, token)]
    family = {one.pid: one for one in roots}
    for root in roots:
        with contextlib.suppress(psutil.Error):
            family |= {child.pid: child for child in root.children(recursive=True)}
    family.pop(os.getpid(), None)
    return [one for one in family.values() if not _is_gone(one)]


def end_family(
    started: Collection[StartedProcess], *, marker: str, token: str, timeout_seconds: float
) -> list[psutil.Process]:
    """Ask the whole family to end, then kill what is left. The survivors, which should be none."""
    members = find_family(started, marker=marker, token=token)
    for member in members:
        with contextlib.suppress(psutil.Error):
            member.terminate()
    psutil.wait_procs(members, timeout=timeout_seconds)
    for _ in _attempts(10.0):
        # Descent is known only while parents live, so the first list is carried along.
        known = {one.pid: one for one in members if not _is_gone(one)}
        known |= {one.pid: one for one in find_family(started, marker=marker, token=token)}
        members = list(known.values())
        if not members:
            break
        for member in members:
            with contextlib.suppress(psutil.Error):
                member.kill()
        psutil.wait_procs(members, timeout=1.0)
    return members


def _attempts(seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield


def _belongs(process: psutil.Process, sessions: Collection[int], marker: str, token: str) -> bool:
    try:
        if os.getsid(process.pid) in sessions:
            return True
        return process.environ().get(marker) == token
    except (psutil.Error, OSError):
        return False


def _session_is_ours(started: StartedProcess) -> bool:
    """The kernel gives no pid away while a session bears its number, so only a stranger at it says no."""
    try:
        return _is_same(psutil.Process(started.pid), started.created)
    except psutil.NoSuchProcess:
        return True


def _is_same(process: psutil.Process, created: float) -> bool:
    return abs(process.create_time() - created) < CLOCK_TOLERANCE_SECONDS


def _is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
