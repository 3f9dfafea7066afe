"""Provider batches through the official clients: computed later, for half the price, wrong in every known way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from wellread.testing.prompt_samples import ANSWER, QUESTION, chat_messages, fenced_prompt
from wellread.testing.provider_server import BatchFault, Fault, ProviderServer, provider_server

ENDPOINT = "/v1/chat/completions"


def body(number: int) -> dict[str, Any]:
    return {"model": "m", "messages": chat_messages(f"{QUESTION} ({number})")}


def line(custom_id: str, content: dict[str, Any], url: str = ENDPOINT) -> str:
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": url, "body": content})


def submit(client: Any, lines: list[str], endpoint: str = ENDPOINT, **metadata: str) -> str:
    uploaded = client.files.create(file=("input.jsonl", "\n".join(lines).encode()), purpose="batch")
    created = client.batches.create(
        input_file_id=uploaded.id, endpoint=endpoint, completion_window="24h", metadata=metadata
    )
    assert created.status == "validating"
    return created.id


def rows(client: Any, file_id: str | None) -> list[dict[str, Any]]:
    return [] if file_id is None else [json.loads(one) for one in client.files.content(file_id).text.splitlines()]


@pytest.fixture
def batch(client: Any) -> Callable[..., tuple[Any, list[str], list[str]]]:
    """A batch of four: its final state, and the ids in its output and in its error file."""

    def run() -> tuple[Any, list[str], list[str]]:
        done = client.batches.retrieve(submit(client, [line(f"q{number}", body(number)) for number in range(4)]))
        output, errors = rows(client, done.output_file_id), rows(client, done.error_file_id)
        return done, [one["custom_id"] for one in output], [one["custom_id"] for one in errors]

    return run


def test_a_batch_answers_what_a_request_answers_for_half_the_price(server: ProviderServer, client: Any) -> None:
    direct = client.chat.completions.create(**body(0))
    price = server.meter().cost_usd
    done = client.batches.retrieve(submit(client, [line("a", body(0)), line("b", body(1))], job="j1"))
    assert (done.status, done.metadata, done.request_counts.completed) == ("completed", {"job": "j1"}, 2)
    assert done.error_file_id is None
    first, _ = rows(client, done.output_file_id)
    assert first["response"]["status_code"] == 200
    assert (
        first["response"]["body"]["choices"]
        == direct.model_dump(include={"choices"}, exclude_unset=True)["choices"]
    )
    meter = server.meter()
    assert meter.billed_count == 3
    assert meter.cost_usd == pytest.approx(price * 2)
    (again,) = meter.repeated.values()
    assert (again.times, again.batch_times) == (2, 1)


def test_responses_and_embeddings_come_in_batches_too(server: ProviderServer, client: Any) -> None:
    asked = line("r", {"model": "m", "input": fenced_prompt()}, "/v1/responses")
    done = client.batches.retrieve(submit(client, [asked], "/v1/responses"))
    answer = rows(client, done.output_file_id)[0]["response"]["body"]
    assert answer["output"][0]["content"][0]["text"] == f"{ANSWER} [2]"
    texts = line("e", {"model": "m", "input": ["x", "y"]}, "/v1/embeddings")
    done = client.batches.retrieve(submit(client, [texts], "/v1/embeddings"))
    assert len(rows(client, done.output_file_id)[0]["response"]["body"]["data"]) == 2
    assert server.meter().times_by_text == {"x": 1, "y": 1}


def test_a_batch_takes_its_time_and_is_billed_when_it_ends(server: ProviderServer, client: Any) -> None:
    server.behave(batch_seconds=None)
    batch_id = submit(client, [line("a", body(0))])
    assert client.batches.retrieve(batch_id).status == "in_progress"
    assert client.batches.retrieve(batch_id).output_file_id is None
    assert server.meter().billed_count == 0
    server.finish_batches()
    assert client.batches.retrieve(batch_id).status == "completed"
    assert server.meter().billed_count == 1
    server.behave(batch_seconds=3600.0)
    assert client.batches.retrieve(submit(client, [line("b", body(1))])).status == "in_progress"


def test_half_of_an_expired_batch_is_answered_and_billed(server: ProviderServer, batch: Any) -> None:
    server.behave(batch_faults=(BatchFault(kind="expired"),))
    done, output, errors = batch()
    assert (done.status, done.request_counts.completed, done.request_counts.failed) == ("expired", 2, 2)
    assert (output, errors) == (["q0", "q1"], ["q2", "q3"])
    assert server.meter().billed_count == 2
    assert batch()[0].status == "completed"


def test_a_cancelled_batch_keeps_what_was_computed(server: ProviderServer, client: Any) -> None:
    server.behave(batch_seconds=None)
    batch_id = submit(client, [line(f"q{number}", body(number)) for number in range(4)])
    assert client.batches.cancel(batch_id).status == "cancelling"
    done = client.batches.retrieve(batch_id)
    assert done.status == "cancelled"
    assert [one["error"]["code"] for one in rows(client, done.error_file_id)] == ["batch_cancelled"] * 2
    assert server.meter().billed_count == 2


@pytest.mark.parametrize(
    ("fault", "output", "errors"),
    [
        (BatchFault(kind="out_of_order"), ["q3", "q2", "q1", "q0"], []),
        (BatchFault(kind="duplicated", lines=2), ["q0", "q1", "q2", "q3", "q0", "q1"], []),
        (BatchFault(kind="missing", lines=3), ["q0"], []),
        (BatchFault(kind="foreign"), ["q0", "q1", "q2", "q3", "foreign-0"], []),
        (BatchFault(kind="failed_line", lines=2), ["q2", "q3"], ["q0", "q1"]),
    ],
)
def test_results_can_be_odd(
    server: ProviderServer, batch: Any, fault: BatchFault, output: list[str], errors: list[str]
) -> None:
    server.behave(batch_faults=(fault,))
    assert batch()[1:] == (output, errors)
    assert batch()[1:] == (["q0", "q1", "q2", "q3"], [])


@pytest.mark.parametrize(
    ("kind", "code"), [("rejected", "invalid_json_line"), ("over_token_limit", "token_limit_exceeded")]
)
def test_a_rejected_batch_costs_nothing(server: ProviderServer, batch: Any, kind: Any, code: str) -> None:
    server.behave(batch_faults=(BatchFault(kind=kind),))
    done, output, errors = batch()
    assert (done.status, done.errors.data[0].code, output, errors) == ("failed", code, [], [])
    assert server.meter().billed_count == 0


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["{no json"], "invalid_json_line"),
        ([line("a", body(0)), line("a", body(1))], "duplicate_custom_id"),
        ([line("a", body(0), "/v1/embeddings")], "invalid_url"),
        ([line(str(number), body(0)) for number in range(4)], "too_many_tasks"),
    ],
)
def test_files_that_break_the_rules_fail(openai_of: Any, lines: list[str], code: str) -> None:
    with provider_server(batch_requests=3) as server:
        client = openai_of(server)
        done = client.batches.retrieve(submit(client, lines))
    assert (done.status, done.errors.data[0].code) == ("failed", code)


def test_one_line_that_breaks_a_rule_fails_alone(client: Any) -> None:
    done = client.batches.retrieve(submit(client, [line("bad", {"model": "m"}), line("good", body(0))]))
    assert [one["custom_id"] for one in rows(client, done.output_file_id)] == ["good"]
    (bad,) = rows(client, done.error_file_id)
    assert bad["response"]["status_code"] == 400
    assert bad["response"]["body"]["error"]["param"] == "messages"


def test_tokens_in_the_queue_are_limited_until_batches_end(openai_of: Any) -> None:
    with provider_server(enqueued_tokens=250) as server:
        server.behave(batch_seconds=None)
        client = openai_of(server)
        first, second = (submit(client, [line("a", body(number)), line("b", body(9))]) for number in range(2))
        assert client.batches.retrieve(first).status == "in_progress"
        assert client.batches.retrieve(second).errors.data[0].code == "token_limit_exceeded"
        server.finish_batches()
        assert client.batches.retrieve(submit(client, [line("a", body(3))])).status == "in_progress"


def test_batches_are_found_again_by_their_metadata_page_by_page(client: Any) -> None:
    made = [submit(client, [line("a", body(0))], key=f"k{number}") for number in range(5)]
    assert client.batches.list(limit=2).has_more
    assert [one.id for one in client.batches.list(limit=2)] == made[::-1]
    assert {one.id: one.metadata["key"] for one in client.batches.list()}[made[3]] == "k3"


def test_an_answer_lost_after_submission_leaves_the_batch(server: ProviderServer, client: Any) -> None:
    import openai

    server.behave(Fault(kind="cut_after_billing", path="/batches"), batch_seconds=None)
    with pytest.raises(openai.APIConnectionError):
        submit(client, [line("a", body(0))], key="lost")
    assert [one.metadata for one in client.batches.list()] == [{"key": "lost"}]


def test_files_are_kept_until_they_are_deleted(client: Any) -> None:
    import openai

    content = "\r\n--line\r\nümlaut\r\n".encode()
    uploaded = client.files.create(file=("a.jsonl", content), purpose="batch")
    assert (uploaded.bytes, uploaded.filename) == (len(content), "a.jsonl")
    assert client.files.content(uploaded.id).read() == content
    assert [one.id for one in client.files.list()] == [uploaded.id]
    assert client.files.delete(uploaded.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(uploaded.id)


# -- Anthropic -----------------------------------------------------------------------------------------------


def message_requests(count: int) -> list[Any]:
    asked = [{"role": "user", "content": fenced_prompt()}]
    params = {"model": "m", "max_tokens": 100, "messages": asked}
    return [{"custom_id": f"q{number}", "params": params} for number in range(count)]


def test_anthropics_batches_run_and_stream_their_results(server: ProviderServer, anthropic_client: Any) -> None:
    batches = anthropic_client.messages.batches
    created = batches.create(requests=message_requests(3))
    assert (created.processing_status, created.request_counts.processing) == ("in_progress", 3)
    done = batches.retrieve(created.id)
    assert (done.processing_status, done.request_counts.succeeded) == ("ended", 3)
    results = {one.custom_id: one.result for one in batches.results(created.id)}
    assert {key: one.message.content[0].text for key, one in results.items()} == dict.fromkeys(
        ("q0", "q1", "q2"), f"{ANSWER} [2]"
    )
    batches.create(requests=message_requests(1))
    assert len(list(batches.list(limit=1))) == 2
    (row,) = server.meter().billed.values()
    assert (row.endpoint, row.batch_times) == ("anthropic-messages", 4)


def test_anthropics_results_say_what_became_of_each_request(server: ProviderServer, anthropic_client: Any) -> None:
    batches = anthropic_client.messages.batches
    server.behave(batch_faults=(BatchFault(kind="expired"), BatchFault(kind="failed_line")))
    created = batches.create(requests=message_requests(4))
    batches.retrieve(created.id)
    kinds = [one.result.type for one in batches.results(created.id)]
    assert kinds == ["errored", "succeeded", "expired", "expired"]
    server.behave(batch_seconds=None)
    created = batches.create(requests=message_requests(2))
    assert batches.cancel(created.id).processing_status == "canceling"
    assert batches.retrieve(created.id).request_counts.canceled == 1


def test_anthropic_refuses_a_bad_batch_at_once(server: ProviderServer, anthropic_client: Any) -> None:
    import anthropic

    create = anthropic_client.messages.batches.create
    twice = message_requests(1) * 2
    for requests in ([], twice, [{**message_requests(1)[0], "custom_id": "not allowed!"}]):
        with pytest.raises(anthropic.BadRequestError):
            create(requests=requests)
    server.behave(batch_faults=(BatchFault(kind="over_token_limit"),))
    with pytest.raises(anthropic.RateLimitError):
        create(requests=message_requests(1))
    assert server.meter().billed_count == 0
