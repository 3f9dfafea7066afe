"""Workers in processes of their own, against a testing server in one of its own."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from wellread.testing.provider_server import ProviderServer, provider_process

WORKER = Path(__file__).with_name("model_worker.py")


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    """A server that nobody's death takes along."""
    with provider_process() as server:
        yield server


@dataclass(frozen=True)
class Workers:
    """Starts workers with options; they are joined by the test's folder and server."""

    folder: Path
    url: str

    def __call__(self, action: str, **options: Any) -> subprocess.Popen[str]:
        """One in a process of its own."""
        given = {"action": action, "folder": str(self.folder), "url": self.url, **options}
        return subprocess.Popen([sys.executable, str(WORKER), json.dumps(given)], stdout=subprocess.PIPE, text=True)

    def plan(self, **options: Any) -> str:
        """A plan made in this process: the same bytes as any other would make."""
        worker = _module()
        given = worker.Options(action="plan", folder=self.folder, url=options.pop("url", self.url), **options)
        return str(worker.plan(given))


@lru_cache
def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("model_worker", WORKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["model_worker"] = module  # dataclasses and pydantic look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def start(tmp_path: Path, provider: ProviderServer) -> Workers:
    """Starts workers."""
    return Workers(tmp_path, provider.openai_url)


@pytest.fixture
def output_of() -> Callable[[subprocess.Popen[str]], Any]:
    """Waits for a worker and reads what it printed."""

    def output_of(worker: subprocess.Popen[str]) -> Any:
        printed, _ = worker.communicate(timeout=500)
        assert worker.returncode == 0
        return json.loads(printed)

    return output_of
