"""A prompt says what it needs, and documents are only ever values in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from wellread.answering.prompting.templates import load_prompt, parse_prompt
from wellread.errors import SettingsError


def test_the_packaged_prompt_renders_documents_as_values() -> None:
    prompt = load_prompt("answer_with_quotes")
    system, user = prompt.render(
        {"question": "Why {{ 7 * 7 }}?", "evidence": "{% raw %}{{ secret }}", "canary": "qtrst"}
    )
    assert (system["role"], user["role"]) == ("system", "user")
    assert "Why {{ 7 * 7 }}?" in user["content"]
    assert "{% raw %}{{ secret }}" in user["content"]


def test_a_deployment_overrides_a_prompt_by_its_own_file(tmp_path: Path) -> None:
    own = "---\nname: mine\nversion: 2\nvariables: [question]\n---\n# user\n{{ question }}!\n"
    (tmp_path / "answer_with_quotes.md").write_text(own)
    prompt = load_prompt("answer_with_quotes", folder=tmp_path)
    assert prompt.render({"question": "Why"}) == ({"role": "user", "content": "Why!"},)
    assert prompt.sha256 != load_prompt("answer_with_quotes").sha256


@pytest.mark.parametrize(
    "values", [{}, {"question": "Why", "canary": ""}, {"question": "", "evidence": "", "canary": "", "more": ""}]
)
def test_variables_must_be_given_exactly(values: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="evidence"):
        load_prompt("answer_with_quotes").render(values)


def test_the_packaged_prompts_have_the_schemas_that_providers_take_as_strict() -> None:
    for name in ("answer_with_quotes", "judge_answer"):
        prompt = load_prompt(name)
        assert prompt.schema is not None
        for part in _objects(prompt.schema):
            assert part["additionalProperties"] is False
            assert sorted(part["required"]) == sorted(part["properties"])
    assert load_prompt("repair").schema is None


def _objects(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if schema.get("type") == "object":
        yield schema
    for part in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])):
        yield from _objects(part)


def test_a_prompt_names_its_schema_and_its_examples_by_file(tmp_path: Path) -> None:
    head = "---\nname: mine\nversion: 1\nvariables: [question]\nschema: reply\nexamples: few.jsonl\n---\n"
    (tmp_path / "mine.md").write_text(head + "# user\n{{ question }}\n")
    (tmp_path / "reply.schema.json").write_text('{"type": "object", "required": ["found"]}')
    (tmp_path / "few.jsonl").write_text('{"question": "Why?", "answer": {"found": false}}\n')
    prompt = load_prompt("mine", folder=tmp_path)
    assert prompt.schema == {"type": "object", "required": ["found"]}
    assert [example.question for example in prompt.examples] == ["Why?"]
    (tmp_path / "few.jsonl").write_text('{"question": "How?", "answer": {"found": false}}\n')
    assert load_prompt("mine", folder=tmp_path).sha256 != prompt.sha256
    (tmp_path / "few.jsonl").write_text('{"question": "How?", "answer": {"lost": false}}\n')
    with pytest.raises(SettingsError, match=r"few.jsonl, line 1.*schema"):
        load_prompt("mine", folder=tmp_path)


def test_an_inline_schema_and_model_hints_are_read() -> None:
    head = "---\nname: x\nversion: 1\nvariables: []\nschema: {type: object}\nmodel: {output_tokens: 9}\n---\n"
    prompt = parse_prompt("x", head + "# user\nhi")
    assert prompt.schema == {"type": "object"}
    assert prompt.front_matter.model.output_tokens == 9


HEAD = "---\nname: x\nversion: 1\nvariables: [question]\n---\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no front matter", "front matter"),
        ("---\nname: x\n---\n# user\nhi", "version"),
        (HEAD + "loose text\n# user\n{{ question }}", "does not begin"),
        (HEAD + "# user\nnothing used", "declares"),
        (HEAD + "# user\n{{ question }}{{ other }}", "other"),
        (HEAD + "# user\n{{ question ", "mend"),
        (HEAD.replace("---\n", "---\nschema: {type: array}\n", 1) + "# user\n{{ question }}", "object"),
        (
            HEAD.replace("---\n", "---\nschema: {type: object, required: 1}\n", 1) + "# user\n{{ question }}",
            "array",
        ),
        (HEAD.replace("---\n", "---\nschema: other\n", 1) + "# user\n{{ question }}", "other.schema.json"),
        (HEAD.replace("---\n", "---\nexamples: ../few.jsonl\n", 1) + "# user\n{{ question }}", "examples"),
        (HEAD.replace("---\n", "---\nmodel: {heat: 1}\n", 1) + "# user\n{{ question }}", "heat"),
    ],
)
def test_a_malformed_prompt_is_refused(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=f"(?i){says}"):
        parse_prompt("x", text)


def test_the_sandbox_lets_nothing_out() -> None:
    prompt = parse_prompt("x", HEAD + "# user\n{{ question.__class__.__mro__ }}")
    with pytest.raises(SettingsError, match="unsafe"):
        prompt.render({"question": "Why"})


@pytest.mark.parametrize("name", ["no-such", "../answer_with_quotes", "a/b"])
def test_an_unknown_prompt_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=name):
        load_prompt(name, folder=tmp_path / "prompts")
