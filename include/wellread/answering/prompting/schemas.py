"""JSON Schemas of replies: loaded with the prompts, and checked here whatever a server claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def schema_fault(schema: object) -> str | None:
    """Why this is no JSON Schema of an object, ``None`` where it is one."""
    from jsonschema import Draft202012Validator, SchemaError

    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        return "it does not describe an object ('type: object')"
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        return error.message
    return None


def schema_problem(reply: object, schema: Mapping[str, Any]) -> str | None:
    """Where and how a reply breaks the schema, ``None`` where it follows it. Says nothing of what it holds."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(dict(schema)).iter_errors(reply))
    if error is None:
        return None
    place = "/".join(str(part) for part in error.absolute_path) or "the reply"
    return f"{place} breaks the rule {error.validator!r}: {_expected(error.validator, error.validator_value)}"


def _expected(validator: object, value: object) -> str:
    if validator == "additionalProperties":
        return "it has a property that the schema does not know"
    return f"expected {value!r}"[:300]
