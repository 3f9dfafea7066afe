"""`docs/how-to/language-models.md` says what the code does: servers, keys, addresses, prompts, statuses, flags."""

from __future__ import annotations

import ast
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from wellread.answering.checking.drafts import NUMBER_NOT_QUOTED, QUOTE_NOT_FOUND
from wellread.answering.checking.leaks import LeakKind
from wellread.answering.jobs.spending import OnBudget
from wellread.answering.prompting.evidence import LeftOutReason
from wellread.answering.prompting.templates import load_prompt
from wellread.errors import SettingsError
from wellread.models.chat.factory import build_chat_model
from wellread.models.chat.presets import PRESETS, base_url_of
from wellread.models.chat.reachability import reach_of
from wellread.models.chat.settings import ChatModelSettings, ChatProvider
from wellread.models.prices import find_price
from wellread.questions import AbstainReason, AnswerStatus

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "language-models.md"
TEXT = PAGE.read_text("utf-8")
CODE = re.compile(r"`([^`]+)`")


def table(head: str) -> list[list[str]]:
    """The rows of the table whose head begins so, as cells."""
    lines = TEXT[TEXT.index(f"| {head} ") :].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def first_words(head: str) -> set[str]:
    return {word for row in table(head) for word in CODE.findall(row[0])}


SERVERS = table("server")


def of_row(row: list[str]) -> tuple[ChatModelSettings, set[str], set[str]]:
    """The settings, the variables that are needed, and those that may be there."""
    settings = ChatModelSettings.model_validate(yaml.safe_load(CODE.findall(row[1])[0]))
    named = set(CODE.findall(row[2]))
    optional = {name for name in named if f"(`{name}`)" in row[2]}
    return settings, named - optional, optional


def value_of(variable: str) -> str:
    if variable.endswith(("_URL", "_ENDPOINT", "_HOST")):
        return "https://somewhere.example"
    return "eu-north-1" if variable == "AWS_REGION" else f"value-of-{variable.lower()}"


@pytest.mark.parametrize("row", SERVERS, ids=lambda row: row[0])
def test_a_row_of_the_table_needs_what_it_names_and_goes_where_it_says(
    row: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, needed, _ = of_row(row)
    for name in needed:
        monkeypatch.setenv(name, value_of(name))
    build_chat_model(settings).close()
    reach = reach_of(settings)
    if settings.provider == "openai":
        address = re.sub(r"\{(\w+)\}", lambda found: value_of(found[1]), CODE.findall(row[3])[0])
        assert base_url_of(settings) == address
    else:
        assert row[3].lower() == settings.provider == reach.address
    for name in needed:
        with monkeypatch.context() as without:
            without.delenv(name)
            with pytest.raises(SettingsError):
                reach_of(settings)


@pytest.mark.parametrize("row", [row for row in SERVERS if of_row(row)[2]], ids=lambda row: row[0])
def test_a_variable_in_brackets_may_be_missing_and_is_sent_where_it_is_set(
    row: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, _, optional = of_row(row)
    assert not reach_of(settings).has_key
    for name in optional:
        monkeypatch.setenv(name, "a-key")
    assert reach_of(settings).has_key


def test_every_provider_and_preset_has_a_row() -> None:
    rows = [of_row(row)[0] for row in SERVERS]
    assert {row.preset for row in rows} == {None, *PRESETS}
    assert {row.provider for row in rows} == set(get_args(ChatProvider))
    assert {row.grounding for row in rows} == {"messages", "documents"}


def test_servers_that_batches_are_said_of_have_them_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with_batches = set()
    for row in SERVERS:
        settings, needed, _ = of_row(row)
        for name in needed:
            monkeypatch.setenv(name, value_of(name))
        model = build_chat_model(settings)
        if model.batches is not None:
            with_batches.add(settings.preset or settings.provider)
        model.close()
    assert with_batches == {"openai", "azure", "helicone", "anthropic"}
    assert "OpenAI, Azure, Helicone, servers without a preset, and Anthropic have batches" in " ".join(TEXT.split())


def test_the_tables_name_every_status_reason_and_flag() -> None:
    assert first_words("status") == set(get_args(AnswerStatus))
    reasons = TEXT.split("| reason | ")[1:]
    assert len(reasons) == 2  # of passages that are left out, and of abstentions
    named = {
        word for part in reasons for word in re.findall(r"^\| `(\w+)` \|", part.split("\n\n")[0], re.MULTILINE)
    }
    assert named == set(get_args(LeftOutReason)) | set(get_args(AbstainReason))
    leaks = {f"leak:{kind}" for kind in get_args(LeakKind)}
    others = {QUOTE_NOT_FOUND, NUMBER_NOT_QUOTED, "repaired", "fallback", "degraded", "maybe_billed"}
    assert first_words("flag") == leaks | others
    assert first_words("`on_budget`") == set(get_args(OnBudget))


def test_the_prompt_of_the_page_is_read_with_its_example(tmp_path: Path) -> None:
    (prompt,) = re.findall(r"^```markdown\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    (example,) = re.findall(r"^```json\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    (tmp_path / "house_style.md").write_text(prompt, "utf-8")
    (tmp_path / "house_style.jsonl").write_text(example, "utf-8")
    loaded = load_prompt("house_style", folder=tmp_path)
    assert len(loaded.examples) == 1
    assert loaded.schema == load_prompt("answer_with_quotes").schema


def test_the_stated_price_of_the_page_wins_where_none_is_known() -> None:
    (text,) = (one for one in blocks("yaml") if "input_usd_per_million" in one)
    given = yaml.safe_load(text)["chat"]
    assert find_price(ChatModelSettings.model_validate({**given, "price": None})) is None
    price = find_price(ChatModelSettings.model_validate(given))
    assert price is not None
    assert price.source == "settings"


def test_the_test_of_the_page_passes(tmp_path: Path) -> None:
    (source,) = blocks("python")
    names: dict[str, Any] = {}
    exec(compile(ast.parse(textwrap.dedent(source)), str(PAGE), "exec"), names)
    names["test_our_model_settings_work"]()


def test_airflow_connections_of_the_page_are_json_with_known_fields() -> None:
    connections = re.findall(r"^export AIRFLOW_CONN_\w+='(.+)'$", TEXT, re.MULTILINE)
    assert len(connections) >= 4
    for text in connections:
        fields = set(json.loads(text)["extra"])
        assert fields <= set(ChatModelSettings.model_fields)


def blocks(language: str) -> Iterator[str]:
    yield from re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
