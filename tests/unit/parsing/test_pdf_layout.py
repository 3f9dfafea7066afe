from __future__ import annotations

from wellread.parsing.pdf_layout import body_elements, find_furniture, join_lines, merge_fragments, reading_order
from wellread.parsing.pdf_lines import Line


def line(
    text: str, x: float, y: float, *, width: float = 200, size: float = 10, page: int = 1, bold: bool = False
) -> Line:
    return Line(text=text, left=x, right=x + width, bottom=y, top=y + size, bold=bold, page=page)


def test_numbers_do_not_hide_that_a_line_repeats() -> None:
    pages = [
        [
            line("Report 2024", 0, 700, page=n),
            line(f"text {chr(64 + n)}", 0, 400, page=n),
            line(f"- {n} -", 0, 20, page=n),
        ]
        for n in range(1, 6)
    ]
    furniture = find_furniture(pages, page_ratio=0.6)
    assert {found.text for found in furniture} == {"Report 2024", *(f"- {n} -" for n in range(1, 6))}


def test_lines_below_the_share_of_pages_stay_in_the_text() -> None:
    pages = [[line("Rare header" if n < 3 else f"other {chr(64 + n)}", 0, 700, page=n)] for n in range(1, 6)]
    assert find_furniture(pages, page_ratio=0.6) == frozenset()


def test_two_pages_have_no_furniture() -> None:
    assert find_furniture([[line("same", 0, 700)], [line("same", 0, 700, page=2)]], page_ratio=0.6) == frozenset()


def test_shuffled_columns_are_read_left_before_right_and_downwards() -> None:
    left = [line(f"left {n}", 50, 700 - 12 * n) for n in range(6)]
    right = [line(f"right {n}", 320, 700 - 12 * n) for n in range(6)]
    shuffled = [*reversed(left), *reversed(right)]
    assert [found.text for found in reading_order(shuffled)] == [x.text for x in (*left, *right)]


def test_an_order_that_goes_down_is_left_as_it_is() -> None:
    lines = [line(f"line {n}", 50, 700 - 12 * n) for n in range(6)]
    assert reading_order(lines) == lines


def test_a_raised_number_does_not_split_its_line() -> None:
    pieces = [
        line("as shown", 50, 700, width=40),
        line("1", 90.5, 704, width=3, size=6),
        line("before.", 97, 700, width=40),
    ]
    (merged,) = merge_fragments(pieces)
    assert merged.text == "as shown1 before."


def test_both_columns_keep_their_paragraphs_whole() -> None:
    left = [line(f"left words {n}", 50, 700 - 12 * n) for n in range(4)]
    right = [line(f"right words {n}", 320, 700 - 12 * n) for n in range(4)]
    elements = body_elements([[*left, *right]], frozenset())
    assert [element.text for element in elements] == [
        "left words 0 left words 1 left words 2 left words 3",
        "right words 0 right words 1 right words 2 right words 3",
    ]


def test_a_hyphen_at_a_line_end_stays_visible_for_cleaning() -> None:
    assert join_lines(["a co-", "operative", "shop"]) == "a co-\noperative shop"
