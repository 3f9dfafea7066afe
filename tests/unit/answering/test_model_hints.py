"""What a prompt wants of the model counts where the deployment says nothing."""

from __future__ import annotations

from wellread.answering.prompting.templates import ModelHints
from wellread.models.chat.settings import ChatModelSettings
from wellread.workspace.language_models import hinted


def test_hints_fill_what_the_settings_leave_open() -> None:
    given = ChatModelSettings(model="m", output_tokens=300)
    found = hinted(given, ModelHints(output_tokens=99, temperature=0.2))
    assert (found.output_tokens, found.temperature) == (300, 0.2)
    assert hinted(ChatModelSettings(model="m"), ModelHints(output_tokens=99)).output_tokens == 99
    assert hinted(given, ModelHints()) == given
