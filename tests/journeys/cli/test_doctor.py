"""`wellread doctor`: is this deployment set up right? What is missing?"""

from __future__ import annotations

from typing import Any

import pytest

from wellread.testing.provider_server import provider_server

pytestmark = pytest.mark.weaviate


def test_the_doctor_asks_models_only_when_told_and_names_what_is_missing(
    shell: Any, deployed: Any, setting: Any
) -> None:
    with provider_server() as server:
        setting("CHAT__PROVIDER", "openai")
        setting("CHAT__BASE_URL", server.openai_url)
        well = shell("doctor", "--json")
        assert well.code == 0, well.out
        assert well.said["ok"]
        assert server.requests() == []
        asked = shell("doctor", "--ask-model")
        assert asked.code == 0
        assert "ok  language model: asked: " in asked.out
        assert len(server.requests()) == 1

        setting("ANSWERING__BUDGET__DAY_USD", "1")
        ill = shell("doctor")
    assert ill.code == 1
    assert "BAD language model: price: its price is not known" in ill.out
    assert "State it in the settings (chat.price)" in ill.out
    assert "ok  Weaviate: answers" in ill.out
