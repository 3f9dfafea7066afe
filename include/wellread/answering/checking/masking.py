"""Personal data out of what is sent, and back into what comes home.

A value becomes a placeholder such as ``[EMAIL-KDPBA]``: letters alone, so that no check of numbers sees it, and
brackets, so that it cannot melt into its surroundings. Its letters are an HMAC of the value under a key of the
deployment: one value has one placeholder in every request, and nobody can find the value by trying.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from wellread.answering.checking.personal_data import KINDS, PersonalKind, find_personal_data

_TAG_CHARS = 5
_LETTERS = "ABCDEFGHJKLMNPQR"


class MaskingSettings(BaseModel):
    """What is masked before anything is sent to a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=False, description="Mask personal data in questions and passages.")
    kinds: tuple[PersonalKind, ...] = Field(
        default=KINDS,
        description="email, iban, card (by checksum), id (national numbers of US, ES, FR, DE, PL, BR, CH, CN, by "
        "checksum where they have one), ip, phone.",
    )


@dataclass(frozen=True, slots=True)
class MaskMap:
    """The way back. It holds what was masked: never to be logged or stored beside what was sent."""

    values: Mapping[str, str] = field(repr=False)
    """Placeholder to value."""


class Masker:
    """Masks by the settings, under a key."""

    def __init__(self, settings: MaskingSettings, key: bytes) -> None:
        self._settings = settings
        self._key = key

    def mask(self, texts: Sequence[str]) -> tuple[tuple[str, ...], MaskMap]:
        """The texts with placeholders, and the way back; all of them unchanged where masking is off.

        Equal values have equal placeholders; no placeholder stands in the texts already. So ``unmask`` gives
        back each text exactly.
        """
        if not self._settings.enabled:
            return tuple(texts), MaskMap({})
        found = [find_personal_data(text, self._settings.kinds) for text in texts]
        placeholders: dict[tuple[PersonalKind, str], str] = {}
        values: dict[str, str] = {}
        for text, spans in zip(texts, found, strict=True):
            for start, end, kind in spans:
                if (kind, text[start:end]) not in placeholders:
                    placeholder = self._placeholder(kind, text[start:end], texts, values)
                    placeholders[kind, text[start:end]] = placeholder
                    values[placeholder] = text[start:end]
        masked = tuple(_replaced(text, spans, placeholders) for text, spans in zip(texts, found, strict=True))
        return masked, MaskMap(values)

    def _placeholder(self, kind: PersonalKind, value: str, texts: Sequence[str], used: Mapping[str, str]) -> str:
        attempt = 0
        while True:
            material = f"{attempt} {kind} {value}".encode("utf-8", "surrogatepass")
            digest = hmac.new(self._key, material, hashlib.sha256).hexdigest()[:_TAG_CHARS]
            placeholder = f"[{kind.upper()}-{''.join(_LETTERS[int(digit, 16)] for digit in digest)}]"
            if placeholder not in used and not any(placeholder in text for text in texts):
                return placeholder
            attempt += 1


def unmask(text: str, mask_map: MaskMap) -> str:
    """The text with every placeholder of this map as the value it stands for.

    For texts, not for JSON: a value may hold a quotation mark, so a reply is parsed first.
    """
    if not mask_map.values:
        return text
    pattern = "|".join(re.escape(placeholder) for placeholder in mask_map.values)
    return re.sub(pattern, lambda match: mask_map.values[match.group()], text)


def _replaced(
    text: str,
    spans: Sequence[tuple[int, int, PersonalKind]],
    placeholders: Mapping[tuple[PersonalKind, str], str],
) -> str:
    pieces: list[str] = []
    reached = 0
    for start, end, kind in spans:
        pieces += [text[reached:start], placeholders[kind, text[start:end]]]
        reached = end
    return "".join([*pieces, text[reached:]])
