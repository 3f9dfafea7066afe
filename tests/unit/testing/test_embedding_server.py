"""As an embedder, the provider server keeps the real limits, meters what it is asked, and fails on demand."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest

from wellread.testing.embedding_server import EmbeddingServer, embedding_server
from wellread.testing.embedding_vectors import count_tokens, lexical_vector
from wellread.testing.provider_server import Fault, Meter


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server(dimensions=128) as running:
        yield running


def call(url: str, body: object | None = None) -> tuple[int, dict]:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def ask(server: EmbeddingServer, **body: object) -> tuple[int, dict]:
    return call(f"{server.openai_url}/embeddings", {"model": "any", **body})


def ask_cohere(server: EmbeddingServer, **body: object) -> tuple[int, dict]:
    given = {"model": "any", "input_type": "search_query", "embedding_types": ["float"], **body}
    return call(f"{server.cohere_url}/v2/embed", given)


def test_vectors_are_the_same_in_every_process_and_near_where_words_are_shared() -> None:
    one = lexical_vector("the mill by the river", 256)
    program = (
        "from wellread.testing.embedding_vectors import lexical_vector as v;"
        "print(v('the mill by the river', 256).tobytes().hex())"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert one.tobytes().hex() == other.strip()
    near, far = lexical_vector("a mill by a river", 256), lexical_vector("quarterly revenue rose", 256)
    assert float(one @ near) > 0.4 > float(one @ far)
    assert abs(float(one @ one) - 1) < 1e-6
    assert not np.array_equal(lexical_vector("a b", 256), lexical_vector("b a", 256))
    assert np.isfinite(lexical_vector("", 1)).all()


def test_float_and_base64_carry_the_same_numbers(server: EmbeddingServer) -> None:
    _, floats = ask(server, input="mill")
    _, packed = ask(server, input=["mill"], encoding_format="base64")
    unpacked = np.frombuffer(base64.b64decode(packed["data"][0]["embedding"]), dtype="<f4")
    assert np.array_equal(np.array(floats["data"][0]["embedding"], dtype=np.float32), unpacked)
    assert np.array_equal(unpacked, lexical_vector("mill", 128))


@pytest.mark.parametrize(
    "body",
    [
        {"input": []},
        {"input": ""},
        {"input": ["fine", ""]},
        {"input": 7},
        {"input": ["x"] * 2049},
        {"input": ["x" * (4 * 8192 + 1)]},
        {"input": ["x" * 4 * 8000] * 38},
        {"input": "x", "dimensions": 129},
        {"input": "x", "dimensions": 0},
        {"input": "x", "encoding_format": "hex"},
        {"input": "x", "model": ""},
    ],
)
def test_openais_limits_are_kept_and_nothing_is_billed(server: EmbeddingServer, body: dict) -> None:
    status, answer = ask(server, **body)
    assert status == 400
    assert answer["error"]["message"]
    assert server.meter().texts_count == 0


def test_the_largest_allowed_requests_pass(server: EmbeddingServer) -> None:
    assert ask(server, input=["x"] * 2048, dimensions=4)[0] == 200
    assert ask(server, input=["x" * 4 * 8192], dimensions=4)[0] == 200
    assert ask_cohere(server, texts=["x"] * 96)[0] == 200


@pytest.mark.parametrize("body", [{"texts": ["x"] * 97}, {"texts": ["x"], "input_type": None}, {"texts": []}])
def test_coheres_limits_are_kept(server: EmbeddingServer, body: dict) -> None:
    assert ask_cohere(server, **body)[0] == 400


def test_the_meter_counts_requests_texts_tokens_and_repetitions(server: EmbeddingServer) -> None:
    ask(server, input=["one", "two"])
    ask(server, input=["two"])
    ask(server, input=[""])
    meter = server.meter()
    assert (meter.requests_count, meter.answered_count, meter.texts_count) == (3, 2, 3)
    assert meter.tokens_count == count_tokens("one") + 2 * count_tokens("two")
    assert meter.repeated_texts == {"two": 2}
    server.reset()
    assert server.meter() == Meter()


def test_faults_come_in_order_after_the_requests_to_skip_and_then_end(server: EmbeddingServer) -> None:
    server.behave(Fault(kind="rate_limited", times=2, skip=1), Fault(kind="server_error"))
    assert [ask(server, input="x")[0] for _ in range(6)] == [200, 429, 429, 500, 200, 200]


def test_an_answer_cut_after_billing_is_billed(server: EmbeddingServer) -> None:
    server.behave(Fault(kind="cut_after_billing"), Fault(kind="cut_before_work"))
    for expected in (1, 1):
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(server, input="x")
        assert server.meter().texts_count == expected


def test_another_process_reads_the_meter_and_sets_the_behaviour_over_http(server: EmbeddingServer) -> None:
    control = f"http://127.0.0.1:{server.port}/control"
    assert call(f"{control}/behaviour", {"faults": [{"kind": "unauthorized"}], "poison": ["arsenic"]})[0] == 200
    assert [ask(server, input=text)[0] for text in ("x", "some arsenic", "x")] == [401, 400, 200]
    assert call(f"{control}/meter")[1]["requests_count"] == 3
    assert call(f"{control}/behaviour", {"faults": [{"kind": "no such fault"}]})[0] == 400
    assert call(f"{control}/reset", {})[0] == 200
    assert call(f"{control}/meter")[1] == Meter().model_dump()
    assert call(f"{control}/nonsense")[0] == 404
