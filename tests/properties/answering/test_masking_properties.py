"""Whatever the texts: what was masked comes back, and nothing that was found is left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wellread.answering.checking.masking import Masker, MaskingSettings, unmask
from wellread.answering.checking.personal_data import find_personal_data

MASKER = Masker(MaskingSettings(enabled=True), b"key")
PIECES = st.sampled_from(
    [
        *("ada@example.com", "bob@example.org", "DE89 3704 0044 0532 0130 00", "4111111111111111", "12345678Z"),
        *("+49 30 901820", "10.0.0.1", "::1", "2001:db8::1", "[EMAIL-", "EMAIL", "-ABCDE]", "[", "]", "]]", "[["),
        *(
            MASKER.mask(["ada@example.com"])[0][0],
            MASKER.mask(["10.0.0.1"])[0][0],
            "[ID-AAAAA]",
            " ",
            ".",
            "-",
            *("\n", "\u200b", "\u33c2", "\uff11"),
        ),
    ]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=12).map("".join))


@given(st.lists(TEXTS, max_size=4))
def test_unmasking_gives_back_every_text(texts: list[str]) -> None:
    masked, names = MASKER.mask(texts)
    assert [unmask(text, names) for text in masked] == texts
    assert MASKER.mask(texts) == (masked, names)


@given(TEXTS)
def test_no_value_that_was_found_is_sent(text: str) -> None:
    (masked,), names = MASKER.mask([text])
    assert len({*names.values.values()}) == len(names.values) or "id" in text
    assert all(text[start:end] in names.values.values() for start, end, _ in find_personal_data(text))
    assert masked.count("[") == text.count("[") + len(find_personal_data(text))
