"""The world of the ingestion tests, for the operator's tools."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def _load_worlds() -> ModuleType:
    path = Path(__file__).parents[1] / "indexing" / "conftest.py"
    spec = importlib.util.spec_from_file_location("wellread_tests_worlds", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


_worlds = _load_worlds()
parser_pool = _worlds.parser_pool
embedding = _worlds.embedding
build_world = _worlds.build_world
world = _worlds.world
library = _worlds.library
