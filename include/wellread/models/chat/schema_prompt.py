"""A schema told in words, for models and servers that take none beside the messages."""

from __future__ import annotations

from wellread.identities import canonical_json
from wellread.models.chat.protocol import ChatMessage, ChatRequest

_INSTRUCTION = "Answer with one JSON object that follows this JSON Schema, and with nothing else:\n"


def messages_with_schema(request: ChatRequest) -> tuple[ChatMessage, ...]:
    """The messages, with the schema at the end of the first system message (a new one where there is none).

    The same request gives the same text on every machine: the schema is written as canonical JSON.
    """
    if request.schema is None:
        return request.messages
    told = _INSTRUCTION + canonical_json(request.schema.schema)
    messages = list(request.messages)
    for position, message in enumerate(messages):
        if message.role == "system":
            messages[position] = ChatMessage("system", f"{message.content}\n\n{told}")
            return tuple(messages)
    return (ChatMessage("system", told), *messages)
