"""Unstructured without its language model, which it would download and install at run time.

Unstructured asks the model for sentence ends and for verbs, to tell narrative text from other text. Wellread
takes headings from styles and tags, so a blank tokenizer with a rule for verbs is enough; an installed
model would only be slower. Of HTML, and of what becomes HTML, every paragraph is one whether it is narrative or not
(``element_mapping``), so the question is not even asked: it took most of the time of a page. The replaced names are
private: a test fails when Unstructured renames them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

VERB = re.compile(
    r"(is|are|was|were|be|been|has|have|had|do|does|did|can|could|will|would|shall|should|may|might|must"
    r"|[a-z]{2,}(?:ed|ing|ize|izes|ify))",
    re.IGNORECASE,
)
MAX_TOKENIZED_CHARS = 2_000
"""Unstructured hands over whole paragraphs; their beginning decides."""


@lru_cache(maxsize=50_000)
def _tag(word: str) -> str:
    return "VB" if VERB.fullmatch(word) else "NN"


def install_offline_nlp() -> None:
    """Replaces the loader of Unstructured's language model, and what need not be asked of it, in this process."""
    from unstructured.nlp import tokenize
    from unstructured.partition.html import parser

    for module, name in ((tokenize, "_load_spacy_model"), (parser, "is_possible_narrative_text")):
        if not hasattr(module, name):
            raise ImportError(f"{module.__name__}.{name} is gone: another version of unstructured")
    tokenize._load_spacy_model = _blank_model  # noqa: SLF001 - there is no public way to forbid the download
    setattr(parser, "is_possible_narrative_text", _is_text)  # noqa: B010 - not exported


def _is_text(text: str, **_: Any) -> bool:  # noqa: ARG001
    return True


def _blank_model() -> Any:
    import spacy
    from spacy.language import Language
    from spacy.tokens import Doc

    if not Language.has_factory("wellread_verbs"):

        def tag_verbs(document: Doc) -> Doc:
            for token in document:
                token.tag_ = _tag(token.text)
            return document

        Language.component("wellread_verbs", func=tag_verbs)
    model = spacy.blank("en")
    model.max_length = MAX_TOKENIZED_CHARS
    model.add_pipe("sentencizer")
    model.add_pipe("wellread_verbs")
    return model
