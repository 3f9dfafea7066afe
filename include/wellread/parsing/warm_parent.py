"""The process that imports the parsers once and forks workers from itself.

Run as ``python -m wellread.parsing.warm_parent FD SETTINGS_JSON``; FD is its end of the control socket.
Commands, one frame each: ``fork`` (a socket for the new worker comes along; answer: its pid), ``reap PID``
(kill, wait; answer: wait status and peak memory), ``preload`` (import the slow parsers; answer: ``done``).
When the control socket closes, because the pool was closed or its process was killed, every worker is
killed and this process ends.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys

from wellread.parsing.channel import HEADER, send_frame
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.worker import preload_light, preload_slow, serve


def main() -> None:
    """Serves the control socket until it closes."""
    control = socket.socket(fileno=int(sys.argv[1]))
    settings = ParsingSettings.model_validate_json(sys.argv[2])
    gc.disable()  # nothing but imports happens here
    preload_light()
    children: set[int] = set()
    send_frame(control, b"ready")
    try:
        _serve_commands(control, settings, children)
    finally:
        for pid in list(children):
            _kill_and_reap(pid)


def _serve_commands(control: socket.socket, settings: ParsingSettings, children: set[int]) -> None:
    while True:
        command, descriptors = _receive_command(control)
        if command is None:
            return
        if command == b"fork":
            gc.freeze()  # the imported modules stay shared: a worker's collections do not touch, and copy, them
            pid = _fork_worker(control, descriptors[0], settings)
            children.add(pid)
            send_frame(control, str(pid).encode())
        elif command == b"preload":
            preload_slow()
            send_frame(control, b"done")
        else:
            pid = int(command.removeprefix(b"reap "))
            status, peak_bytes = _kill_and_reap(pid)
            children.discard(pid)
            send_frame(control, f"{status} {peak_bytes}".encode())


def _receive_command(control: socket.socket) -> tuple[bytes | None, list[int]]:
    try:
        header, descriptors, _, _ = socket.recv_fds(control, HEADER.size, 1)
    except ConnectionError:
        return None, []
    if len(header) < HEADER.size:
        return None, []
    (length,) = HEADER.unpack(header)
    return control.recv(length, socket.MSG_WAITALL), descriptors


def _fork_worker(control: socket.socket, descriptor: int, settings: ParsingSettings) -> int:
    parent_pid = os.getpid()
    pid = os.fork()
    if pid:
        os.close(descriptor)
        return pid
    status = 1
    try:
        control.close()
        gc.enable()
        serve(socket.socket(fileno=descriptor), settings, parent_pid)
        status = 0
    finally:
        os._exit(status)  # never back into the parent's code, not even after an error


def _kill_and_reap(pid: int) -> tuple[int, int]:
    for kill in (os.killpg, os.kill):  # the group first: a worker may have started a converter
        try:
            kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    _, status, usage = os.wait4(pid, 0)
    return status, usage.ru_maxrss * 1024


if __name__ == "__main__":
    main()
