"""An answer in the shape that a JSON Schema asks for: minimal, valid, and filled by the names of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wellread.testing.providers.brain import NOT_FOUND, Quote, Thought

Schema = Mapping[str, Any]
_DEPTH_MAX = 24
_QUOTE_NAMES = ("quote", "evidence", "excerpt", "span", "snippet")
_PASSAGE_NAMES = ("passage", "source", "document", "citation", "chunk", "number", "index", "id")
_SCORE_NAMES = ("score", "rating", "grade", "confidence", "support", "correct", "faithful", "relevan", "verdict")


@dataclass(frozen=True, slots=True)
class _Filler:
    thought: Thought
    root: Schema

    def value(self, schema: Schema, name: str, depth: int = 0) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        kind = self._kind(schema)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        return None if kind == "null" else self._scalar(kind, schema, name)

    def _resolved(self, schema: Schema) -> Schema:
        """Behind references, and the first alternative that is not null."""
        for _ in range(_DEPTH_MAX):
            if "$ref" in schema:
                target: Any = self.root
                for part in str(schema["$ref"]).removeprefix("#").strip("/").split("/"):
                    target = target[part] if part else target
                schema = target
            elif alternatives := schema.get("anyOf") or schema.get("oneOf"):
                schema = next((one for one in alternatives if one.get("type") != "null"), alternatives[0])
            elif parts := schema.get("allOf"):
                schema = {key: value for part in parts for key, value in self._resolved(part).items()}
            else:
                return schema
        return {}

    def _kind(self, schema: Schema) -> str:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        return str(kind)

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        properties: Mapping[str, Schema] = schema.get("properties", {})
        if depth > _DEPTH_MAX:
            properties = {name: one for name, one in properties.items() if name in required}
        return {name: self.value(one, name, depth + 1) for name, one in properties.items()}

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        least = int(schema.get("minItems", 0))
        is_empty = not self.thought.is_found or depth > _DEPTH_MAX or schema.get("maxItems") == 0
        count = least if is_empty else max(1, least)
        return [self.value(schema.get("items", {}), name, depth + 1) for _ in range(count)]

    def _scalar(self, kind: str, schema: Schema, name: str) -> object:
        lowered = name.lower()
        if kind == "boolean":
            score = self.thought.score
            return self.thought.is_found if score is None else score >= 0.5
        if kind in {"integer", "number"}:
            return self._number(kind, schema, lowered)
        return self._string(schema, lowered)

    def _number(self, kind: str, schema: Schema, name: str) -> float:
        low = schema.get("minimum", 0)
        high = schema.get("maximum", 1)
        value = float(low)
        if any(part in name for part in _SCORE_NAMES):
            score = self.thought.score if self.thought.score is not None else float(self.thought.is_found)
            value = low + score * (high - low)
        elif self.thought.quotes and any(part in name for part in _PASSAGE_NAMES):
            value = self.thought.quotes[0].passage
        return round(value) if kind == "integer" else float(value)

    def _string(self, schema: Schema, name: str) -> str:
        quote = self.thought.quotes[0] if self.thought.quotes else Quote(0, "")
        if any(part in name for part in _QUOTE_NAMES):
            text = quote.text
        elif any(name in {part, f"{part}_id"} for part in _PASSAGE_NAMES):
            text = quote.document_id or str(quote.passage)
        else:
            text = self.thought.text or NOT_FOUND
        text = text[: int(schema.get("maxLength", len(text)))]
        return text.ljust(int(schema.get("minLength", 0)), "-")


_ANY_JSON: Schema = {
    "type": "object",
    "properties": {
        "found": {"type": "boolean"},
        "answer": {"type": "string"},
        "quotes": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"passage": {"type": "integer"}, "quote": {"type": "string"}},
            },
        },
    },
}
"""What is answered where some JSON is asked for and nothing says which."""

_VERDICT: Schema = {
    "type": "object",
    "properties": {"score": {"type": "number"}, "reason": {"type": "string"}},
}


def fill(schema: Schema | None, thought: Thought) -> Any:
    """An instance of ``schema`` that says what the brain thinks; without a schema, a form of its own."""
    if schema is None:
        schema = _ANY_JSON if thought.score is None else _VERDICT
    return _Filler(thought, schema).value(schema, "")
