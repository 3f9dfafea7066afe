"""Great Expectations in a process of its own, started while documents are still being extracted.

Its import takes seconds and 200 MB: on the other core, and not in the process that loads.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, cast

import wellread
from wellread.errors import SystemicError
from wellread.quality.run_rules import RunRule, RunTable

_END_SECONDS = 10.0


class ValidationProcess:
    """Validates tables one after the other. It ends with :meth:`close`, or when this process is gone."""

    def __init__(self) -> None:
        """Nothing is started."""
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def is_started(self) -> bool:
        """Whether :meth:`validate` finds the library imported, or on the way."""
        return self._process is not None

    def start(self) -> None:
        """Begin to import. Returns at once; may be called twice. Raises ``OSError`` where no process can start."""
        with self._lock:
            if self._process is not None:
                return
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
            self._process = subprocess.Popen(
                [sys.executable, "-m", "wellread.quality.validation_worker"],
                env={**os.environ, "PYTHONPATH": str(Path(wellread.__file__).parents[1])},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
            )

    def validate(
        self, table: RunTable, rules: Sequence[RunRule], *, report_folder: Path | None
    ) -> tuple[Mapping[str, tuple[bool, float]], str | None]:
        """As ``gx_validation.validate_table``. Raises ``SystemicError``, also where the process died."""
        self.start()
        question = {
            "natural_keys": table.natural_keys,
            "columns": table.columns,
            "rules": [asdict(rule) for rule in rules],
            "report_folder": None if report_folder is None else str(report_folder.absolute()),
        }
        with self._lock:
            answer = self._ask(json.dumps(question).encode())
        if "error" in answer:
            raise SystemicError(**cast("dict[str, str]", answer["error"]))
        observed = cast("dict[str, tuple[bool, float]]", answer["observed"])
        return {name: (passed, value) for name, (passed, value) in observed.items()}, cast(
            "str | None", answer["report_uri"]
        )

    def close(self) -> None:
        """End the process. May be called twice; the next :meth:`start` begins another."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or self._errors is None:
            return
        process.kill()  # it may still be importing, and it holds nothing that matters
        with suppress(BrokenPipeError):  # what was written and not read
            process.communicate(timeout=_END_SECONDS)
        self._errors.close()

    def _ask(self, question: bytes) -> dict[str, object]:
        process, errors = self._process, self._errors
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        assert errors is not None
        try:
            process.stdin.write(question + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = b""
        if not answer:
            errors.seek(0)
            said = errors.read()[-500:].decode("utf-8", "replace").strip()
            self._end()
            raise SystemicError(
                "check the quality of a run",
                found=f"the process that runs Great Expectations died: {said or 'it said nothing'}",
                remedy="Run again; if it stays, install the pinned great-expectations and pandas again. Nothing "
                "was paid",
            )
        return cast("dict[str, object]", json.loads(answer))
