"""Links and addresses in a text, also those that are written so that no filter shall see them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from wellread.answering.checking.disguises import visible_text

_ALNUM = "A-Za-z0-9\u00c0-\u024f\u0370-\u052f"
"""Latin, Greek and Cyrillic: look-alikes of Latin names are made of these."""
_LABEL = rf"[{_ALNUM}](?:[{_ALNUM}_-]{{0,61}}[{_ALNUM}])?"
_DOT = r"(?:\.|\u3002|[ ]?[\[({][ ]?(?:\.|dot)[ ]?[\])}][ ]?)"
_SPOKEN_DOT = r"(?:[ ]+dot[ ]+)"
_GENERIC = (
    "com net org info biz edu gov mil int io ai app dev co tv xyz top site online shop store club live "
    "icu vip link click page cloud tech space website fun world today agency zone ly gl gd ws su tk ga cf "
    "gq pw eu de uk fr nl ch jp cn ru br au ca se dk fi cz hu ro gr pt ie kr tw hk sg nz za mx ar cl tr "
    "ua ir ae th vn ph pl es onion local"
)
_BARE_DOMAINS = "|".join([*_GENERIC.split(), r"xn--[a-z0-9-]{2,59}"])
"""Endings that make a name a domain without more. Not those that are words, abbreviations or endings of files."""
_REST = r"[^\s<>\"`\u3001\u3002\u300d\u300f\u300b]"
_USER = r"(?:[\w.+-]{1,64}@)?"
_EDGE = rf"(?<![{_ALNUM}@._-])"
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<![A-Za-z0-9])[a-z][a-z0-9+*.-]{{1,15}}(?:\[:\]|:)(?://|\\\\){_REST}+",
        r"(?<![A-Za-z0-9])(?:javascript|vbscript|blob|magnet|callto|skype):[^\s]+",
        rf"(?<![A-Za-z0-9])mailto:{_REST}+",
        r"(?<![A-Za-z0-9])(?:tel|sms):\+?[0-9][0-9().-]{2,}",
        r"(?<![A-Za-z0-9])data:(?:[a-z]+/[\w.+-]+|;base64)[;,][^\s]*",
        rf"(?<![:/\\\w])(?://|\\\\){_LABEL}(?:\.{_LABEL})+{_REST}*",
        rf"(?<![\d.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?::\d{{2,5}})?/{_REST}+",
        rf"{_EDGE}{_USER}(?:{_LABEL}{_DOT}){{1,8}}(?:{_BARE_DOMAINS})(?![{_ALNUM}-])(?::\d{{2,5}})?(?:[/?#]{_REST}*)?",
        rf"{_EDGE}{_USER}(?:{_LABEL}{_DOT}){{1,8}}[a-z]{{2,24}}(?::\d{{2,5}})?/{_REST}+",
        rf"{_EDGE}(?:www|[\w.+-]{{1,64}}@{_LABEL}){_DOT}(?:{_LABEL}{_DOT}){{0,8}}[a-z]{{2,24}}(?![{_ALNUM}-])",
        rf"{_EDGE}(?!(?:the|a|this|any|of|pre|post|first|early)[ ]){_LABEL}{_SPOKEN_DOT}(?:com|net|org|info|io)\b",
    )
)
_DISGUISED_DOT = re.compile(rf"{_SPOKEN_DOT}|{_DOT}", re.IGNORECASE)
_WEB = re.compile(r"h[tx*]{2}ps?\Z", re.IGNORECASE)
_TRAILING = ".,;:!?'*_~|\u2018\u2019\u201c\u201d\u00bb"


@dataclass(frozen=True, slots=True)
class Link:
    """A link, an address or a domain as it stands in a text."""

    address: str
    """In one spelling: without disguises, ``http(s)://`` and a trailing slash; host in lower case, as IDNA."""
    host: str
    """Empty where it has none."""
    start: int
    """Inclusive, over the text as it was given."""
    end: int
    """Exclusive."""

    @property
    def is_host_alone(self) -> bool:
        """Whether it names nothing but a host: no path in which anything could be carried away."""
        return self.address == self.host


def find_links(text: str) -> tuple[Link, ...]:
    """All links in order; where two readings overlap, the one that begins first, then the longer one."""
    place = visible_text(text)
    spans = [
        (match.start(), match.start() + len(_trimmed(match.group())))
        for pattern in _PATTERNS
        for match in pattern.finditer(place.text)
    ]
    links: list[Link] = []
    reached = 0
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start >= reached:
            address, host = _spelt(place.text[start:end])
            links.append(Link(address, host, *place.original_span(start, end)))
            reached = end
    return tuple(links)


def address_of(url: str) -> str:
    """The one spelling of a URL that is given as such, in a setting for example."""
    return _spelt(url.strip())[0]


def is_within(host: str, allowed_hosts: Iterable[str]) -> bool:
    """Whether it is one of these hosts or below one of them."""
    return any(host == allowed or host.endswith(f".{allowed}") for allowed in map(_host, allowed_hosts) if allowed)


def _trimmed(found: str) -> str:
    """Without what ends the sentence, and without brackets that were opened before the link."""
    while found:
        last = found[-1]
        opening = {")": "(", "]": "[", "}": "{"}.get(last)
        if last in _TRAILING or (opening is not None and found.count(last) > found.count(opening)):
            found = found[:-1]
        else:
            break
    return found


def _spelt(found: str) -> tuple[str, str]:
    """(address, host)."""
    plain = _DISGUISED_DOT.sub(".", found).replace("[:]", ":").replace("\\", "/")
    scheme, separator, rest = plain.partition("://") if "://" in plain else ("", "", plain)
    scheme = scheme.strip().lower()
    rest = rest.lstrip("/ ")
    kind, colon, target = rest.partition(":")
    if (
        not separator
        and colon
        and kind.lower() in {"mailto", "javascript", "vbscript", "data", "tel", "sms", "blob"}
    ):
        return _without_host(kind.lower(), target)
    try:
        host = _host(urlsplit(f"//{rest}").hostname or "")
    except ValueError:  # brackets that are no IPv6 address
        return plain.lower(), ""
    authority, slash, path = _parted(rest)
    if "@" in authority and not separator:
        return f"mailto:{authority.lower()}", host
    user, at, place = authority.rpartition("@")
    port = place.partition(":")[2]
    address = f"{user}{at}{host}{':' if port else ''}{port}{slash}{path}".rstrip("/")
    return (address if not scheme or _WEB.match(scheme) else f"{scheme}://{address}"), host


def _without_host(kind: str, target: str) -> tuple[str, str]:
    host = _host(target.partition("?")[0].rpartition("@")[2]) if kind == "mailto" else ""
    return f"{kind}:{target.lower() if kind == 'mailto' else target}", host


def _parted(rest: str) -> tuple[str, str, str]:
    """Authority, the mark that ends it, and what follows."""
    cut = next((index for index, character in enumerate(rest) if character in "/?#"), len(rest))
    return rest[:cut], rest[cut : cut + 1], rest[cut + 1 :]


def _host(name: str) -> str:
    plain = name.strip().rstrip(".").lower()
    try:
        return plain if plain.isascii() else plain.encode("idna").decode("ascii")
    except UnicodeError:
        return plain
