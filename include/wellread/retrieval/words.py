"""Words, stems and stop words: how the second stage reads text.

The store's own keyword index is neither stemmed nor asked for statistics; everything here happens in process.
Stemming is cached by word, because a collection uses the same few thousand words again and again.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable

_CACHED_STEMS = 20_000
"""Of a language: 6 MB. The rarer words, of which there is no end, are not worth what they would take."""

_WORD = re.compile(r"[^\W_]+")

_SNOWBALL_LANGUAGES = {
    "da": "danish", "de": "german", "en": "english", "es": "spanish", "fi": "finnish", "fr": "french",
    "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip

# Function words of questions and prose. Other languages do without a list: frequent words weigh little anyway.
_ENGLISH_STOP_WORDS = frozenset(
    _WORD.findall(
        """a about after all also am an and any are as at be because been before being both but by can could did do
    does doing during each few for from had has have having he her here hers him his how i if in into is it its
    just me more most my no nor not of off on once only or other our out over own s same she should so some such
    t than that the their them then there these they this those through to too under until up very was we were
    what when where which while who whom why will with would you your"""
    )
)


def is_stop_word(word: str) -> bool:
    """Whether a case-folded word is an English function word."""
    return word in _ENGLISH_STOP_WORDS


def words(text: str) -> list[str]:
    """The words of a text in order: runs of letters and digits, case folded."""
    return _WORD.findall(text.casefold())


def terms(text: str, *, language: str = "en") -> list[str]:
    """The stems of all words of a text, in order: stop words too, so that distances stay true."""
    stem = _stemmer(language)
    return [stem(word) for word in words(text)]


def content_terms(text: str, *, language: str = "en") -> frozenset[str]:
    """The distinct stems of a text without stop words; all stems where nothing else is left."""
    stem = _stemmer(language)
    found = set(words(text))
    content = frozenset(stem(word) for word in found if word not in _ENGLISH_STOP_WORDS)
    return content or frozenset(stem(word) for word in found)


@functools.lru_cache(maxsize=32)
def _stemmer(language: str) -> Callable[[str], str]:
    """A cached stemmer of a BCP 47 language. ``und`` is read as English; without an algorithm, words stay whole."""
    primary = language.split("-", 1)[0].casefold()
    algorithm = _SNOWBALL_LANGUAGES.get("en" if primary in {"", "und"} else primary)
    if algorithm is None:
        return str
    import snowballstemmer

    of_thread = threading.local()  # a stemmer of snowballstemmer holds the word it works on

    def stem(word: str) -> str:
        if not hasattr(of_thread, "stemmer"):
            of_thread.stemmer = snowballstemmer.stemmer(algorithm)
        return str(of_thread.stemmer.stemWord(word))

    return functools.lru_cache(maxsize=_CACHED_STEMS)(stem)
