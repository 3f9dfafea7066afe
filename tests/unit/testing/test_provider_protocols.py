"""Four providers' own clients understand the provider server, which answers all of them from the evidence."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import Any

import pytest

from wellread.testing.prompt_samples import ANSWER, PASSAGES, QUESTION, SCHEMA, SYSTEM, chat_messages, fenced_prompt
from wellread.testing.provider_server import ProviderServer, provider_server

QUOTED = {"found": True, "claims": [{"text": ANSWER, "quotes": [{"passage": 2, "quote": ANSWER}]}]}
USER = [{"role": "user", "content": fenced_prompt()}]


def post(server: ProviderServer, path: str, body: object, **headers: str) -> tuple[int, Any]:
    request = urllib.request.Request(f"{server.url}{path}", json.dumps(body).encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status, json.load(response)


def test_a_chat_completion_quotes_the_evidence_and_is_the_same_each_time(client: Any) -> None:
    first, second = (client.chat.completions.create(model="m", messages=chat_messages()) for _ in range(2))
    assert first.choices[0].message.content == f"{ANSWER} [2]"
    assert first.choices[0].finish_reason == "stop"
    assert (first.id, first.choices, first.usage) == (second.id, second.choices, second.usage)
    assert first.usage.prompt_tokens > 30
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens


def test_a_schema_is_followed_in_every_protocol_that_knows_schemas(
    client: Any, cohere_client: Any, anthropic_client: Any
) -> None:
    strict = {"name": "answer", "schema": SCHEMA, "strict": True}
    completion = client.chat.completions.create(
        model="m", messages=USER, response_format={"type": "json_schema", "json_schema": strict}
    )
    response = client.responses.create(
        model="m", instructions=SYSTEM, input=fenced_prompt(), text={"format": {"type": "json_schema", **strict}}
    )
    cohere = cohere_client.chat(
        model="m", messages=USER, response_format={"type": "json_object", "json_schema": SCHEMA}
    )
    output = {"format": {"type": "json_schema", "schema": SCHEMA}}
    message = anthropic_client.messages.create(model="m", max_tokens=500, messages=USER, output_config=output)
    texts = (
        completion.choices[0].message.content,
        response.output_text,
        cohere.message.content[0].text,
        message.content[0].text,
    )
    assert [json.loads(text) for text in texts] == [QUOTED] * 4
    assert (response.status, cohere.finish_reason, message.stop_reason) == ("completed", "COMPLETE", "end_turn")


def test_the_async_client_is_answered_too(server: ProviderServer) -> None:
    import openai

    async def all_answers() -> list[str]:
        async with openai.AsyncOpenAI(base_url=server.openai_url, api_key="k", max_retries=0) as client:
            tasks = [client.chat.completions.create(model="m", messages=chat_messages()) for _ in range(20)]
            return [one.choices[0].message.content for one in await asyncio.gather(*tasks)]

    assert asyncio.run(all_answers()) == [f"{ANSWER} [2]"] * 20


def test_some_json_or_a_schema_in_the_prompt_is_answered_in_json(client: Any) -> None:
    def content(messages: Any, **options: Any) -> Any:
        completion = client.chat.completions.create(model="m", messages=messages, **options)
        return json.loads(completion.choices[0].message.content)

    loose = content(chat_messages(), response_format={"type": "json_object"})
    assert loose == {"found": True, "answer": ANSWER, "quotes": [{"passage": 2, "quote": ANSWER}]}
    system = {
        "role": "system",
        "content": f"Reply with JSON of this schema:\n{json.dumps(SCHEMA, indent=1)}\nOnly.",
    }
    assert content([system, *USER], response_format={"type": "json_object"}) == QUOTED
    assert content([system, *USER]) == QUOTED


def test_input_of_responses_may_be_a_list_of_items_with_parts(client: Any) -> None:
    parts = [{"role": "user", "content": [{"type": "input_text", "text": fenced_prompt()}]}]
    response = client.responses.create(model="m", input=parts)
    assert response.output_text == f"{ANSWER} [2]"
    assert response.usage.input_tokens + response.usage.output_tokens == response.usage.total_tokens


@pytest.mark.parametrize(
    "change",
    [
        {"stream": True},
        {"messages": []},
        {"model": ""},
        {"max_tokens": 16_385},
        {"messages": "hello"},
        {"response_format": "json"},
        {"max_tokens": "many"},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "strict": True, "schema": {"type": "object", "properties": {}}},
            }
        },
    ],
)
def test_what_openai_refuses_is_refused_and_not_billed(server: ProviderServer, client: Any, change: Any) -> None:
    import openai

    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**{"model": "m", "messages": chat_messages(), **change})
    assert server.meter().billed_count == 0


def test_a_reply_ends_at_the_output_limit(client: Any, anthropic_client: Any) -> None:
    completion = client.chat.completions.create(model="m", messages=USER, max_completion_tokens=2)
    assert (completion.choices[0].finish_reason, completion.choices[0].message.content) == ("length", ANSWER[:8])
    response = client.responses.create(model="m", input=fenced_prompt(), max_output_tokens=2)
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    message = anthropic_client.messages.create(model="m", max_tokens=2, messages=USER)
    assert message.stop_reason == "max_tokens"


def test_cohere_cites_the_documents_beside_the_messages(cohere_client: Any) -> None:
    documents = [
        {"id": f"chunk-{number}", "data": {"title": title, "text": text}}
        for number, (title, text) in enumerate(PASSAGES)
    ]
    asked = [{"role": "user", "content": QUESTION}]
    reply = cohere_client.chat(model="m", messages=asked, documents=[*documents, "a plain one"])
    (citation,) = reply.message.citations
    text = reply.message.content[0].text
    assert text[citation.start : citation.end] == citation.text == ANSWER
    assert [source.id for source in citation.sources] == ["chunk-1"]
    assert reply.usage.billed_units.input_tokens > 0
    nothing = [{"role": "user", "content": "Which enzyme fixes carbon dioxide?"}]
    assert not cohere_client.chat(model="m", messages=nothing, documents=documents).message.citations


def test_texts_are_reranked_in_three_dialects(server: ProviderServer, cohere_client: Any) -> None:
    texts = [text for _, text in PASSAGES]
    ranked = cohere_client.rerank(model="m", query=QUESTION, documents=texts)
    assert [one.index for one in ranked.results] == [1, 0]
    assert ranked.results[0].relevance_score > ranked.results[1].relevance_score
    assert ranked.meta.billed_units.search_units == 1
    for path in ("/rerank", "/v1/rerank"):
        body = {"model": "m", "query": QUESTION, "documents": texts, "top_n": 1}
        assert [one["index"] for one in post(server, path, body)[1]["results"]] == [1]
    bare = post(server, "/rerank", {"query": QUESTION, "texts": texts})[1]
    assert [one["index"] for one in bare] == [1, 0]


def test_cohere_embeds(cohere_client: Any) -> None:
    embedded = cohere_client.embed(
        model="m", texts=["a", "b"], input_type="search_query", embedding_types=["float"], output_dimension=8
    )
    assert [len(vector) for vector in embedded.embeddings.float_] == [8, 8]


def test_anthropic_calls_the_tool_that_it_is_told_to_call(anthropic_client: Any) -> None:
    message = anthropic_client.messages.create(
        model="m",
        max_tokens=500,
        system=SYSTEM,
        messages=USER,
        tools=[{"name": "answer", "input_schema": SCHEMA}],
        tool_choice={"type": "tool", "name": "answer"},
    )
    assert message.stop_reason == "tool_use"
    assert (message.content[0].name, message.content[0].input) == ("answer", QUOTED)


def test_anthropic_counts_tokens_for_nothing(server: ProviderServer, anthropic_client: Any) -> None:
    counted = anthropic_client.messages.count_tokens(model="m", system=SYSTEM, messages=USER)
    assert server.meter().billed_count == 0
    message = anthropic_client.messages.create(model="m", max_tokens=50, system=SYSTEM, messages=USER)
    assert counted.input_tokens == message.usage.input_tokens


def test_a_prediction_of_replicate_is_waited_for_or_asked_for_again(server: ProviderServer) -> None:
    body = {"input": {"prompt": fenced_prompt(), "system_prompt": SYSTEM, "max_tokens": 100}}
    path = "/v1/models/meta/some-model/predictions"
    status, begun = post(server, path, body, Authorization="Bearer r8")
    assert (status, begun["status"], begun["output"]) == (202, "starting", None)
    with urllib.request.urlopen(begun["urls"]["get"], timeout=10) as response:
        done = json.load(response)
    assert (done["status"], "".join(done["output"])) == ("succeeded", f"{ANSWER} [2]")
    status, at_once = post(server, path, body, Prefer="wait=10")
    assert (status, at_once["output"], at_once["model"]) == (201, done["output"], "meta/some-model")
    assert post(server, "/v1/predictions", {"version": "abc", **body}, Prefer="wait")[0] == 201


@pytest.mark.parametrize(
    "prefix", ["", "/v1", "/openai/v1", "/serving-endpoints", "/api/v1", "/v2/endpoint-id/openai/v1"]
)
def test_any_prefix_reaches_the_same_model(server: ProviderServer, openai_of: Any, prefix: str) -> None:
    with openai_of(
        server, base_url=f"{server.url}{prefix}", default_headers={"Helicone-Auth": "Bearer hk"}
    ) as client:
        client.chat.completions.create(model="m", messages=USER)
        client.embeddings.create(model="m", input="x")
    chat, embedding = server.requests()
    assert (chat.method, chat.path, chat.status) == ("POST", f"{prefix}/chat/completions", 200)
    assert (chat.headers["authorization"], chat.headers["helicone-auth"]) == ("Bearer sk-test", "Bearer hk")
    assert chat.body["messages"] == USER
    assert embedding.path == f"{prefix}/embeddings"


def test_azures_client_reaches_a_deployment(server: ProviderServer) -> None:
    import openai

    azure = openai.AzureOpenAI(azure_endpoint=server.url, api_key="az", api_version="2024-10-21", max_retries=0)
    assert azure.chat.completions.create(model="mine", messages=USER).model == "mine"
    (request,) = server.requests()
    assert request.path == "/openai/deployments/mine/chat/completions"
    assert (request.query, request.headers["api-key"]) == ({"api-version": "2024-10-21"}, "az")


def test_a_wrong_key_is_refused_in_every_protocols_own_words(openai_of: Any) -> None:
    import anthropic
    import cohere
    import openai

    with provider_server(api_key="right") as server:
        with pytest.raises(openai.AuthenticationError):
            openai_of(server).models.list()
        with pytest.raises(anthropic.AuthenticationError):
            wrong = anthropic.Anthropic(api_key="wrong", base_url=server.url, max_retries=0)
            wrong.messages.create(model="m", max_tokens=5, messages=USER)
        with pytest.raises(cohere.UnauthorizedError):
            cohere.ClientV2(api_key="wrong", base_url=server.url).chat(model="m", messages=USER)
        assert [one.id for one in openai_of(server, api_key="right").models.list()] == ["testing-model"]
        right = anthropic.Anthropic(api_key="right", base_url=server.url, max_retries=0)
        assert right.messages.create(model="m", max_tokens=5, messages=USER).usage.output_tokens > 0


def test_a_path_that_is_not_there_says_so(client: Any) -> None:
    import openai

    with pytest.raises(openai.NotFoundError, match="nothing at POST /v1/moderations"):
        client.moderations.create(input="x")
