"""The process behind ``validation_process``: a table a line on stdin, a verdict a line on stdout."""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

from wellread.errors import SystemicError
from wellread.quality.gx_validation import import_quietly, validate_table
from wellread.quality.run_rules import RunRule, RunTable


def main() -> None:
    """Until stdin ends. Only answers go to the pipe that was stdout: libraries print."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        gc.disable()  # looking for cycles in what is being imported takes a fifth of the time
        import_quietly()
        gc.enable()
        for line in sys.stdin:
            answers.write(json.dumps(_answer(json.loads(line))) + "\n")
            answers.flush()


def _answer(question: dict[str, Any]) -> dict[str, object]:
    table = RunTable(tuple(question["natural_keys"]), question["columns"])
    rules = [RunRule(**rule) for rule in question["rules"]]
    folder = question["report_folder"]
    try:
        observed, report_uri = validate_table(table, rules, report_folder=None if folder is None else Path(folder))
    except SystemicError as error:
        return {"error": {"asked": error.asked, "found": error.found, "remedy": error.remedy}}
    return {"observed": observed, "report_uri": report_uri}


if __name__ == "__main__":
    main()
