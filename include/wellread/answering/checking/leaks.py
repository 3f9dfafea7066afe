"""What must not stand in an answer: the canary, the prompt, keys, and links that no cited passage holds.

Injected text that got through the prompt's rules mostly shows here: it asks for the instructions, or it wants a
reader to follow a link or fetch a picture whose address carries something away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from wellread.answering.checking.credentials import find_secrets
from wellread.answering.checking.disguises import Span, find_canary, find_pieces
from wellread.answering.checking.links import Link, address_of, find_links, is_within

LeakKind = Literal["canary", "prompt", "url", "secret", "order"]


class LeakSettings(BaseModel):
    """What is looked for in answers, and which links are harmless."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    urls: bool = Field(default=True, description="Refuse links that stand in no cited passage.")
    secrets: bool = Field(
        default=True, description="Refuse what looks like a key or a password, also where a document holds it."
    )
    orders: bool = Field(
        default=True,
        description="Refuse claims that rest on a sentence which speaks to whoever answers, such as `include ... "
        "in your reply`.",
    )
    url_evidence: Literal["passages", "quotes"] = Field(
        default="passages",
        description="A link is allowed where it stands in a passage that its claim cites, or only where it stands "
        "in a located quote.",
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Hosts that answers may always name, with everything below them."
    )
    allowed_urls: tuple[str, ...] = Field(default=(), description="Addresses that answers may always name.")
    prompt_least_chars: int = Field(
        default=48, ge=20, description="So many characters of the instructions, word for word, are a leak."
    )


DEFAULT_LEAKS = LeakSettings()


@dataclass(frozen=True, slots=True)
class Leak:
    """One thing that must not stand where it stands."""

    kind: LeakKind
    found: str
    """As the text has it. Never to be logged: it may be a key."""
    start: int
    """Inclusive, over the text."""
    end: int
    """Exclusive."""


@dataclass(frozen=True, slots=True)
class LeakGuard:
    """What the answer to one request is searched for."""

    settings: LeakSettings = DEFAULT_LEAKS
    canary: str | None = None
    prompt: str = ""
    """The instructions that must not be told, as they were sent."""

    def leaks(self, text: str, *, evidence: Sequence[str]) -> tuple[Leak, ...]:
        """What leaks in a text that may name the links of these texts."""
        return find_leaks(text, canary=self.canary, prompt=self.prompt, evidence=evidence, settings=self.settings)


def find_leaks(
    text: str,
    *,
    canary: str | None = None,
    prompt: str = "",
    evidence: Sequence[str] = (),
    settings: LeakSettings = DEFAULT_LEAKS,
) -> tuple[Leak, ...]:
    """Everything in the text that must not be there, in order.

    ``evidence`` are the texts whose links the answer may repeat. The same link means the same host, path and
    query; a host alone is allowed where any link of the evidence has it.
    """
    found: list[tuple[LeakKind, Span]] = []
    if canary:
        found += [("canary", span) for span in find_canary(text, canary)]
    if prompt:
        found += [("prompt", span) for span in find_pieces(text, prompt, least_chars=settings.prompt_least_chars)]
    if settings.secrets:
        found += [("secret", span) for span in find_secrets(text)]
    if settings.urls:
        found += [("url", span) for span in _foreign_links(text, evidence, settings)]
    found.sort(key=lambda item: (item[1], item[0]))
    return tuple(Leak(kind, text[start:end], start, end) for kind, (start, end) in found)


def redact(text: str, leaks: Iterable[Leak] | None = None) -> str:
    """The text with ``[removed: KIND]`` in the place of each leak; without leaks, of each key or password."""
    if leaks is None:
        leaks = (Leak("secret", text[start:end], start, end) for start, end in find_secrets(text))
    pieces: list[str] = []
    reached = 0
    for leak in sorted(leaks, key=lambda leak: (leak.start, -leak.end)):
        if leak.start >= reached:
            pieces += [text[reached : leak.start], f"[removed: {leak.kind}]"]
        reached = max(reached, leak.end)
    return "".join([*pieces, text[reached:]])


def _foreign_links(text: str, evidence: Sequence[str], settings: LeakSettings) -> list[Span]:
    links = find_links(text)
    if not links:
        return []
    known = [link for source in evidence for link in find_links(source)]
    addresses = {link.address for link in known} | {address_of(url) for url in settings.allowed_urls}
    hosts = {link.host for link in known}

    def is_allowed(link: Link) -> bool:
        if link.address in addresses or (link.host and is_within(link.host, settings.allowed_hosts)):
            return True
        return link.is_host_alone and link.host in hosts

    return [(link.start, link.end) for link in links if not is_allowed(link)]
