"""Does a sentence of a document speak to whoever answers questions from it?

Text that was put into a document to steer a language model has to name what it wants to steer: the answer that is
being written, the instructions, the model. A document that was written for readers hardly does. So a claim that
rests on such a sentence carries the author's wish to the reader, not a fact. English, German, French and Spanish
wordings. What gives no sign of its purpose ("What is the capital of Brazil?") cannot be told from a document.
"""

from __future__ import annotations

import re

from wellread.answering.checking.normalising import normalise

_REPLY = (
    r"your\s+(?:\w+\s+){0,2}?(?:answer|response|reply|replies|message|output|completion)s?\b"
    r"|(?:deine[rmns]?|ihre[rmns]?)\s+(?:\w+\s+)?antwort\b|(?:ta|votre)\s+r\u00e9ponse\b|(?:tu|su)\s+respuesta\b"
)
_COMPOSE = (
    r"add|append|augment|combine|compose|convert|embed|end|enhance|finish|group|include|incorporate|insert|integrate"
    r"|introduce|jumble|mention|misspell|modify|prefix|provide|rearrange|recommend|remove|render|replace|rewrite"
    r"|scramble|start|substitute|suggest|translate|use|write|advise|promote|tease|format|encode"
    r"|f\u00fcge|nenne|erw\u00e4hne|schreibe|ajoutez?|incluez?|mentionnez?|incluye|a\u00f1ade|agrega|menciona"
)
_OVERRIDE = (
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:previous|prior|above|earlier|all|any|your|these)\b"
    r".{0,30}\b(?:instructions?|rules?|prompts?|guidelines|directions)\b"
)
_REVEAL = (
    r"\b(?:reveal|repeat|print|output|show|disclose|leak)\b.{0,60}"
    r"\b(?:your|the)\s+(?:\w+\s+)?(?:instructions|prompt|canary)\b"
)
_SPEAKER = (
    r"\A\W*(?:system|assistant|attention,? (?:ai|assistant|(?:language )?model|chatbot)"
    r"|dear (?:ai|assistant|chatbot)|new (?:task|rule|instructions?))\s*:"
)
_ORDERS = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        rf"\b(?:{_COMPOSE})\b.{{0,160}}?\b(?:{_REPLY})",
        rf"\b(?:in|for|to|at the (?:end|beginning|start) of)\s+(?:{_REPLY}).{{0,20}}?,?\s*(?:{_COMPOSE})\b",
        _OVERRIDE,
        r"\b(?:ignoriere|vergiss|missachte)\b.{0,40}\b(?:anweisung|anweisungen|regeln)\b",
        r"\b(?:ignore[zr]?|oublie[zr]?|ignora|olvida)\b.{0,40}\b(?:instructions|consignes|instrucciones|reglas)\b",
        r"\b(?:system|initial|hidden|secret|original)\s+(?:prompt|instructions?)\b",
        _REVEAL,
        r"\b(?:you are now (?:a|an|the|in)\b|from now on,? you (?:must|will|are|answer|reply|respond)\b)",
        _SPEAKER,
    )
)


def speaks_to_answerer(sentence: str) -> bool:
    """Whether a sentence gives an order to whoever answers. Invisible characters hide nothing."""
    return any(order.search(normalise(sentence).text) for order in _ORDERS)
