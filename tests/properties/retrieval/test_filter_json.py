"""Every filter can be written as JSON text and read again."""

from __future__ import annotations

import json
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from wellread.filter_json import MOST_DEPTH, as_json, filter_from_text
from wellread.filters import And, AnyOf, Equals, Exists, Filter, Not, NotEquals, Or, Range, StartsWith

names = st.from_regex(r"[a-z][A-Za-z0-9_]{0,62}", fullmatch=True).map(lambda name: f"f{name}"[:63])
texts = st.text(st.characters(codec="utf-8"))
scalars = texts | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
bounds = st.sampled_from(
    [
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.dates(),
        st.datetimes(timezones=st.just(UTC)),
    ]
)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    bound = draw(bounds)
    low = draw(st.sampled_from(["at_least", "above"]))
    high = draw(st.sampled_from(["at_most", "below", None]))
    return Range(draw(names), **{name: draw(bound) for name in (low, high) if name})  # type: ignore[arg-type]


leaves = st.one_of(
    st.builds(Equals, names, scalars),
    st.builds(NotEquals, names, scalars),
    st.builds(AnyOf, names, st.lists(scalars, min_size=1, max_size=9).map(tuple)),
    st.builds(StartsWith, st.just("document"), texts.filter(bool)),
    st.builds(Exists, names),
    ranges(),
)
filters: st.SearchStrategy[Filter] = st.recursive(
    leaves,
    lambda parts: st.one_of(
        st.builds(Not, parts),
        st.builds(And, st.lists(parts, min_size=1, max_size=3).map(tuple)),
        st.builds(Or, st.lists(parts, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=MOST_DEPTH // 2,
)


def depth(condition: Filter) -> int:
    if isinstance(condition, And | Or):
        return 1 + max(depth(part) for part in condition.parts)
    return 1 + depth(condition.part) if isinstance(condition, Not) else 1


@given(filters.filter(lambda condition: depth(condition) <= MOST_DEPTH))
def test_a_filter_comes_back_from_its_json(condition: Filter) -> None:
    assert filter_from_text(json.dumps(as_json(condition))) == condition
