"""Personal data in a text, known by its form and, where it has one, by its checksum."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from wellread.answering.checking.disguises import visible_text

PersonalKind = Literal["email", "phone", "iban", "card", "ip", "id"]
KINDS: tuple[PersonalKind, ...] = ("email", "iban", "card", "id", "ip", "phone")
"""In the order in which they claim a place."""

_IBAN_CHARS = {
    country: int(chars)
    for country, chars in re.findall(
        r"([A-Z]{2})(\d{2})",
        "AD24 AE23 AT20 BE16 BG22 BR29 CH21 CY28 CZ24 DE22 DK18 EE20 ES24 FI18 FR27 GB22 GR27 HR21 HU28 IE22 IL23 "
        "IS26 IT27 LI21 LT20 LU20 LV21 MC27 MT31 NL18 NO15 PL28 PT25 RO24 SA24 SE24 SI19 SK24 SM27 TR26 UA29",
    )
}
"""Length by country (the IBAN registry)."""


@dataclass(frozen=True, slots=True)
class _Form:
    kind: PersonalKind
    pattern: re.Pattern[str]
    length: Callable[[str], int]
    """How many characters of a match are the thing itself; 0: it is none."""


def find_personal_data(text: str, kinds: tuple[PersonalKind, ...] = KINDS) -> list[tuple[int, int, PersonalKind]]:
    """(start, end, kind) of each thing found, in order, without overlaps.

    It is found in the text as a reader sees it: invisible characters inside hide nothing.
    """
    place = visible_text(text)
    taken: list[tuple[int, int, PersonalKind]] = []
    for form in _FORMS:
        if form.kind in kinds:
            for start, end in _matches(form, place.text):
                span = place.original_span(start, end)
                if not any(_overlap(span, other) for other in taken):
                    taken.append((*span, form.kind))
    return sorted(taken)


def _matches(form: _Form, text: str) -> Iterator[tuple[int, int]]:
    for match in form.pattern.finditer(text):
        length = form.length(match.group())
        if length:
            yield match.start(), match.start() + length


def _overlap(span: tuple[int, int], other: tuple[int, int, PersonalKind]) -> bool:
    return span[0] < other[1] and other[0] < span[1]


def _when(check: Callable[[str], bool]) -> Callable[[str], int]:
    """A length that is all or nothing, by a check of the letters and digits alone."""

    def length(found: str) -> int:
        return len(found) if check(re.sub(r"[^0-9A-Za-z]", "", found).upper()) else 0

    return length


def _iban_length(found: str) -> int:
    """As many characters as its country has, if the checksum holds (ISO 13616): a match may run into a word."""
    wanted = _IBAN_CHARS.get(found[:2], 0)
    places = [index for index, character in enumerate(found) if character.isalnum()][:wanted]
    if not wanted or len(places) < wanted:
        return 0
    plain = "".join(found[index] for index in places)
    return places[-1] + 1 if _mod(plain[4:] + plain[:4], 97) == 1 else 0


def _mod(letters_and_digits: str, divisor: int) -> int:
    """The remainder of the number, letters counting from A = 10."""
    return int("".join(str(int(character, 36)) for character in letters_and_digits)) % divisor


def _is_luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _is_card(digits: str) -> bool:
    """A number of one of the large schemes (ISO/IEC 7812)."""
    scheme = r"4(?:.{12}|.{15}|.{18})|(?:5[1-5]|2[2-7]|35|65).{14}|6011.{12}|3[47].{13}|3[068].{12}"
    return re.fullmatch(scheme, digits) is not None and len(set(digits)) > 1 and _is_luhn(digits)


def _ip_length(found: str) -> int:
    try:
        ipaddress.ip_address(found)
    except ValueError:
        return 0
    return len(found)


def _phone_length(found: str) -> int:
    digits = re.sub(r"\D", "", found)
    return len(found) if 8 <= len(digits) <= 15 else 0


def _is_ssn(digits: str) -> bool:
    """United States: no checksum, but areas and groups that are never given."""
    return digits[:3] not in {"000", "666"} and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


def _is_dni(plain: str) -> bool:
    """Spain, DNI and NIE: the letter is the number modulo 23."""
    number = plain[:-1].translate(str.maketrans("XYZ", "012"))
    return plain[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def _is_nir(plain: str) -> bool:
    """France: the key is 97 less the number modulo 97; Corsica's 2A and 2B count as 19 and 18."""
    number = plain[:13].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and plain[13:].isdigit() and int(plain[13:]) == 97 - int(number) % 97


def _is_tax_id(digits: str) -> bool:
    """Germany, tax identification number: ISO 7064 MOD 11,10; one digit occurs twice or three times in ten."""
    product = 10
    for digit in digits[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    repeated = [digits[:10].count(digit) for digit in set(digits[:10]) if digits[:10].count(digit) > 1]
    return digits[0] != "0" and len(repeated) == 1 and repeated[0] <= 3 and (11 - product) % 10 == int(digits[10])


def _is_pesel(digits: str) -> bool:
    """Poland: weights 1, 3, 7, 9, and a date of birth."""
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    is_date = 1 <= int(digits[2:4]) % 20 <= 12 and 1 <= int(digits[4:6]) <= 31
    return is_date and sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 10 == 0


def _is_cpf(digits: str) -> bool:
    """Brazil: two check digits modulo 11."""
    for length in (9, 10):
        total = sum(int(digit) * (length + 1 - index) for index, digit in enumerate(digits[:length]))
        if total * 10 % 11 % 10 != int(digits[length]):
            return False
    return len(set(digits)) > 1


def _is_ahv(digits: str) -> bool:
    """Switzerland: the check digit of EAN-13."""
    total = sum(int(digit) * (1 + 2 * (index % 2)) for index, digit in enumerate(digits[:12]))
    return -total % 10 == int(digits[12])


def _is_resident_id(plain: str) -> bool:
    """China: ISO 7064 MOD 11-2, and a date of birth."""
    total = sum(int(digit) * (2 ** (17 - index) % 11) for index, digit in enumerate(plain[:17]))
    is_date = 1 <= int(plain[10:12]) <= 12 and 1 <= int(plain[12:14]) <= 31
    return is_date and "10X98765432"[total % 11] == plain[17]


def _form(kind: PersonalKind, pattern: str, length: Callable[[str], int] = len) -> _Form:
    """No digit, letter or joined digit may touch a match: a part of a longer number is another thing."""
    return _Form(kind, re.compile(rf"(?<![\w@+])(?<!\d[.,-]){pattern}(?![\w@])(?![.,-]\d)", re.ASCII), length)


_FORMS = (
    _Form(
        "email",
        re.compile(
            r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}[A-Za-z]{2,24}(?![\w@-])"
        ),
        len,
    ),
    _Form("iban", re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}", re.ASCII), _iban_length),
    _form("card", r"\d{4}(?:[ -]?\d){9,15}", _when(_is_card)),
    _form("id", r"\d{3}-\d{2}-\d{4}", _when(_is_ssn)),
    _form("id", r"(?:\d{8}|[XYZ]-?\d{7})-?[A-Z]", _when(_is_dni)),
    _form("id", r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}", _when(_is_nir)),
    _form("id", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", _when(_is_tax_id)),
    _form("id", r"\d{11}", _when(_is_pesel)),
    _form("id", r"\d{3}\.\d{3}\.\d{3}-\d{2}", _when(_is_cpf)),
    _form("id", r"756\.\d{4}\.\d{4}\.\d{2}", _when(_is_ahv)),
    _form("id", r"\d{17}[\dX]", _when(_is_resident_id)),
    _form("ip", r"\d{1,3}(?:\.\d{1,3}){3}", _ip_length),
    _Form("ip", re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f:]*\d)[0-9A-Fa-f:]{6,39}(?![\w:])", re.ASCII), _ip_length),
    _Form(
        "phone",
        re.compile(
            r"(?<![\w+.-])(?<!\d )(?:\+|00(?=[1-9]\d))\d{1,3}(?:[ ./-]{0,2}(?:\(\d{1,5}\)|\d{1,5})){2,6}(?![\w-])",
            re.ASCII,
        ),
        _phone_length,
    ),
    _form("phone", r"(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4}", _phone_length),
    _Form(
        "phone",
        re.compile(
            r"(?i:(?<=tel )|(?<=tel: )|(?<=tel\. )|(?<=phone )|(?<=phone: )|(?<=fax )|(?<=fax: )|(?<=mobile: ))"
            r"\(?\d(?:[ ()/.-]{0,2}\d){6,13}(?![\w-])",
            re.ASCII,
        ),
        _phone_length,
    ),
)
