"""Workers in processes of their own, against a testing server in one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wellread.testing.provider_server import ProviderServer, provider_process

WORKER = Path(__file__).with_name("model_worker.py")
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    """A server that nobody's death takes along."""
    with provider_process() as server:
        yield server


@pytest.fixture
def start(tmp_path: Path, provider: ProviderServer) -> Start:
    """Starts a worker with options; they are joined by the test's folder and server."""

    def start(action: str, **options: Any) -> subprocess.Popen[str]:
        given = {"action": action, "folder": str(tmp_path), "url": provider.openai_url, **options}
        return subprocess.Popen([sys.executable, str(WORKER), json.dumps(given)], stdout=subprocess.PIPE, text=True)

    return start


@pytest.fixture
def output_of() -> Callable[[subprocess.Popen[str]], Any]:
    """Waits for a worker and reads what it printed."""

    def output_of(worker: subprocess.Popen[str]) -> Any:
        printed, _ = worker.communicate(timeout=500)
        assert worker.returncode == 0
        return json.loads(printed)

    return output_of
