"""Personal data is known by form and checksum, and replaced by what tells nothing."""

from __future__ import annotations

import pytest

from wellread.answering.checking.facts import numbers_of
from wellread.answering.checking.masking import Masker, MaskingSettings, MaskMap, unmask
from wellread.answering.checking.personal_data import find_personal_data

ON = MaskingSettings(enabled=True)


def found(text: str) -> list[tuple[str, str]]:
    return [(kind, text[start:end]) for start, end, kind in find_personal_data(text)]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "ada.lovelace+x@example.co.uk"),
        ("iban", "DE89 3704 0044 0532 0130 00"),
        ("iban", "GB82WEST12345698765432"),
        ("card", "4111 1111 1111 1111"),
        ("card", "378282246310005"),
        ("id", "078-05-1120"),
        ("id", "12345678Z"),
        ("id", "X1234567L"),
        ("id", "1 84 12 76 451 089 46"),
        ("id", "86095742719"),
        ("id", "44051401359"),
        ("id", "529.982.247-25"),
        ("id", "756.9217.0769.85"),
        ("id", "11010519491231002X"),
        ("ip", "192.168.10.254"),
        ("ip", "2001:db8::8a2e:370:7334"),
        ("phone", "+49 30 901820"),
        ("phone", "+1 (555) 010-9999"),
        ("phone", "(555) 010-9999"),
    ],
)
def test_every_kind_is_found_whole(kind: str, value: str) -> None:
    assert found(f"Write to {value}, please.") == [(kind, value)]
    assert found(f"({value})") == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "DE89 3704 0044 0532 0130 01 is no IBAN",
        "4111 1111 1111 1112 is no card",
        "12345678A and 86095742718 and 529.982.247-24",
        "Revenue was 1,234,567,890 in 2024, up 11.5 percent from 148230.",
        "Section 1.2.3 of version 10.4, at 12:30:45 on 2024-05-03.",
        "000-12-3456 and 666-12-3456",
        "999.1.1.1 std::vector a::b @home",
        "Figures 1-23-4567 and 00 12 34",
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert found(text) == []


def test_nothing_hides_behind_what_nobody_sees() -> None:
    assert found("to a\u200bda@exam\u00adple.com") == [("email", "a\u200bda@exam\u00adple.com")]
    assert found("\uff11\uff10.0.0.1") == [("ip", "\uff11\uff10.0.0.1")]


def test_an_iban_ends_where_its_country_says() -> None:
    assert found("IBAN DE89370400440532013000 BIC COBADEFF") == [("iban", "DE89370400440532013000")]


def test_a_phone_number_without_a_code_is_known_by_the_word_before_it() -> None:
    assert found("Tel. 030 901820 or 030 901820") == [("phone", "030 901820")]


def test_equal_values_get_equal_placeholders_in_every_request() -> None:
    masker = Masker(ON, b"key")
    (first, second), names = masker.mask(["Ask ada@example.com.", "ada@example.com or bob@example.com"])
    assert first.removeprefix("Ask ").removesuffix(".") == second.split(" or ")[0]
    assert len(names.values) == 2
    assert masker.mask(["ada@example.com"])[0][0] in first
    assert Masker(ON, b"other").mask(["ada@example.com"])[0][0] not in first


def test_a_placeholder_tells_nothing_and_counts_as_no_number() -> None:
    (masked,), names = Masker(ON, b"key").mask(["Call +49 30 901820."])
    assert masked.startswith("Call [PHONE-")
    assert masked.isascii()
    assert not numbers_of(masked)
    assert "901820" not in repr(names)


def test_a_placeholder_that_stands_in_a_text_is_never_given_out() -> None:
    masker = Masker(ON, b"key")
    (placeholder,), _ = masker.mask(["ada@example.com"])
    texts = [f"Send {placeholder} to ada@example.com"]
    masked, names = masker.mask(texts)
    assert masked[0].startswith(f"Send {placeholder} to [EMAIL-")
    assert placeholder not in names.values
    assert unmask(masked[0], names) == texts[0]


def test_only_the_kinds_that_are_asked_for_are_masked() -> None:
    masker = Masker(MaskingSettings(enabled=True, kinds=("ip",)), b"key")
    assert masker.mask(["ada@example.com at 10.0.0.1"])[0][0].startswith("ada@example.com at [IP-")
    assert Masker(MaskingSettings(), b"key").mask(["ada@example.com"]) == (("ada@example.com",), MaskMap({}))


def test_what_a_model_says_with_placeholders_comes_back_with_values() -> None:
    (masked,), names = Masker(ON, b"key").mask(["ada@example.com"])
    assert unmask(f"Her address is {masked}, not [EMAIL-ZZZZZ].", names) == (
        "Her address is ada@example.com, not [EMAIL-ZZZZZ]."
    )
