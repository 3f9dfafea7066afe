"""Unstructured without its language model, which it would download and install at run time.

Unstructured asks the model for sentence ends and for verbs, to tell narrative text from other text. Wellread
takes headings from styles and tags, so a blank tokenizer with a rule for verbs is enough; an installed
model would only be slower. The replaced name is private: a test fails when Unstructured renames it.
"""

from __future__ import annotations

import re
from typing import Any

VERB = re.compile(
    r"(is|are|was|were|be|been|has|have|had|do|does|did|can|could|will|would|shall|should|may|might|must"
    r"|[a-z]{2,}(?:ed|ing|ize|izes|ify))",
    re.IGNORECASE,
)
MAX_TOKENIZED_CHARS = 2_000
"""Unstructured hands over whole paragraphs; their beginning decides."""


def install_offline_nlp() -> None:
    """Replaces the loader of Unstructured's language model in this process."""
    from unstructured.nlp import tokenize

    if not hasattr(tokenize, "_load_spacy_model"):
        raise ImportError("unstructured.nlp.tokenize._load_spacy_model is gone: another version of unstructured")
    tokenize._load_spacy_model = _blank_model  # noqa: SLF001 - there is no public way to forbid the download


def _blank_model() -> Any:
    import spacy
    from spacy.language import Language
    from spacy.tokens import Doc

    if not Language.has_factory("wellread_verbs"):

        def tag_verbs(document: Doc) -> Doc:
            for token in document:
                token.tag_ = "VB" if VERB.fullmatch(token.text) else "NN"
            return document

        Language.component("wellread_verbs", func=tag_verbs)
    model = spacy.blank("en")
    model.max_length = MAX_TOKENIZED_CHARS
    model.add_pipe("sentencizer")
    model.add_pipe("wellread_verbs")
    return model
