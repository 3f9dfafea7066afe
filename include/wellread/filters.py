"""A small, portable filter tree: which chunks a question is asked of, besides who may see them.

Leaves speak of the declared fields of sources and of four built-in facts: ``document`` (its natural key),
``source``, ``language`` and ``modified_at``. Logic is two-valued: a leaf about a field that a chunk does not have
is false, and ``Not`` (so ``NotEquals`` too) is the exact complement; add ``Exists`` to ask for the field as well.

:func:`holds` says what a filter means; stores answer the same. ``wellread.filter_json`` reads and writes the JSON.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NoReturn, TypeGuard

from wellread.errors import SettingsError

Scalar = str | int | float | bool
Bound = int | float | date | datetime

TEXT_FACTS = frozenset({"document", "source", "language"})
BUILT_IN_FACTS = TEXT_FACTS | {"modified_at"}
"""They win over a declared field of the same name, and every chunk has them."""

MOST_VALUES = 1_000
"""In one ``AnyOf``."""

_FIELD_NAME = re.compile(r"[a-z][A-Za-z0-9_]{0,62}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].{0,100})?")


@dataclass(frozen=True, slots=True)
class Equals:
    """The field has this value. ``2020`` and ``2020.0`` are one number; ``"2020"`` and ``True`` are none."""

    field: str
    value: Scalar

    def __post_init__(self) -> None:
        _check_value(self.field, self.value)


@dataclass(frozen=True, slots=True)
class NotEquals:
    """Not :class:`Equals`: another value, or none."""

    field: str
    value: Scalar

    def __post_init__(self) -> None:
        _check_value(self.field, self.value)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The field has one of these values."""

    field: str
    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        for value in self.values:
            _check_value(self.field, value)
        if not 0 < len(self.values) <= MOST_VALUES:
            _refuse(f"any_of of {self.field!r} has {len(self.values)} values", f"Give 1 to {MOST_VALUES}.")


@dataclass(frozen=True, slots=True)
class StartsWith:
    """The document's natural key begins with this text: a folder, a host."""

    field: str
    prefix: str

    def __post_init__(self) -> None:
        _check_value(self.field, self.prefix)
        if self.field != "document" or not self.prefix:
            _refuse(
                f"starts_with {self.prefix!r} on {self.field!r}", "It is for `document`, with a text of 1 or more."
            )


@dataclass(frozen=True, slots=True)
class Range:
    """The field lies between bounds of one kind: numbers, days or moments.

    Numbers compare with numbers. A ``date`` compares days: with a text that begins ``YYYY-MM-DD`` by the day
    written there, with ``modified_at`` by its day in UTC. An aware ``datetime`` compares moments: with
    ``modified_at``, and with texts that are ISO 8601 with a zone. Values of any other kind lie in no range.
    """

    field: str
    at_least: Bound | None = None
    above: Bound | None = None
    at_most: Bound | None = None
    below: Bound | None = None

    def __post_init__(self) -> None:
        _check_name(self.field)
        bounds = self.bounds()
        if self.field in TEXT_FACTS:
            _refuse(f"a range of {self.field!r}", "Ranges are for numbers and dates.")
        if not bounds or {"at_least", "above"} <= bounds.keys() or {"at_most", "below"} <= bounds.keys():
            _refuse(
                f"a range of {self.field!r} with the bounds {sorted(bounds)}",
                "Give one of at_least and above, one of at_most and below, or both.",
            )
        kinds = {_bound_kind(self.field, bound) for bound in bounds.values()}
        if len(kinds) > 1:
            _refuse(
                f"a range of {self.field!r} between a {' and a '.join(sorted(kinds))}", "Give bounds of one kind."
            )
        if self.field == "modified_at" and kinds == {"number"}:
            _refuse("a range of 'modified_at' between numbers", "Give dates, or moments with a zone.")

    def bounds(self) -> dict[str, Bound]:
        """The bounds that are given, by name."""
        named = {"at_least": self.at_least, "above": self.above, "at_most": self.at_most, "below": self.below}
        return {name: bound for name, bound in named.items() if bound is not None}


@dataclass(frozen=True, slots=True)
class Exists:
    """The chunk's source declares the field."""

    field: str

    def __post_init__(self) -> None:
        _check_name(self.field)
        if self.field in BUILT_IN_FACTS:
            _refuse(f"exists of {self.field!r}", "Every chunk has it: leave this part out.")


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple[Filter, ...]

    def __post_init__(self) -> None:
        _check_parts("and", self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple[Filter, ...]

    def __post_init__(self) -> None:
        _check_parts("or", self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Filter


Leaf = Equals | NotEquals | AnyOf | StartsWith | Range | Exists
Filter = Leaf | And | Or | Not


@dataclass(frozen=True, slots=True)
class FilterFacts:
    """What filters know of one chunk."""

    document: str
    source: str
    language: str
    modified_at: datetime
    fields: Mapping[str, Scalar] = field(default_factory=dict)

    def value(self, name: str) -> Scalar | datetime | None:
        """The built-in fact, else the declared field; ``None`` where there is none."""
        if name in BUILT_IN_FACTS:
            found: str | datetime = getattr(self, name)
            return found
        return self.fields.get(name)


def all_of(*parts: Filter | None) -> Filter | None:
    """What holds when every part holds; ``None`` stands for no condition, among the parts and as the result."""
    given = tuple(part for part in parts if part is not None)
    return And(given) if len(given) > 1 else next(iter(given), None)


def holds(condition: Filter, facts: FilterFacts) -> bool:
    """Whether a chunk of these facts passes: the meaning of every filter, and the oracle of its translations."""
    if isinstance(condition, And):
        return all(holds(part, facts) for part in condition.parts)
    if isinstance(condition, Or):
        return any(holds(part, facts) for part in condition.parts)
    if isinstance(condition, Not):
        return not holds(condition.part, facts)
    return leaf_holds(condition, facts.value(condition.field))


def leaf_holds(leaf: Leaf, value: Scalar | datetime | None) -> bool:
    """Whether a leaf holds for a field's value; ``None``: there is no such field."""
    if isinstance(leaf, NotEquals):
        return not _same(value, leaf.value)
    if value is None:
        return False
    if isinstance(leaf, Range):
        return _within(leaf, value)
    if isinstance(leaf, StartsWith):
        return isinstance(value, str) and value.startswith(leaf.prefix)
    if isinstance(leaf, Exists):
        return True
    wanted = leaf.values if isinstance(leaf, AnyOf) else (leaf.value,)
    return any(_same(value, one) for one in wanted)


def _same(one: Scalar | datetime | None, other: Scalar) -> bool:
    return _scalar_kind(one) == _scalar_kind(other) and one == other


def _scalar_kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _within(leaf: Range, value: Scalar | datetime) -> bool:
    bounds = leaf.bounds()
    found: Bound | None = _comparable(value, next(iter(bounds.values())))
    if found is None:
        return False
    tests = {
        "at_least": lambda bound: found >= bound,
        "above": lambda bound: found > bound,
        "at_most": lambda bound: found <= bound,
        "below": lambda bound: found < bound,
    }
    return all(tests[name](bound) for name, bound in bounds.items())


def _comparable(value: Scalar | datetime, bound: Bound) -> Bound | None:
    """The value as the bound's kind, ``None`` where it is none."""
    if isinstance(bound, datetime):
        return value if isinstance(value, datetime) else _moment_of(value)
    if isinstance(bound, date):
        return value.astimezone(UTC).date() if isinstance(value, datetime) else _day_of(value)
    return value if _is_number(value) else None


def _is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a finite number and no boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or math.isfinite(value)


def _day_of(value: Scalar) -> date | None:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


def _moment_of(value: Scalar) -> datetime | None:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _check_name(name: str) -> None:
    if not _FIELD_NAME.fullmatch(name):
        _refuse(f"the field {name!r}", "A field's name is a lower-case letter, then letters, digits and _.")


def _check_value(name: str, value: Scalar) -> None:
    _check_name(name)
    if name == "modified_at":
        _refuse(f"'modified_at' compared with {value!r}", "Give a range: at_least, above, at_most, below.")
    if not isinstance(value, str | int | float | bool):
        _refuse(f"{name!r} compared with {value!r}", "Give a text, a number or a boolean.")
    if name in TEXT_FACTS and not isinstance(value, str):
        _refuse(f"{name!r} compared with {value!r}", "Give a text.")
    if isinstance(value, float) and not math.isfinite(value):
        _refuse(f"{name!r} compared with {value!r}", "Give a finite number.")
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        _refuse(f"{name!r} compared with {value!r}, half a character", "Give whole characters.")


def _bound_kind(name: str, bound: Bound) -> str:
    if isinstance(bound, datetime):
        if bound.tzinfo is None:
            _refuse(
                f"a range of {name!r} from or to {bound.isoformat()}, without a zone", "Add the zone, such as Z."
            )
        return "moment"
    if isinstance(bound, date):
        return "date"
    if not _is_number(bound):
        _refuse(f"a range of {name!r} from or to {bound!r}", "Give numbers, dates, or moments with a zone.")
    return "number"


def _check_parts(name: str, parts: tuple[Filter, ...]) -> None:
    if not parts:
        _refuse(f"{name!r} of nothing", "Give it at least one part.")


def _refuse(found: str, remedy: str) -> NoReturn:
    raise SettingsError("make a filter", found=found, remedy=remedy)
