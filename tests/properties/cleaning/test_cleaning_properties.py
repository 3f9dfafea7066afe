from hypothesis import given
from hypothesis import strategies as st

from wellread.cleaning import CleaningSettings, clean
from wellread.documents import Element, ParsedDocument

AWKWARD = st.sampled_from(list("aB1é -\n\r\t\u0301\u200b\u00ad\ufb01\u2028\u3000\u1100\u1161\ud800|.\x85"))
TEXTS = st.one_of(st.text(max_size=60), st.lists(AWKWARD, max_size=30).map("".join))
KINDS = st.sampled_from(
    ["title", "heading", "paragraph", "list_item", "table", "code", "caption", "page_furniture"]
)
ELEMENTS = st.builds(Element, kind=KINDS, text=TEXTS, header_rows=st.integers(0, 3))
SETTINGS = st.builds(CleaningSettings, **dict.fromkeys(CleaningSettings.model_fields, st.booleans()))


@given(st.lists(ELEMENTS, max_size=6), SETTINGS)
def test_cleaning_twice_is_cleaning_once(elements: list[Element], settings: CleaningSettings) -> None:
    once = clean(ParsedDocument("text/plain", tuple(elements), title="t"), settings)
    twice = clean(ParsedDocument("text/plain", once.elements, title=once.title), settings)
    assert twice == once


@given(st.lists(ELEMENTS, max_size=6))
def test_the_text_is_its_elements_and_can_be_written(elements: list[Element]) -> None:
    document = clean(ParsedDocument("text/plain", tuple(elements)), CleaningSettings())
    assert document.text == "\n\n".join(element.text for element in document.elements)
    assert [document.text[a:b] for a, b in document.spans] == [element.text for element in document.elements]
    assert all(element.text.strip() for element in document.elements)
    document.text.encode("utf-8")
