"""The meter counts each logical request, whoever dies, and is read from anywhere."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from typing import Any

import pytest

from wellread.errors import ServerUnavailableError
from wellread.testing.prompt_samples import QUESTION, chat_messages
from wellread.testing.provider_server import Meter, ProviderServer, provider_process, provider_server

CLIENT = """
import sys, openai
client = openai.OpenAI(base_url=sys.argv[1], api_key="k", max_retries=0)
for number in range(10_000):
    asked = [{"role": "user", "content": f"Question: number {number}?"}]
    client.chat.completions.create(model="m", messages=asked)
    print(number, flush=True)
"""


def test_equal_questions_are_one_logical_request_whatever_the_sampling(server: ProviderServer, client: Any) -> None:
    def ask(model: str, text: str, **options: Any) -> None:
        client.chat.completions.create(model=model, messages=chat_messages(text), **options)

    ask("m", QUESTION)
    ask("m", QUESTION, temperature=0.5, max_tokens=50, seed=3)
    ask("other", QUESTION)
    ask("m", "What does a late return cost?")
    rows = server.meter().billed.values()
    assert sorted((row.model, row.question, row.times) for row in rows) == [
        ("m", QUESTION, 2),
        ("m", "What does a late return cost?", 1),
        ("other", QUESTION, 1),
    ]


def test_tokens_and_cost_follow_from_the_usage_that_was_reported(openai_of: Any) -> None:
    with provider_server(input_usd_per_million=2.0, output_usd_per_million=8.0) as server:
        usage = openai_of(server).chat.completions.create(model="m", messages=chat_messages()).usage
        meter = server.meter()
    assert (meter.input_tokens, meter.output_tokens) == (usage.prompt_tokens, usage.completion_tokens)
    assert meter.cost_usd == pytest.approx((2.0 * usage.prompt_tokens + 8.0 * usage.completion_tokens) / 1e6)
    assert meter.tokens_count == usage.total_tokens


def test_resetting_forgets_all(server: ProviderServer, client: Any) -> None:
    server.behave(mode="wrong_passage", latency_seconds=0.01)
    client.chat.completions.create(model="m", messages=chat_messages())
    server.reset()
    assert server.meter() == Meter()
    assert server.requests() == []
    assert "[2]" in client.chat.completions.create(model="m", messages=chat_messages()).choices[0].message.content


def test_a_client_that_is_killed_leaves_the_meter_as_it_is(server: ProviderServer) -> None:
    command = [sys.executable, "-c", CLIENT, server.openai_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        answered = [process.stdout.readline() for _ in range(20)]
        process.kill()
        answered += process.stdout.readlines()
    billed = server.meter().billed_count
    assert len(answered) <= billed <= len(answered) + 2
    assert server.meter().repeated == {}


def test_the_same_server_runs_in_a_process_of_its_own(openai_of: Any) -> None:
    with provider_process(dimensions=8, model="mine") as server:
        client = openai_of(server)
        server.behave(mode="wrong_passage")
        client.chat.completions.create(model="m", messages=chat_messages())
        assert len(client.embeddings.create(model="m", input="x").data[0].embedding) == 8
        assert client.models.list().data[0].id == "mine"
        assert server.meter().requests_count == 2
        assert [one.path for one in server.requests()][:1] == ["/v1/chat/completions"]
    with pytest.raises(OSError, match="refused"):
        server.meter()


def test_a_server_that_cannot_start_says_so(server: ProviderServer) -> None:
    with (
        pytest.raises(ServerUnavailableError, match="process of its own"),
        provider_process(port=server.port),
    ):
        pass


def test_what_control_does_not_know_is_refused(server: ProviderServer) -> None:
    request = urllib.request.Request(f"{server.url}/control/behaviour", data=b'{"mode": "clever"}')
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request, timeout=10)
    assert raised.value.code == 400
    assert "mode" in json.load(raised.value)["error"]["message"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_from_a_shell_and_ends_when_told(ending: signal.Signals) -> None:
    """Also as a background job of a shell, which ignores interrupts."""
    command = [sys.executable, "-m", "wellread.testing.provider_server", "--dimensions", "8", "--api-key", "k"]
    ignored = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, ignored)
    with process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        request = urllib.request.Request(f"{url}/models", headers={"Authorization": "Bearer k"})
        with urllib.request.urlopen(request, timeout=10) as response:
            assert json.load(response)["data"][0]["id"] == "testing-model"
        process.send_signal(ending)
        try:
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()  # leaving the block waits for it
