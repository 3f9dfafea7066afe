"""A migration says its price before, and does not switch to a model that finds less."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.weaviate

_path = Path(__file__).with_name("test_migrating.py")
_spec = importlib.util.spec_from_file_location("wellread_tests_migrating", _path)
assert _spec is not None
assert _spec.loader is not None
_migrating = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _migrating
_spec.loader.exec_module(_migrating)
moving = _migrating.moving


def gold_file(world: Any) -> Path:
    """A question for each part of each document."""
    rows = [
        {
            "id": f"{topic}{number}",
            "question": f"the {topic} report part {number}",
            "relevant": [{"document": f"{topic}.txt"}],
        }
        for topic in ("amber", "birch", "cedar", "dogwood", "elm", "fir")
        for number in range(1, 7)
    ]
    path = world.root / "gold.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return Path(path)


def searching_by_vectors(world: Any) -> None:
    """Retrieval that finds little besides what the vectors find."""
    world.options["retrieval"] = {"alpha_ratio": 1.0, "resolve_documents": False, "depth_count": 3}


def test_a_model_that_finds_as_much_is_switched_to(moving: Any) -> None:
    ended = moving.shell("migrate", moving.collection, "--gold", str(gold_file(moving)), "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads(ended.stdout)["state"] == "switched"


def test_a_model_that_finds_less_is_not_switched_to(moving: Any) -> None:
    searching_by_vectors(moving)
    moving.options["embedder"] = _migrating.embedder(moving, "blunt-model", 1)
    ended = moving.shell("migrate", moving.collection, "--gold", str(gold_file(moving)), "--json")
    assert ended.returncode != 0
    assert "fell from" in ended.stdout + ended.stderr
    assert moving.assert_exact(moving.files.path).head["number"] == 1


def test_the_price_is_told_before_and_nothing_is_written_or_asked(moving: Any) -> None:
    requests = moving.embedding.meter().requests_count
    ended = moving.shell("migrate", moving.collection, "--dry-run", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = json.loads(ended.stdout)
    assert (told["documents"], told["too_long"]) == (6, 0)
    assert 0 < told["inputs"] <= told["chunks"]
    assert moving.embedding.meter().requests_count == requests
    done = _migrating.moved(moving)
    assert done.filled.embedded == told["inputs"]
