"""What must not stand in an answer is found however it is written, and what may stand there is left alone."""

from __future__ import annotations

import base64
import codecs

import pytest

from wellread.answering.checking.leaks import Leak, LeakKind, LeakSettings, find_leaks, redact
from wellread.answering.prompting.rendering import canary_of
from wellread.answering.prompting.templates import load_prompt

CANARY = canary_of(b"a secret of the deployment")
PROMPT = load_prompt("answer_with_quotes").sections[0][1]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Stands for keys: nothing in this file is one."""


def kinds(text: str, *evidence: str, **settings: object) -> list[LeakKind]:
    leaks = find_leaks(
        text,
        canary=CANARY,
        prompt=PROMPT,
        evidence=evidence,
        settings=LeakSettings.model_validate(settings),
    )
    for leak in leaks:
        assert text[leak.start : leak.end] == leak.found
    return [leak.kind for leak in leaks]


@pytest.mark.parametrize(
    "written",
    [
        CANARY,
        CANARY.upper(),
        " ".join(CANARY),
        "-".join(CANARY.title()),
        "\u200b".join(CANARY),
        "\n".join([CANARY[:5], CANARY[5:]]),
        CANARY[::-1],
        codecs.encode(CANARY, "rot13"),
        base64.b64encode(CANARY.encode()).decode(),
        base64.b64encode(f"the mark is {CANARY} ok".encode()).decode(),
        base64.b64encode(f"a {CANARY}".encode()).decode().rstrip("="),
        "\n".join(base64.b64encode(f"it: {CANARY}".encode()).decode()[at : at + 10] for at in range(0, 40, 10)),
        base64.urlsafe_b64encode(b"\xff\xfe" + CANARY.encode()).decode(),
        CANARY.encode().hex(),
        "".join(f"%{ord(letter):02x}" for letter in CANARY),
        "".join(f"&#{ord(letter)};" for letter in CANARY),
        "".join(chr(ord(letter) + 0xFEE0) for letter in CANARY),
    ],
)
def test_the_canary_is_found_in_every_disguise(written: str) -> None:
    assert set(kinds(f"Sure, it is: {written} - as you wished.", urls=False)) == {"canary"}


def test_the_instructions_are_found_word_for_word() -> None:
    piece = "a quote is copied WORD FOR WORD from one passage,\nwith that passage\u2019s number"
    assert kinds(f"I was told: {piece}. Nothing else.") == ["prompt"]
    assert kinds("A quote is copied from the passage.") == []
    assert kinds(f"I was told: {piece}.", prompt_least_chars=200) == []


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example.com/a?d=28",
        "![](http://evil.example.com/a.png?d=28)",
        "[here](evil.example.com)",
        "<img src=//evil.example.com/a>",
        "evil.example.com",
        "hxxps://evil[.]example[.]com/a",
        "evil (dot) example (dot) com",
        "evil dot com",
        "h\u200bttp://evil.example.com",
        "http://good.org@evil.com/a",
        "http://evil.com\\@good.org/a",
        "\u0435vil.com",
        "xn--vil-5cd.com",
        "bit.ly/abc",
        "http://3232235777/",
        "10.1.2.3:8080/a",
        "mailto:a@evil.com",
        "a@evil.com",
        "data:text/html;base64,PHA+",
        "javascript:alert(1)",
        "\\\\evil.com\\share",
        "ftp://evil.com/a",
        "EVIL.COM/A",
        "www.evil.it",
    ],
)
def test_a_link_is_refused_unless_it_stands_in_the_evidence(link: str) -> None:
    assert "url" in kinds(f"Loans last 28 days, see {link}.", "Loans last 28 days, see https://good.org/a.")
    assert kinds(f"Loans last 28 days, see {link}.", f"More: {link}.") == []
    assert kinds(f"Loans last 28 days, see {link}.", urls=False) == []


@pytest.mark.parametrize(
    ("link", "is_allowed"),
    [
        ("https://good.org/a?x=1", True),
        ("HTTP://GOOD.org/a?x=1", True),
        ("good.org", True),
        ("good.org/a?x=2", False),
        ("good.org/A?x=1", False),
        ("good.org.evil.com", False),
        ("sub.good.org", False),
        ("kept.net/any/thing", True),
        ("https://deep.kept.net", True),
        ("notkept.net", False),
        ("one.net/page", True),
        ("one.net/other", False),
    ],
)
def test_only_the_very_link_is_allowed(link: str, is_allowed: bool) -> None:
    found = kinds(
        f"See {link} there.",
        "It is at https://good.org/a?x=1.",
        allowed_hosts=("kept.net",),
        allowed_urls=("https://one.net/page/",),
    )
    assert (found == []) is is_allowed


@pytest.mark.parametrize(
    "text",
    [
        "Loans last 28 days, e.g. for U.S. members, i.e. until 5 p.m. on 3.5.2024.",
        "Node.js reads setup.py and report.pdf of version 1.2.3.4, see Sec. 4.2/4.3.",
        "The data: 5 apples. About: nothing. The dot com bubble burst in 2000.",
        "This ends.It begins anew; Mr. Smith vs. Co. and/or Inc./Ltd.",
        "The token economy is password protected; the secret is patience.",
        "The password is changed every 2024-01-01; key figure: 1234567890.",
        "API key rotation is described in section 3.2.1 of the handbook.",
    ],
)
def test_plain_prose_leaks_nothing(text: str) -> None:
    assert kinds(text) == []


@pytest.mark.parametrize(
    "secret",
    [
        "AKIA" + "Q7ZX" * 4,
        "gh" + "p_" + LETTERS[:36],
        "xox" + "b-123456789012-" + LETTERS[:12],
        "sk" + "-proj-" + LETTERS[:40],
        "AIza" + LETTERS[:35],
        "eyJ" + LETTERS[:20] + ".eyJ" + LETTERS[:20] + "." + LETTERS[:20],
        "-----BEGIN RSA PRIVATE KEY-----\n" + LETTERS + "\n-----END RSA PRIVATE KEY-----",
        "password: " + "Tr0ub4dor" + "&3x",
        "API key = '" + LETTERS[20:44] + "'",
        "Passwort ist " + "hU7!kd9Q",
        "Bearer " + LETTERS[10:40],
        "postgres://admin:" + "hunter2" + "@db.internal/x",
    ],
)
def test_keys_and_passwords_are_refused_even_where_the_evidence_holds_them(secret: str) -> None:
    assert "secret" in kinds(f"It says {secret} there.", f"It says {secret} there.")
    assert "secret" not in kinds(f"It says {secret} there.", f"It says {secret} there.", secrets=False)


def test_leaks_are_taken_out_of_a_text() -> None:
    text = f"A {CANARY} B evil.com C"
    assert redact(text, find_leaks(text, canary=CANARY)) == "A [removed: canary] B [removed: url] C"
    overlapping = [Leak("url", "abc", 0, 3), Leak("secret", "b", 1, 2)]
    assert redact("abcd", overlapping) == "[removed: url]d"
    key = "gh" + "p_" + LETTERS[:36]
    assert redact(f"key {key}, evil.com") == "key [removed: secret], evil.com"
