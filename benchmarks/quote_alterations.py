"""What makes a quote untrue: a number, a negation, a name, a word changed, left out or put in; text from elsewhere.

Each function takes a sentence and its :class:`Surroundings` and returns the altered sentence, or ``None`` where it
has nothing of the kind.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz


@dataclass(frozen=True)
class Surroundings:
    """What an alteration may draw from."""

    draw: random.Random
    passage: str
    names: Sequence[str]
    """Of the same document set."""
    neighbours: Sequence[str]
    """The other sentences of the passage."""
    cousins: Sequence[str]
    """Sentences of other passages of the same document."""
    strangers: Sequence[str]
    """Sentences of other documents of the set."""


Alter = Callable[[str, Surroundings], str | None]
_CAPITAL = "[A-Z\u00c4\u00d6\u00dc\u0410-\u042f]"
NAME = re.compile(rf"(?<=[ (]){_CAPITAL}[\w-]+(?: {_CAPITAL}[\w-]+)*")
"""Words with capitals, not at the head of a text: names, and now and then the beginning of a sentence."""
_DIGIT_NUMBER = r"(?<![\w.,])\d[\d.,]*(?:(?<=\d))(?!\w)"


def swap(pairs: str, *, flags: re.RegexFlag = re.IGNORECASE) -> Alter:
    """Replace one occurrence of one side of a pair by the other: ``"may|shall, before|after"``."""
    table: dict[str, str] = {}
    for pair in pairs.split(","):
        one, other = (side.strip() for side in pair.split("|"))
        table |= {one: other, other: one}
    return _by_table(table, flags)


def _by_table(table: dict[str, str], flags: re.RegexFlag = re.IGNORECASE) -> Alter:
    longest_first = sorted(table, key=len, reverse=True)
    found_by = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\w)", flags)

    def alter(sentence: str, around: Surroundings) -> str | None:
        found = list(found_by.finditer(sentence))
        if not found:
            return None
        one = around.draw.choice(found)
        other = table[one.group().lower()]
        new = other.capitalize() if one.group()[0].isupper() and one.group()[1:].islower() else other
        return re.sub(" +", " ", sentence[: one.start()] + new + sentence[one.end() :]).strip()

    return alter


def once(pattern: str, change: str | Callable[[re.Match[str], random.Random], str]) -> Alter:
    """Change one match of a pattern."""

    def alter(sentence: str, around: Surroundings) -> str | None:
        found = list(re.finditer(pattern, sentence))
        if not found:
            return None
        one = around.draw.choice(found)
        new = one.expand(change) if isinstance(change, str) else change(one, around.draw)
        return sentence[: one.start()] + new + sentence[one.end() :]

    return alter


def _other_digit(found: re.Match[str], draw: random.Random) -> str:
    number = found.group()
    place = draw.choice([index for index, character in enumerate(number) if character.isdigit()])
    digits = "".join(digit for digit in "123456789" if digit != number[place])
    return number[:place] + draw.choice(digits) + number[place + 1 :]


def _near(found: re.Match[str], draw: random.Random) -> str:
    return str(int(found.group()) + draw.choice((-1, 1)))


def _shifted(found: re.Match[str], draw: random.Random) -> str:
    del draw
    return found.group().replace(".", "")


_SERIES = (
    "\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d",
    "".join(map(chr, range(0x0661, 0x066A))),
    "".join(map(chr, range(0x0967, 0x0970))),
)
"""Chinese numerals, Arabic and Devanagari digits."""


def _other_script(found: re.Match[str], draw: random.Random) -> str:
    series = next((one for one in _SERIES if found.group() in one), None)
    return draw.choice(series.replace(found.group(), "")) if series else ""


NUMBERS: dict[str, Alter] = {
    "digit": once(_DIGIT_NUMBER, _other_digit),
    "off by one": once(r"(?<![\w.,])[1-9]\d{0,3}(?![\w.,])", _near),
    "zero added": once(r"(?<![\w.,])[1-9]\d*(?![\w.,])", lambda found, _: found.group() + "0"),
    "point lost": once(r"(?<![\w.,])\d+\.\d+(?![\w.,])", _shifted),
    "year": once(r"\b(?:1[89]|20)\d\d\b", _near),
    "numeral": swap(
        "two|three, four|five, six|seven, eight|nine, ten|twelve, thirty|sixty, twenty|ninety, one|two"
    ),
    "ordinal": swap("first|second, third|fourth, fifth|sixth, 1st|2nd, 19th|18th, 20th|21st, eighth|ninth"),
    "month": swap(
        "january|june, march|may, april|august, july|september, october|december, february|november",
        flags=re.IGNORECASE,
    ),
    "unit": swap(
        "million|billion, mg|g, days|months, hours|minutes, years|weeks, km|miles, metres|feet, thousand|million, "
        "day|month, year|month, week|day, ml|l, seconds|minutes, cm|mm, basis points|percentage points"
    ),
    "currency": once(
        "[$\u20ac\u00a3]", lambda found, draw: draw.choice([c for c in "$\u20ac\u00a3" if c != found.group()])
    ),
    "percent lost": once(r"(?<=\d) ?%", ""),
    "sign": once(r"(?<=[ (])(?=\d)(?!\d{4}\b)", "-"),
    "other scripts": once(
        "[\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u0661-\u0669\u0967-\u096f]", _other_script
    ),
    "German numeral": swap("zwei|drei, vier|zehn, eins|zwei, drei\u00dfig|vierzig, erste|zweite, ersten|zweiten"),
}

NEGATIONS: dict[str, Alter] = {
    "not added": once(
        r"\b(is|are|was|were|has|have|can|may|shall|will|would|should|must|could)\b(?! not)", r"\1 not"
    ),
    "not removed": once(r" (?:not|never)\b|(?<=[a-z])n['\u2019]t\b", ""),
    "no removed": once(r"\b(?:no|without) (?=[a-z])", ""),
    "pairs": swap("with|without, no|some, never|always, none|all, nothing|everything, neither|both, nor|or"),
    "condition": swap("unless|if, except|including, excluding|including, until|unless, only|not only"),
    "prefix": swap(
        "able|unable, likely|unlikely, known|unknown, related|unrelated, lawful|unlawful, limited|unlimited, "
        "complete|incomplete, direct|indirect, valid|invalid, possible|impossible, regular|irregular, "
        "equal|unequal, "
        "certain|uncertain, clear|unclear, common|uncommon, paid|unpaid, expected|unexpected, "
        "available|unavailable, "
        "dependent|independent, appropriate|inappropriate, sufficient|insufficient, exclusive|non-exclusive, "
        "active|inactive, important|unimportant, successful|unsuccessful, like|unlike, agree|disagree, "
        "infected|uninfected, affected|unaffected, changed|unchanged, published|unpublished, "
        "significant|insignificant, "
        "effective|ineffective, specific|nonspecific, formal|informal, adequate|inadequate, usual|unusual"
    ),
    "German": once(r"\bnicht |\b(k)(?=ein(?:e|en|em|er|es)?\b)", ""),
    "German added": once(r"\b(ist|sind|war|waren|hat|wird|wurde|kann)\b(?! nicht)", r"\1 nicht"),
    "Chinese": once(
        "\u4e0d(?=[\u4e00-\u9fff])|\u6ca1\u6709|(?<=[\u4e00-\u9fff])\u662f",
        lambda found, _: "\u4e0d\u662f" if found.group() == "\u662f" else "",
    ),
    "Russian": once(
        r"\b\u043d\u0435 |\b(?=\u0431\u044b\u043b[\u0430\u043e\u0438]?\b)",
        lambda found, _: "" if found.group() else "\u043d\u0435 ",
    ),
    "Hindi": once(
        "\u0928\u0939\u0940\u0902 |(?<= )(?=\u0939\u0948[ \u0964])",
        lambda found, _: "" if found.group() else "\u0928\u0939\u0940\u0902 ",
    ),
    "Arabic": once(
        r"\b(?:\u0644\u0627|\u0644\u0645|\u0644\u0646|\u0644\u064a\u0633) |(?<= )(?=\u0643\u0627\u0646 )",
        lambda found, _: "" if found.group() else "\u0645\u0627 ",
    ),
}

WORDS: dict[str, Alter] = {
    "duty": swap("may|shall, must|may, will|may, should|must, can|must, could|would, might|will"),
    "direction": swap(
        "increase|decrease, increased|decreased, increases|decreases, increasing|decreasing, higher|lower, "
        "high|low, "
        "more|less, rose|fell, up|down, above|below, over|under, gain|loss, larger|smaller, positive|negative, "
        "upper|lower, import|export, upstream|downstream, greater|lesser, maximum|minimum, earlier|later"
    ),
    "order": swap("before|after, first|last, previous|next, prior to|following, from|to, since|until, early|late"),
    "joining": swap("and|or, and|but, because|although, also|instead"),
    "bounds": swap(
        "at least|at most, more than|less than, not less than|not more than, up to|at least, within|after"
    ),
    "amount": swap(
        "all|some, many|few, most|some, every|any, each|some, always|sometimes, often|rarely, both|either"
    ),
    "parties": swap(
        "licensor|licensee, company|customer, buyer|seller, lessor|lessee, employer|employee, "
        "supplier|distributor, "
        "party|parties, his|her, he|she, they|we, patients|controls, men|women, virus|bacteria, her|their, "
        "our|their, "
        "assignor|assignee, franchisor|franchisee, mother|father, king|queen, son|daughter, public|private"
    ),
    "tense": swap("is|was, are|were, has|had, have|had, will|would, do|did, does|did, can|could"),
    "synonyms": swap(
        "shall|will, large|big, use|employ, used|employed, show|demonstrate, such as|including, however|but, "
        "important|significant, begin|start, about|approximately, people|persons, made|created, within|inside, "
        "agreement|contract, study|research, known|famous, part|portion, several|various, called|named"
    ),
}


def _other_name(chosen: Callable[[str, Sequence[str], random.Random], str | None]) -> Alter:
    def alter(sentence: str, around: Surroundings) -> str | None:
        found = [one for one in NAME.finditer(sentence) if one.start()]
        if not found:
            return None
        one = around.draw.choice(found)
        others = [
            name
            for name in around.names
            if name.casefold() not in one.group().casefold()
            and one.group().casefold() not in name.casefold()
            and name.count(" ") == one.group().count(" ")
        ]
        other = chosen(one.group(), others, around.draw)
        return sentence[: one.start()] + other + sentence[one.end() :] if other else None

    return alter


def _nearest(name: str, names: Sequence[str], draw: random.Random) -> str | None:
    del draw
    return max(names, key=lambda other: (fuzz.ratio(name, other), other), default=None)


def _any(name: str, names: Sequence[str], draw: random.Random) -> str | None:
    del name
    return draw.choice(names) if names else None


def _part_of_name(sentence: str, around: Surroundings) -> str | None:
    """One word of a name of several: ``John Smith`` becomes ``John Miller``."""
    found = [one for one in NAME.finditer(sentence) if " " in one.group()]
    names = [name.split()[-1] for name in around.names if " " in name]
    if not found or not names:
        return None
    one = around.draw.choice(found)
    first, last = one.group().rsplit(" ", 1)
    other = around.draw.choice(names)
    return sentence[: one.start()] + f"{first} {other}" + sentence[one.end() :] if other != last else None


def _swapped_names(sentence: str, around: Surroundings) -> str | None:
    """Two names of the sentence change places."""
    found = list(NAME.finditer(sentence))
    pairs = [(a, b) for a in found for b in found if a.end() < b.start() and a.group() != b.group()]
    if not pairs:
        return None
    a, b = around.draw.choice(pairs)
    return sentence[: a.start()] + b.group() + sentence[a.end() : b.start()] + a.group() + sentence[b.end() :]


def _one_letter(sentence: str, around: Surroundings) -> str | None:
    """A name with one other letter that does not look alike: ``Iran``, ``Iraq``."""
    found = [one for one in NAME.finditer(sentence) if one.start() and len(one.group()) >= 4]
    if not found:
        return None
    one = around.draw.choice(found)
    place = around.draw.randrange(1, len(one.group()))
    letter = one.group()[place]
    if not letter.isascii() or not letter.islower():
        return None
    unlike = {"n": "q", "a": "k", "e": "t", "o": "t", "i": "o", "r": "s", "s": "t", "t": "k", "l": "m", "h": "k"}
    return sentence[: one.start() + place] + unlike.get(letter, "x") + sentence[one.start() + place + 1 :]


ENTITIES: dict[str, Alter] = {
    "another name": _other_name(_any),
    "the most similar name": _other_name(_nearest),
    "part of a name": _part_of_name,
    "names change places": _swapped_names,
    "a letter of a name": _one_letter,
}


def _pieces(sentence: str) -> tuple[list[str], str]:
    parts = sentence.split(" ")
    return (parts, " ") if len(parts) >= 6 else (list(sentence), "")


def _left_out(sentence: str, around: Surroundings) -> str | None:
    parts, joint = _pieces(sentence)
    places = [place for place in range(1, len(parts) - 1) if any(c.isalnum() for c in parts[place])]
    if not places:
        return None
    place = around.draw.choice(places)
    return joint.join(parts[:place] + parts[place + 1 :])


_PUT_IN = "always only usually clearly therefore exclusively almost immediately generally"


def _put_in(sentence: str, around: Surroundings) -> str | None:
    parts, joint = _pieces(sentence)
    if joint != " ":
        return None
    place = around.draw.randrange(1, len(parts) - 1)
    word = around.draw.choice(_PUT_IN.split())
    return " ".join([*parts[:place], word, *parts[place:]])


def _elided(sentence: str, around: Surroundings) -> str | None:
    parts, joint = _pieces(sentence)
    if len(parts) < 9:
        return None
    start = around.draw.randrange(3, len(parts) - 5)
    length = around.draw.randint(2, min(5, len(parts) - start - 3))
    if not any(c.isalnum() for c in joint.join(parts[start : start + length])):
        return None
    mark = around.draw.choice(("...", "\u2026", "[...]", "(\u2026)"))
    return joint.join([*parts[:start], mark, *parts[start + length :]])


def _reordered(sentence: str, around: Surroundings) -> str | None:
    parts, joint = _pieces(sentence)
    place = around.draw.randrange(0, len(parts) - 1)
    parts[place], parts[place + 1] = parts[place + 1], parts[place]
    return joint.join(parts)


OMISSIONS: dict[str, Alter] = {
    "word left out": _left_out,
    "word put in": _put_in,
    "middle elided": _elided,
    "words change places": _reordered,
    "clause left out": once(r", [^,.;]{8,60},", " "),
    "brackets left out": once(r" ?\([^()]{3,60}\)", ""),
}


def _halves(one: str, other: str) -> str:
    first, joint = _pieces(one)
    second, _ = _pieces(other)
    return joint.join([*first[: len(first) // 2], *second[len(second) // 2 :]])


def _spliced(field: Callable[[Surroundings], Sequence[str]]) -> Alter:
    def alter(sentence: str, around: Surroundings) -> str | None:
        others = field(around)
        return _halves(sentence, around.draw.choice(others)) if others else None

    return alter


def _joined(mark: str) -> Alter:
    def alter(sentence: str, around: Surroundings) -> str | None:
        at = around.passage.find(sentence)
        apart = [other for other in around.neighbours if abs(around.passage.find(other) - at) > len(sentence) + 60]
        return f"{sentence}{mark}{around.draw.choice(apart)}" if apart else None

    return alter


def _from(field: Callable[[Surroundings], Sequence[str]]) -> Alter:
    def alter(sentence: str, around: Surroundings) -> str | None:
        del sentence
        others = field(around)
        return around.draw.choice(others) if others else None

    return alter


def _shuffled(sentence: str, around: Surroundings) -> str | None:
    parts, joint = _pieces(sentence)
    around.draw.shuffle(parts)
    return joint.join(parts)


SPLICES: dict[str, Alter] = {
    "two documents": _spliced(lambda around: around.strangers),
    "two passages": _spliced(lambda around: around.cousins),
    "two sentences": _spliced(lambda around: around.neighbours),
    "two places joined": _joined(" "),
    "two places with a cut mark": _joined(" ... "),
}
INVENTED: dict[str, Alter] = {
    "another document": _from(lambda around: around.strangers),
    "another passage": _from(lambda around: around.cousins),
    "own words in another order": _shuffled,
}
ALTERED: dict[str, dict[str, Alter]] = {
    "number altered": NUMBERS,
    "negation altered": NEGATIONS,
    "entity altered": ENTITIES,
    "word altered": WORDS,
    "words left out or put in": OMISSIONS,
    "spliced": SPLICES,
    "invented": INVENTED,
}
"""Kinds of untrue quotes by family."""
