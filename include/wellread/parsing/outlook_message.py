"""Outlook's messages (msg): the same parts as a mail's, from properties instead of headers."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from email.utils import format_datetime
from typing import Any

from wellread.documents import Element
from wellread.parsing.causes import UnreadableError
from wellread.parsing.mail_message import attachment_elements, body_of, decoded_header
from wellread.parsing.reading import Reading
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.text_decoding import decode

RECIPIENT_TYPE = 0x0C15
SHOWN_RECIPIENTS = {"To": 1, "Cc": 2}
HTML_BODY = 0x1013
EXCHANGE_ADDRESS = re.compile(r"\s*<?/o=[^>]*>?", re.IGNORECASE)
"""Names of a directory inside an organisation, which nobody writes to."""
BROKEN = (OSError, ValueError, KeyError, IndexError, AttributeError, AssertionError, LookupError, struct.error)
"""What python-oxmsg and olefile raise over broken files."""


def read_outlook_message(content: bytes, settings: ParsingSettings) -> Reading:
    """Subject, correspondents, date, the better body, readable attachments; others become warnings.

    Raises:
        UnreadableError: ``corrupt``.
    """
    from oxmsg import Message

    try:
        message = Message.load(content)
        title = " ".join(message.subject.split()) or None
        shown = [f"{name}: {value}" for name, value in _headers(message) if value]
        body = body_of(_line_ends(message.body or ""), _markup(message))
        attachments = message.attachments
    except BROKEN as error:
        raise UnreadableError("corrupt", f"not readable as an Outlook message ({error})") from error
    elements = [Element(kind="title", text=title)] if title else []
    if shown:
        elements.append(Element(kind="paragraph", text="\n".join(shown)))
    warnings: list[str] = []
    elements.extend(body)
    elements.extend(attachment_elements(_attached(attachments, warnings), settings, warnings))
    return Reading(elements, title=title, warnings=tuple(warnings))


def _headers(message: Any) -> Iterator[tuple[str, str]]:
    yield "From", decoded_header(EXCHANGE_ADDRESS.sub("", message.sender or ""))
    recipients = [
        (recipient.properties.int_prop_value(RECIPIENT_TYPE), _address(recipient.name, recipient.email_address))
        for recipient in message.recipients
    ]
    for name, number in SHOWN_RECIPIENTS.items():
        yield name, ", ".join(address for kind, address in recipients if kind == number and address)
    yield "Date", format_datetime(message.sent_date) if message.sent_date is not None else ""


def _address(name: str, address: str) -> str:
    name, address = (name or "").strip(), EXCHANGE_ADDRESS.sub("", (address or "").strip())
    return f"{name} <{address}>" if name and address and name != address else name or address


def _markup(message: Any) -> str:
    try:
        return _line_ends(message.html_body or "")
    except (UnicodeDecodeError, LookupError):
        return _line_ends(decode(message.properties.binary_prop_value(HTML_BODY)).text)


def _line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _attached(attachments: Any, warnings: list[str]) -> Iterator[tuple[str, bytes]]:
    for number, attachment in enumerate(attachments, start=1):
        try:
            name, payload = attachment.file_name or f"attachment {number}", attachment.file_bytes
        except BROKEN as error:
            warnings.append(f"attachment {number} was left out: {error}")
            continue
        if payload is None:
            warnings.append(f"attachment {name!r} was left out: a message or a link inside the message")
        else:
            yield name, payload
