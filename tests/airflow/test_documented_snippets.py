"""What the how-tos show for Airflow works: connections become the models that are said, tasks can be joined."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from airflow.sdk import DAG

from wellread.models.chat.reachability import reach_of
from wellread.workspace import load_settings
from wellread_airflow.connections import connection_overrides

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "language-models.md"
RETRIEVAL = PAGE.with_name("retrieval.md")
SHOWN = re.findall(r"^export (AIRFLOW_CONN_WELLREAD_CHAT)='(.+)'$", PAGE.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("variable", "text"), SHOWN, ids=[text[:70] for _, text in SHOWN])
def test_a_connection_of_the_page_is_a_language_model(
    variable: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    given = json.loads(text)
    chat = load_settings(connection_overrides(load_settings())).chat
    assert chat.provider == given["extra"].get("provider", "openai")
    assert chat.model == given["extra"]["model"]
    assert chat.api_key is not None
    assert chat.api_key.get_secret_value() == "the-key"
    reach = reach_of(chat)
    assert reach.has_key
    if "host" in given:
        assert given["host"].startswith(reach.address)


@pytest.mark.parametrize("provider", ["openai", "cohere", "anthropic", "replicate"])
def test_a_conventional_connection_gives_the_key_of_a_provider_in_the_settings(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = provider if provider in {"openai", "cohere"} else "generic"
    connection = {"conn_type": kind, "password": "the-key"}
    monkeypatch.setenv(f"AIRFLOW_CONN_WELLREAD_{provider.upper()}", json.dumps(connection))
    settings = load_settings({"chat": {"provider": provider, "model": "m"}})
    chat = load_settings({**settings.model_dump(), **connection_overrides(settings)}).chat
    assert chat.api_key is not None
    assert chat.api_key.get_secret_value() == "the-key"


def test_the_tasks_of_the_retrieval_page_wait_for_each_other() -> None:
    snippets = re.findall(r"^```python\n(.*?)^```$", RETRIEVAL.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (source,) = (snippet for snippet in snippets if "IndexFreshSensor" in snippet)
    with DAG("documented", schedule=None) as dag:
        exec(compile(source, str(RETRIEVAL), "exec"), {})
    assert dag.get_task("answer").upstream_task_ids == {"fresh"}
