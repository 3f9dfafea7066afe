"""The tesseract of this machine: whether it is here, which version, which languages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache

from wellread.errors import SettingsError
from wellread.parsing.settings import RecognitionSettings

PROGRAM = "tesseract"
ASK_SECONDS = 20.0
VERSION = re.compile(r"^tesseract\s+v?(\S+)", re.MULTILINE)
NO_LANGUAGES = frozenset({"osd", "equ"})
"""Models that tesseract lists as languages: orientation, and equations."""
TWO_LETTER_CODES = {
    "en": "eng",
    "de": "deu",
    "fr": "fra",
    "es": "spa",
    "it": "ita",
    "pt": "por",
    "nl": "nld",
    "sv": "swe",
    "da": "dan",
    "pl": "pol",
    "cs": "ces",
    "hu": "hun",
    "ro": "ron",
    "tr": "tur",
    "fi": "fin",
    "vi": "vie",
    "id": "ind",
    "sk": "slk",
    "hr": "hrv",
    "ja": "jpn",
    "ko": "kor",
    "th": "tha",
    "he": "heb",
    "el": "ell",
    "ar": "ara",
    "fa": "fas",
    "hi": "hin",
    "hy": "hye",
    "ka": "kat",
    "zh": "chi_sim",
    "ru": "rus",
    "uk": "ukr",
    "bg": "bul",
}
"""The codes of ``languages.detect_language`` as tesseract's data files are named."""


@dataclass(frozen=True, slots=True)
class Tesseract:
    """An installed tesseract."""

    path: str
    version: str
    languages: tuple[str, ...]
    """Installed, sorted, such as ``("deu", "eng")``."""


def find_tesseract(settings: RecognitionSettings) -> Tesseract | None:
    """The program to recognise text with; ``None`` where it is switched off, missing or has no language."""
    if not settings.enabled:
        return None
    found = _installed()
    return found if found is not None and wanted_languages(found, settings) else None


def wanted_languages(program: Tesseract, settings: RecognitionSettings) -> tuple[str, ...]:
    """The languages to begin with, those that are installed; English where the settings name none."""
    return tuple(language for language in settings.languages or ("eng",) if language in program.languages)


def identity(settings: RecognitionSettings) -> tuple[str, ...]:
    """What recognised text depends on, for the stage's signature. Empty where nothing is recognised."""
    program = find_tesseract(settings)
    if program is None:
        return ()
    languages = wanted_languages(program, settings) if settings.languages else program.languages
    return f"tesseract {program.version}", "+".join(languages), settings.model_dump_json()


def described(settings: RecognitionSettings) -> str:
    """For a person: what recognises text here, or that nothing does.

    Raises:
        SettingsError: a language of the settings is not installed.
    """
    if not settings.enabled:
        return "text recognition is switched off"
    program = _installed()
    if program is None:
        return "no text recognition: scans are quarantined (apt-get install tesseract-ocr)"
    missing = [language for language in settings.languages or ("eng",) if language not in program.languages]
    if missing:
        packages = [f"tesseract-ocr-{name.replace('_', '-')}" for name in missing]
        raise SettingsError(
            f"recognise text in {', '.join(settings.languages or ('eng',))}",
            found=f"tesseract {program.version} has only {', '.join(program.languages)}",
            remedy=f"apt-get install {' '.join(packages)}, or change parsing.recognition.languages",
        )
    return f"recognises text by tesseract {program.version} ({', '.join(program.languages)})"


def _installed() -> Tesseract | None:
    path = shutil.which(PROGRAM)
    return None if path is None else _asked(path, os.environ.get("TESSDATA_PREFIX", ""))


@lru_cache(maxsize=8)
def _asked(path: str, data_folder: str) -> Tesseract | None:  # noqa: ARG001 - the answer depends on it
    version = _answer(path, "--version")
    listed = _answer(path, "--list-langs")
    if version is None or listed is None or (named := VERSION.search(version)) is None:
        return None
    languages = {line.strip() for line in listed.splitlines()[1:]} - NO_LANGUAGES - {""}
    return Tesseract(path, named.group(1), tuple(sorted(languages)))


def _answer(path: str, question: str) -> str | None:
    try:
        done = subprocess.run([path, question], capture_output=True, timeout=ASK_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None  # a program that cannot tell its version cannot be trusted to read
    return (done.stdout or done.stderr).decode("utf-8", "replace")
