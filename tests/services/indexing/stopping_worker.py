"""A process that stops, with all its threads, right before its first call of one method of the store.

``stopping_worker.py run|vacuum|rebuild METHOD FOLDER``; settings come from the environment, as for the shell. It
ends as the shell does: what went wrong is JSON on its output, and code 75 says that a retry helps.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from wellread.errors import WellreadError
from wellread.indexing.running import Runner
from wellread.sources.declarations import declaration_for_folder
from wellread.upkeep.rebuilding import rebuild
from wellread.upkeep.vacuum import vacuum
from wellread.workspace import Workspace


class Stops:
    """A real store. The process is stopped before the first call of ``method``, wherever it comes from."""

    def __init__(self, store: Any, method: str) -> None:
        self._store, self._method = store, method

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name != self._method:
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            self._method = ""
            os.kill(os.getpid(), signal.SIGSTOP)
            return found(*arguments, **options)

        return call


def main(what: str, method: str, folder: str) -> int:
    with Workspace.open() as workspace:
        parts = dataclasses.replace(workspace.parts, store=Stops(workspace.store, method))
        collection = workspace.settings.collection
        try:
            if what == "run":
                Runner(parts, workspace.open_source).run(
                    declaration_for_folder(Path(folder), collection=collection)
                )
            elif what == "vacuum":
                vacuum(parts, collection)
            else:
                rebuild(parts, collection, grace_seconds=0)
        except WellreadError as error:
            print(json.dumps({**error.as_dict(), "class": type(error).__name__}))
            return 75 if error.retryable else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
