"""Filters as JSON: the form that ``--filter``, operators and the parameters of DAGs take.

::

    {"field": "year", "equals": 2020}            {"field": "department", "any_of": ["hr", "legal"]}
    {"field": "draft", "not_equals": true}       {"field": "document", "starts_with": "contracts/"}
    {"field": "year", "at_least": 2019, "below": 2022}      {"field": "modified_at", "at_least": "2026-01-31"}
    {"field": "year", "exists": true}            {"and": [...]}  {"or": [...]}  {"not": {...}}

Bounds are numbers, days (``2026-01-31``) or moments (``2026-01-31T08:00:00Z``). Nothing else is read: an unknown
key, two operators or a bare value is refused, with the place where it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from wellread.errors import SettingsError
from wellread.filters import And, AnyOf, Bound, Equals, Exists, Filter, Leaf, Not, NotEquals, Or, Range, StartsWith

MOST_DEPTH = 16
MOST_LEAVES = 200

_BOUNDS = ("at_least", "above", "at_most", "below")
_OPERATORS = ("equals", "not_equals", "any_of", "starts_with", "exists", *_BOUNDS)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def filter_from_text(text: str) -> Filter:
    """The filter that a JSON text holds. Raises ``SettingsError``."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            "read a filter",
            found=f"it is not JSON: {error}",
            remedy='Write it like {"field": "year", "equals": 2020}.',
        ) from error
    return from_json(value)


def from_json(value: object) -> Filter:
    """The filter that parsed JSON means. Raises ``SettingsError`` that names the faulty part."""
    found = _node(value, "the filter", 1)
    leaves = _leaf_count(found)
    if leaves > MOST_LEAVES:
        raise _refused("the filter", f"it has {leaves} conditions", f"Use any_of, or at most {MOST_LEAVES}.")
    return found


def as_json(condition: Filter) -> dict[str, Any]:
    """The inverse of :func:`from_json`."""
    if isinstance(condition, And | Or):
        name = "and" if isinstance(condition, And) else "or"
        return {name: [as_json(part) for part in condition.parts]}
    if isinstance(condition, Not):
        return {"not": as_json(condition.part)}
    return {"field": condition.field, **_leaf_as_json(condition)}


def _leaf_as_json(leaf: Leaf) -> dict[str, Any]:
    if isinstance(leaf, Range):
        return {name: _bound_as_json(bound) for name, bound in leaf.bounds().items()}
    if isinstance(leaf, AnyOf):
        return {"any_of": list(leaf.values)}
    if isinstance(leaf, Exists):
        return {"exists": True}
    if isinstance(leaf, StartsWith):
        return {"starts_with": leaf.prefix}
    return {"equals" if isinstance(leaf, Equals) else "not_equals": leaf.value}


def _bound_as_json(bound: Bound) -> str | int | float:
    return bound.isoformat() if isinstance(bound, date) else bound


def _leaf_count(condition: Filter) -> int:
    if isinstance(condition, And | Or):
        return sum(_leaf_count(part) for part in condition.parts)
    return _leaf_count(condition.part) if isinstance(condition, Not) else 1


def _node(value: object, place: str, depth: int) -> Filter:
    if not isinstance(value, Mapping) or not value:
        raise _refused(place, f"it is {value!r}, not an object", 'Write {"field": …} or {"and": […]}.')
    if depth > MOST_DEPTH:
        raise _refused(place, f"it is nested more than {MOST_DEPTH} deep", "Make it flatter.")
    if "field" in value:
        return _leaf(value, place)
    if len(value) != 1 or next(iter(value)) not in {"and", "or", "not"}:
        raise _refused(
            place, f"its keys are {sorted(map(str, value))}", 'Give "field", or one of "and", "or", "not".'
        )
    name, inside = next(iter(value.items()))
    if name == "not":
        return Not(_node(inside, f"{place}.not", depth + 1))
    if not isinstance(inside, list):
        raise _refused(f"{place}.{name}", f"it is {inside!r}", "Give a list of filters.")
    parts = tuple(_node(part, f"{place}.{name}[{index}]", depth + 1) for index, part in enumerate(inside))
    return _made(place, lambda: And(parts) if name == "and" else Or(parts))


def _leaf(value: Mapping[str, Any], place: str) -> Filter:
    field, operators = value["field"], {name: given for name, given in value.items() if name != "field"}
    unknown = sorted(str(name) for name in operators if name not in _OPERATORS)
    if not isinstance(field, str) or unknown:
        raise _refused(
            place, f"field {field!r} with {unknown}", f"Give a field's name and one of {', '.join(_OPERATORS)}."
        )
    if operators and operators.keys() <= set(_BOUNDS):
        bounds = {name: _bound(given, f"{place}.{name}") for name, given in operators.items()}
        return _made(place, lambda: Range(field, **bounds))
    if len(operators) != 1:
        raise _refused(
            place, f"field {field!r} has the operators {sorted(operators)}", 'Give one; join several by "and".'
        )
    name, given = next(iter(operators.items()))
    if name == "any_of" and not isinstance(given, list):
        raise _refused(place, f"any_of is {given!r}", "Give a list.")
    if name == "starts_with" and not isinstance(given, str):
        raise _refused(place, f"starts_with is {given!r}", "Give a text.")
    if name == "exists" and given is not True:
        raise _refused(place, f"exists is {given!r}", 'Give true; for the contrary write {"not": {…}}.')
    return _made(place, lambda: _single(field, name, given))


def _single(field: str, name: str, given: Any) -> Leaf:
    if name == "any_of":
        return AnyOf(field, tuple(given))
    if name == "exists":
        return Exists(field)
    if name == "starts_with":
        return StartsWith(field, given)
    return Equals(field, given) if name == "equals" else NotEquals(field, given)


def _bound(given: object, place: str) -> Bound:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return given
    try:
        if isinstance(given, str):
            return date.fromisoformat(given) if _DAY.fullmatch(given) else datetime.fromisoformat(given)
    except ValueError:
        pass
    raise _refused(
        place, f"it is {given!r}", "Give a number, a day like 2026-01-31 or a moment like 2026-01-31T08:00:00Z."
    )


def _made(place: str, make: Callable[[], Filter]) -> Filter:
    """The part, or its refusal with the place where it stands."""
    try:
        return make()
    except SettingsError as error:
        raise _refused(place, error.found, error.remedy) from error


def _refused(place: str, found: str, remedy: str) -> SettingsError:
    return SettingsError(f"read {place}", found=found, remedy=remedy)
