from __future__ import annotations

import codecs

import pytest

from wellread.parsing.causes import UnreadableError
from wellread.parsing.text_decoding import decode

RUSSIAN = "Договор вступает в силу с момента подписания его сторонами и действует до конца года. " * 3
JAPANESE = "この契約は、両当事者が署名した日から効力を生じ、年末まで有効です。" * 4


def test_a_byte_order_mark_decides_and_is_not_part_of_the_text() -> None:
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        assert decode(mark + "Grüße".encode(encoding)).text == "Grüße"


def test_utf_16_without_a_mark_is_not_read_as_text_with_nul_characters() -> None:
    text = "Minutes of the meeting on Tuesday, with all that was said. " * 4
    assert decode(text.encode("utf-16-le")).text == text


def test_the_declaration_of_a_page_is_believed_where_it_decodes() -> None:
    page = '<html><head><meta charset="iso-8859-2"></head><body>Zażółć gęślą jaźń</body></html>'
    decoded = decode(page.encode("iso-8859-2"))
    assert decoded.text == page
    assert decoded.encoding == "iso8859-2"


def test_a_declaration_that_does_not_decode_falls_back_to_what_pages_mean_by_it() -> None:
    page = '<?xml version="1.0" encoding="Shift_JIS"?><p>①髙橋</p>'
    assert decode(page.encode("cp932")).text == page


def test_valid_utf_8_is_never_guessed_to_be_anything_else() -> None:
    assert decode("naïve café, Москва".encode()).encoding == "utf-8"


@pytest.mark.parametrize(("text", "encoding"), [(RUSSIAN, "koi8-r"), (RUSSIAN, "cp1251"), (JAPANESE, "euc-jp")])
def test_texts_without_any_sign_are_recognised_by_their_bytes(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


def test_nul_characters_are_removed_with_a_warning() -> None:
    decoded = decode(b"one\0two and some more words that make this a text")
    assert "\0" not in decoded.text
    assert decoded.warnings


def test_random_bytes_are_no_text() -> None:
    noise = bytes((index * 7919 + (index * index) % 251) % 256 for index in range(4000))
    with pytest.raises(UnreadableError):
        decode(noise)
