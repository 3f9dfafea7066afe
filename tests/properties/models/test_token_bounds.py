"""Whatever a provider reports, a count is never below what it reported for the same request."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wellread.models.chat.protocol import ChatMessage, ChatRequest, ChatUsage
from wellread.models.chat.token_counts import TokenCounter

REPORTS = st.lists(st.tuples(st.text(max_size=200), st.integers(0, 2_000)), min_size=1, max_size=30)


@given(REPORTS)
def test_a_count_is_never_below_what_was_reported(reports: list[tuple[str, int]]) -> None:
    counter = TokenCounter()
    for text, tokens in reports:
        counter.learn(ChatRequest((ChatMessage("user", text),)), ChatUsage(input_tokens=tokens))
    for text, tokens in reports:
        assert counter.count_request(ChatRequest((ChatMessage("user", text),))) >= tokens


@given(st.text(max_size=300))
def test_at_first_no_text_counts_less_than_its_bytes(text: str) -> None:
    assert TokenCounter().count_tokens(text) >= len(text.encode("utf-8", "surrogatepass"))
