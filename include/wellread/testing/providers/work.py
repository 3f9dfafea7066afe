"""One request for an answer, whatever its protocol: counted, keyed, and ready to be computed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wellread.testing.embedding_vectors import count_tokens
from wellread.testing.providers.brain import NOT_FOUND, Thought, think
from wellread.testing.providers.faults import Behaviour, FaultKind, Mode
from wellread.testing.providers.meter import Charge
from wellread.testing.providers.options import ServerOptions
from wellread.testing.providers.problems import Protocol, RefusedError, context_error
from wellread.testing.providers.prompt_reading import Prompt, ShownPassage, Turn, read_prompt, schema_in
from wellread.testing.providers.schema_filling import fill

Body = Mapping[str, Any]
_TOKENS_PER_TURN = 4
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
"""Made once: ``json.dumps`` with options makes one for each value."""
_LABEL_CHARS = 200
_KEY_FIELDS = (
    "messages",
    "input",
    "instructions",
    "system",
    "prompt",
    "system_prompt",
    "documents",
    "response_format",
    "text",
    "output_config",
    "tools",
    "query",
)
"""What makes two requests the same question; sampling, limits and bookkeeping do not."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a request meets: the server's options, its behaviour, and what the path says."""

    options: ServerOptions
    behaviour: Behaviour
    path_model: str = ""
    """From paths such as ``/openai/deployments/NAME/...``."""


@dataclass(frozen=True, slots=True)
class Result:
    """A computed answer."""

    body: Any
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """A request that keeps the rules, before it is computed."""

    endpoint: str
    model: str
    key: str
    label: str
    input_tokens: int
    asked_tokens: int
    """Input, and the output that is asked for: what rate limits count."""
    run: Callable[[Mode, FaultKind | None], Result]
    texts: Sequence[str] = ()

    def charge(self, result: Result) -> Charge:
        """What is billed for it."""
        return Charge(
            self.key, self.endpoint, self.model, self.label, self.input_tokens, result.output_tokens, self.texts
        )


Prepare = Callable[[Body, Scene], Work]
"""Read a body. Raises ``RefusedError`` where the provider would answer 400."""


def prepared(prepare: Prepare, body: Body, scene: Scene) -> Work:
    """The work of a body. Raises ``RefusedError``, also for fields that are not of the type that they must have."""
    try:
        return prepare(body, scene)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RefusedError(f"malformed request: {error!r}") from error


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A chat request of any protocol."""

    endpoint: str
    protocol: Protocol
    model: str
    turns: tuple[Turn, ...]
    documents: tuple[ShownPassage, ...] = ()
    schema: Mapping[str, Any] | None = None
    wants_json: bool = False
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says to it."""

    text: str
    finish: str
    """``stop``, ``length`` or ``refused``."""
    thought: Thought
    data: Any
    """What ``text`` is the JSON of; None for plain text."""
    key: str
    input_tokens: int
    output_tokens: int
    is_empty: bool = False
    """A sick server sends no choice at all."""


def chat_work(call: ChatCall, body: Body, scene: Scene, write: Callable[[ChatCall, Reply], Any]) -> Work:
    """The work of a chat request, whose reply ``write`` turns into the protocol's body."""
    if not call.turns:
        raise RefusedError("messages must not be empty", param="messages")
    input_tokens = _count(call)
    asked = call.output_tokens or 0
    _check_size(call, scene.options, input_tokens, asked)
    key = request_key(call.endpoint, call.model, body)
    prompt = read_prompt(call.turns, call.documents)

    def run(mode: Mode, fault: FaultKind | None) -> Result:
        reply = _reply(call, prompt, mode, fault, key=key, input_tokens=input_tokens)
        return Result(write(call, reply), reply.output_tokens)

    label = prompt.question[:_LABEL_CHARS]
    return Work(call.endpoint, call.model, key, label, input_tokens, input_tokens + asked, run)


def request_key(endpoint: str, model: str, body: Body) -> str:
    """Equal for equal questions to the same model, alone or in a batch."""
    asked = {name: body[name] for name in _KEY_FIELDS if name in body}
    return hashlib.sha256(encode([endpoint, model, asked]).encode("utf-8", "surrogatepass")).hexdigest()


def encode(value: Any) -> str:
    """One text for one JSON value."""
    return _ENCODER.encode(value)


def model_of(body: Body, scene: Scene) -> str:
    """The model that is asked. Raises ``RefusedError`` without one."""
    model = body.get("model") or scene.path_model
    if not isinstance(model, str) or not model:
        raise RefusedError("you must provide a model parameter", param="model")
    return model


def text_of(content: object) -> str:
    """The text of a message: a string, or a list of parts with texts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) if isinstance(part, dict) else str(part) for part in content)
    return ""


def turns_of(messages: object) -> tuple[Turn, ...]:
    """Messages in the form that all protocols share. Raises ``RefusedError``."""
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise RefusedError("messages must be a list of objects with role and content", param="messages")
    return tuple(Turn(str(one.get("role", "user")), text_of(one.get("content"))) for one in messages)


def _count(call: ChatCall) -> int:
    texts = sum(count_tokens(turn.text) + _TOKENS_PER_TURN for turn in call.turns)
    documents = sum(count_tokens(document.text) + _TOKENS_PER_TURN for document in call.documents)
    schema = count_tokens(encode(call.schema)) if call.schema is not None else 0
    return texts + documents + schema


def _check_size(call: ChatCall, options: ServerOptions, input_tokens: int, asked: int) -> None:
    if asked > options.output_tokens:
        raise RefusedError(
            f"max_tokens is too large: {asked}. This model supports at most {options.output_tokens} output tokens.",
            param="max_tokens",
        )
    if input_tokens + asked > options.context_tokens:
        raise context_error(call.protocol, tokens=input_tokens + asked, limit=options.context_tokens)


def _reply(
    call: ChatCall, prompt: Prompt, mode: Mode, fault: FaultKind | None, *, key: str, input_tokens: int
) -> Reply:
    if fault == "refusal":
        thought, data, text, finish = Thought(""), None, "I cannot help with that.", "refused"
    else:
        thought = think(prompt, mode)
        data = _data(call, prompt, thought)
        text = _plain(call, thought) if data is None else json.dumps(data, ensure_ascii=False)
        text, finish = _damaged(text, call.output_tokens, fault)
    return Reply(
        text, finish, thought, data, key, input_tokens, count_tokens(text), is_empty=fault == "empty_choices"
    )


def _data(call: ChatCall, prompt: Prompt, thought: Thought) -> Any:
    """The structured answer; None where plain text is asked for."""
    schema = call.schema or schema_in(prompt.outside) or schema_in(prompt.system)
    if schema is None and not call.wants_json and thought.score is None:
        return None
    return fill(schema, thought)


def _plain(call: ChatCall, thought: Thought) -> str:
    if not thought.is_found:
        return NOT_FOUND
    marks = "" if call.documents else "".join(f" [{quote.passage}]" for quote in thought.quotes)
    return thought.text + marks


def _damaged(text: str, limit: int | None, fault: FaultKind | None) -> tuple[str, str]:
    """The text and why it ends, after what a sick model or an output limit does to it."""
    if fault == "off_schema":
        return '{"unexpected": true}', "stop"
    if fault == "invalid_json":
        return text[: max(1, len(text) // 2)], "stop"
    if fault == "length":
        return text[: max(1, len(text) // 2)], "length"
    if limit is not None and count_tokens(text) > limit:
        return text.encode()[: 4 * limit].decode(errors="ignore"), "length"
    return text, "stop"
