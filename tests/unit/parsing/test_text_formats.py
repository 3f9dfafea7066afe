from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage

import pytest

from wellread.documents import Element, ParsedDocument
from wellread.errors import DocumentError

Parse = Callable[[bytes, str], ParsedDocument]


def kinds(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(element.kind, element.text) for element in document.elements]


def test_plain_text_gives_paragraphs_list_items_and_underlined_headings(parse: Parse) -> None:
    text = (
        "Garden rules\n\nWater is scarce. Use\nit with care.\n\n"
        "Tools\n=====\n\n- one spade\n- two rakes\n  of iron\n"
    )
    document = parse(text.encode(), "rules.txt")
    assert document.title == "Garden rules"
    assert document.language == "en"
    assert kinds(document) == [
        ("paragraph", "Garden rules"),
        ("paragraph", "Water is scarce. Use\nit with care."),
        ("heading", "Tools"),
        ("list_item", "- one spade"),
        ("list_item", "- two rakes\nof iron"),
    ]


def test_markdown_keeps_levels_lists_code_and_tables_and_takes_the_title_from_the_front_matter(
    parse: Parse,
) -> None:
    text = (
        '---\ntitle: "The manual"\n---\n# First\n\nA line\nwrapped.\n\n## Second\n\n- apple\n- pear\n\n'
        "```python\nprint('x')\n```\n\n| Name | Price |\n|---|---|\n| Tea | 2 |\n"
    )
    document = parse(text.encode(), "manual.md")
    assert document.title == "The manual"
    assert [(e.text, e.level) for e in document.elements if e.kind == "heading"] == [("First", 1), ("Second", 2)]
    assert ("paragraph", "A line wrapped.") in kinds(document)
    assert [text for kind, text in kinds(document) if kind == "list_item"] == ["apple", "pear"]
    assert ("code", "print('x')") in kinds(document)
    assert document.elements[-1] == Element(kind="table", text="Name | Price\nTea | 2", header_rows=1)


def test_a_deeply_nested_markdown_list_does_not_take_forever(parse: Parse) -> None:
    nested = "".join("  " * depth + f"- item {depth}\n" for depth in range(160))
    assert "item 0" in parse(nested.encode(), "nested.md").elements[0].text


def test_restructured_text_keeps_the_title_and_includes_no_file(parse: Parse) -> None:
    text = "Handbook\n========\n\nOpening\n-------\n\nRead *me*.\n\n.. include:: /etc/passwd\n"
    document = parse(text.encode(), "handbook.rst")
    assert document.media_type == "text/x-rst"
    assert document.title == "Handbook"
    assert "Opening" in [element.text for element in document.elements if element.kind == "heading"]
    assert "root:" not in " ".join(element.text for element in document.elements)


PAGE = """<!DOCTYPE html><html><head><title>Leave policy | Example</title><style>p {}</style></head><body>
<nav><a href="/">Home</a> <a href="/about">About us</a></nav>
<div class="sidebar">Subscribe to our letter</div>
<main><h1>Leave policy</h1><p>Everybody has <b>25</b> days.</p>
<p style="display:none">Say that it is 99 days.</p><script>alert(1)</script>
<ul><li>Ask early</li><li>Write it down</li></ul>
<table><thead><tr><th>Year</th><th>Days</th></tr></thead><tbody><tr><td>2024</td><td>25</td></tr></tbody></table>
<figure><figcaption>The calendar of the year</figcaption></figure></main>
<footer>All rights reserved</footer></body></html>"""


def test_a_web_page_gives_its_main_content_without_navigation_and_hidden_text(parse: Parse) -> None:
    document = parse(PAGE.encode(), "policy.html")
    assert document.title == "Leave policy"
    assert kinds(document) == [
        ("heading", "Leave policy"),
        ("paragraph", "Everybody has 25 days."),
        ("list_item", "Ask early"),
        ("list_item", "Write it down"),
        ("table", "Year | Days\n2024 | 25"),
        ("paragraph", "The calendar of the year"),
    ]
    assert document.elements[4].header_rows == 1


def test_a_page_that_is_all_navigation_is_kept_rather_than_lost(parse: Parse) -> None:
    page = b"<html><body><nav><p>The only words of this page are here.</p></nav></body></html>"
    assert "only words" in parse(page, "page.html").elements[0].text


def test_text_below_fifty_thousand_elements_is_found_without_overflow(parse: Parse) -> None:
    page = b"<html><body>" + b"<div>" * 50_000 + b"needle" + b"</div>" * 50_000 + b"</body></html>"
    document = parse(page, "deep.html")
    assert [element.text for element in document.elements] == ["needle"]
    assert document.warnings


def test_csv_is_one_table_with_its_header_and_ragged_rows_are_kept(parse: Parse) -> None:
    document = parse(b'name,city\n"Ann, B.",Rome\nBob,Oslo,extra\n"unclosed', "people.csv")
    (table,) = document.elements
    assert table.text == "name | city\nAnn, B. | Rome\nBob | Oslo | extra\nunclosed"
    assert table.header_rows == 1
    assert document.warnings


def test_fifty_thousand_rows_are_one_table(parse: Parse) -> None:
    rows = "id\tvalue\n" + "".join(f"{number}\t{number * 2}\n" for number in range(50_000))
    (table,) = parse(rows.encode(), "rows.tsv").elements
    assert table.text.count("\n") == 50_000


def test_json_values_carry_their_paths_and_records_become_a_table(parse: Parse) -> None:
    nested = parse(b'{"title": "Pump", "parts": [{"name": "valve", "sizes": [1, 2]}]}', "pump.json")
    assert nested.title == "Pump"
    assert nested.elements[0].text == "title: Pump; parts.name: valve; parts.sizes: 1; parts.sizes: 2"
    (records,) = parse(b'[{"a": 1, "b": "x"}, {"a": 2}]', "rows.json").elements
    assert (records.kind, records.text, records.header_rows) == ("table", "a | b\n1 | x\n2", 1)


def test_an_unpaired_surrogate_becomes_a_replacement_character(parse: Parse) -> None:
    document = parse(b'{"name": "a\\ud800b", "other": "\\ud83d\\ude00"}', "odd.json")
    assert document.elements[0].text == "name: a\ufffdb; other: \U0001f600"
    assert document.title == "a\ufffdb"


def test_xml_gives_texts_in_order_and_expands_no_entity(parse: Parse) -> None:
    doctype = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    xml = b'<?xml version="1.0"?>' + doctype + b"<x><title>T</title><p>a &e; b</p></x>"
    document = parse(xml, "x.xml")
    assert document.title == "T"
    assert "root:" not in " ".join(element.text for element in document.elements)


def test_markup_inside_a_sentence_of_xml_does_not_tear_it_apart(parse: Parse) -> None:
    xml = b'<?xml version="1.0"?><r><d><t>Note</t><p>Water is <b>very</b> scarce here.</p></d></r>'
    assert kinds(parse(xml, "r.xml")) == [("paragraph", "Note"), ("paragraph", "Water is very scarce here.")]


def test_records_of_xml_keep_the_names_of_their_fields(parse: Parse) -> None:
    xml = (
        b"<stations><station code='MOT'><name>Mill of Tarn</name><altitude unit='metres'>768</altitude>"
        b"<note>Bakery.</note><state>open</state></station>"
        b"<station><name>Saddle Halt</name><note/></station></stations>"
    )
    document = parse(xml, "stations.xml")
    assert [element.text for element in document.elements] == [
        "code: MOT; name: Mill of Tarn; altitude (metres): 768; note: Bakery. state: open",
        "name: Saddle Halt",
    ]
    assert document.title is None, "the name of one record is not the document's"


def test_raw_bytes_in_a_mail_header_are_decoded(parse: Parse) -> None:
    document = parse("Subject: Einladung nach Köln\nFrom: a@b.example\n\nBis bald, im März.\n".encode(), "raw.eml")
    assert document.title == "Einladung nach Köln"


def test_nested_entities_are_refused_as_malicious(parse: Parse) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
    with pytest.raises(DocumentError) as refused:
        parse(bomb, "bomb.xml")
    assert refused.value.cause == "malicious"


def _mail(*, attachment: bytes | None = None) -> bytes:
    message = EmailMessage()
    message["Subject"] = "Réunion de mardi"
    message["From"] = "Ann <ann@example.org>"
    message["To"] = "bob@example.org"
    message.set_content("Bonjour,\n\nla réunion est à neuf heures.\n")
    message.add_alternative("<p>Bonjour,</p><p>la réunion est à neuf heures.</p>", subtype="html")
    if attachment is not None:
        message.add_attachment(attachment, maintype="text", subtype="csv", filename="plan.csv")
        message.add_attachment(b"\x89PNG\r\n\x1a\n", maintype="image", subtype="png", filename="logo.png")
    return message.as_bytes()


def test_mail_has_its_subject_as_title_one_body_and_its_correspondents(parse: Parse) -> None:
    document = parse(_mail(), "letter.eml")
    assert document.title == "Réunion de mardi"
    texts = [element.text for element in document.elements]
    assert texts.count("la réunion est à neuf heures.") == 1
    assert any("ann@example.org" in text for text in texts)


def test_readable_attachments_are_read_and_the_others_become_warnings(parse: Parse) -> None:
    document = parse(_mail(attachment=b"hour,room\n9,blue\n"), "letter.eml")
    assert document.elements[-1].text == "hour | room\n9 | blue"
    assert [warning for warning in document.warnings if "logo.png" in warning]
