"""Which path means what. Prefixes do not matter: Azure, Databricks and gateways put their own in front."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from wellread.testing.providers.anthropic_batches import AnthropicBatches
from wellread.testing.providers.anthropic_wire import count_message_tokens, prepare_messages
from wellread.testing.providers.cohere_wire import prepare_cohere_chat, prepare_rerank
from wellread.testing.providers.embeddings import prepare_cohere_embed, prepare_openai_embeddings
from wellread.testing.providers.openai_batches import OpenAIBatches
from wellread.testing.providers.openai_files import Files
from wellread.testing.providers.openai_wire import prepare_chat, prepare_responses
from wellread.testing.providers.provider import Answer, Exchange, FindRoute, Provider, Route
from wellread.testing.providers.replicate_wire import Predictions, prepare_prediction
from wellread.testing.providers.work import Scene

_ID = r"(?P<id>[^/]+)"
_Row = tuple[str, str, Route]
"""Method, pattern of the end of the path, and who answers."""


def routes_of(provider: Provider) -> FindRoute:
    """The table of all routes, the first that fits wins."""
    rows: Sequence[_Row] = (
        *_answer_rows(),
        *_anthropic_rows(provider),
        *_replicate_rows(),
        *_openai_rows(provider),
    )
    compiled = [(method, re.compile(rf"(?:.*/|/)?{pattern}/?\Z"), route) for method, pattern, route in rows]

    def find(method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
        for wanted, pattern, route in compiled:
            if wanted == method and (match := pattern.match(path)) is not None:
                return route, {name: value or "" for name, value in match.groupdict().items()}
        return None

    return find


def _answer_rows() -> Sequence[_Row]:
    deployment = r"(?:deployments/(?P<model>[^/]+)/)?"
    return (
        ("POST", f"{deployment}chat/completions", Route("openai", prepare=prepare_chat)),
        ("POST", "responses", Route("openai", prepare=prepare_responses)),
        ("POST", f"{deployment}embeddings", Route("openai", prepare=prepare_openai_embeddings)),
        ("POST", "v2/chat", Route("cohere", prepare=prepare_cohere_chat)),
        ("POST", "v2/embed", Route("cohere", prepare=prepare_cohere_embed)),
        ("POST", "rerank", Route("cohere", prepare=prepare_rerank)),
        ("POST", "v1/messages", Route("anthropic", prepare=prepare_messages)),
    )


def _anthropic_rows(provider: Provider) -> Sequence[_Row]:
    def count(exchange: Exchange) -> Answer:
        scene = Scene(provider.options, exchange.treatment.behaviour)
        return Answer(count_message_tokens(exchange.json(), scene))

    batches = AnthropicBatches(provider, provider.anthropic_batches)
    return (
        ("POST", "v1/messages/count_tokens", Route("anthropic", serve=count)),
        ("POST", "v1/messages/batches", Route("anthropic", serve=batches.create)),
        ("GET", "v1/messages/batches", Route("anthropic", serve=batches.show_all)),
        ("GET", f"v1/messages/batches/{_ID}", Route("anthropic", serve=batches.show)),
        ("GET", f"v1/messages/batches/{_ID}/results", Route("anthropic", serve=batches.results)),
        ("POST", f"v1/messages/batches/{_ID}/cancel", Route("anthropic", serve=batches.cancel)),
    )


def _replicate_rows() -> Sequence[_Row]:
    predictions = Predictions()

    def keep(exchange: Exchange, answer: Answer) -> Answer:
        headers = exchange.request.headers
        url = f"http://{headers.get('host', '127.0.0.1')}/v1/predictions"
        is_waited_for = headers.get("prefer", "").startswith("wait")
        shown = predictions.keep(answer.body, url=url, is_waited_for=is_waited_for)
        return replace(answer, body=shown, status=201 if is_waited_for else 202)

    def get(exchange: Exchange) -> Answer:
        return Answer(predictions.get(exchange.names["id"]))

    create = Route("replicate", prepare=prepare_prediction, finish=keep)
    return (
        ("POST", r"v1/(?:models/(?P<model>[^/]+/[^/]+)/)?predictions", create),
        ("GET", f"v1/predictions/{_ID}", Route("replicate", serve=get)),
    )


def _openai_rows(provider: Provider) -> Sequence[_Row]:
    def models(_exchange: Exchange) -> Answer:
        model = {"id": provider.options.model, "object": "model", "created": 0, "owned_by": "testing"}
        return Answer({"object": "list", "data": [model]})

    files = Files()
    batches = OpenAIBatches(provider, provider.openai_batches, files)
    return (
        ("GET", "models", Route("openai", serve=models)),
        ("POST", "files", Route("openai", serve=files.upload)),
        ("GET", "files", Route("openai", serve=files.show_all)),
        ("GET", f"files/{_ID}", Route("openai", serve=files.show)),
        ("GET", f"files/{_ID}/content", Route("openai", serve=files.content)),
        ("DELETE", f"files/{_ID}", Route("openai", serve=files.delete)),
        ("POST", "batches", Route("openai", serve=batches.create)),
        ("GET", "batches", Route("openai", serve=batches.show_all)),
        ("GET", f"batches/{_ID}", Route("openai", serve=batches.show)),
        ("POST", f"batches/{_ID}/cancel", Route("openai", serve=batches.cancel)),
    )
