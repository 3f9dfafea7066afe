"""Logs, progress and memory."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from wellread.telemetry import (
    NoProgress,
    TerminalProgress,
    get_logger,
    peak_memory_bytes,
    progress_for,
    set_up_logging,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def quiet_afterwards() -> Iterator[None]:
    logger = logging.getLogger("wellread")
    before = (list(logger.handlers), logger.level, logger.propagate)
    yield
    logger.handlers[:], logger.level, logger.propagate = before[0], before[1], before[2]


def test_json_logs_are_one_object_a_line_with_the_extras() -> None:
    stream = io.StringIO()
    set_up_logging(log_format="json", level="info", stream=stream)
    get_logger("wellread.models").info("loaded %d", 3, extra={"model": "mini"})
    get_logger("plugin_of_mine").info("line\nbreak")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["message"], first["level"], first["model"]) == ("loaded 3", "info", "mini")
    assert first["at"].endswith("+00:00")
    assert (second["logger"], second["message"]) == ("wellread.plugin_of_mine", "line\nbreak")


def test_plain_logs_show_the_traceback() -> None:
    stream = io.StringIO()
    set_up_logging(stream=stream)
    try:
        {}["gone"]
    except KeyError:
        get_logger("wellread.ledger").exception("failed")
    text = stream.getvalue()
    assert "error ledger: failed" in text
    assert "KeyError: 'gone'" in text


def test_setting_up_twice_does_not_double_the_lines() -> None:
    stream = io.StringIO()
    set_up_logging(stream=io.StringIO())
    set_up_logging(stream=stream)
    get_logger("wellread.x").warning("once")
    assert stream.getvalue().count("once") == 1


def test_debug_lines_are_left_out_unless_asked_for() -> None:
    stream = io.StringIO()
    set_up_logging(stream=stream)
    get_logger("wellread.x").info("small talk")
    assert not stream.getvalue()


def test_progress_is_shown_on_a_terminal_and_nowhere_else() -> None:
    assert isinstance(progress_for(io.StringIO()), NoProgress)
    terminal = Terminal()
    with progress_for(terminal) as progress:
        assert isinstance(progress, TerminalProgress)
        progress.start("parsing", total_count=3)
        progress.advance("parsing", count=2)
        progress.advance("embedding")
        progress.finish("parsing")
        progress.finish("never begun")
    assert "parsing" in terminal.getvalue() or "embedding" in terminal.getvalue()


def test_peak_memory_grows_with_what_is_held_and_never_falls() -> None:
    before = peak_memory_bytes()
    block = bytearray(b"x" * 200_000_000)
    held = peak_memory_bytes()
    del block
    assert held > 150_000_000
    assert peak_memory_bytes() >= held >= before
