"""Mail: subject, correspondents, the body in its better form, and the attachments that can be read."""

from __future__ import annotations

import email
import email.header
import email.policy
import itertools
from collections.abc import Iterable, Iterator
from email.message import Message

from wellread.documents import Element
from wellread.parsing.causes import UnreadableError
from wellread.parsing.plain_text import plain_elements
from wellread.parsing.reading import Reading, read_document
from wellread.parsing.settings import ParsingSettings
from wellread.parsing.text_decoding import decode
from wellread.parsing.web_page import read_html

SHOWN_HEADERS = ("From", "To", "Cc", "Date")
MIN_PLAIN_RATIO = 0.5
"""A plain part with fewer words than half of the HTML part's is a stub such as "view this in a browser"."""
MAX_ATTACHMENTS = 50


def read_mail(content: bytes, settings: ParsingSettings) -> Reading:
    """The message as elements; attachments that cannot be read become warnings."""
    message = email.message_from_bytes(content.lstrip(b"\r\n"), policy=email.policy.compat32)
    title = _header(message, "Subject") or None
    elements = [Element(kind="title", text=title)] if title else []
    shown = [f"{name}: {value}" for name in SHOWN_HEADERS if (value := _header(message, name))]
    if shown:
        elements.append(Element(kind="paragraph", text="\n".join(shown)))
    warnings: list[str] = []
    elements.extend(_body(message))
    elements.extend(attachment_elements(_attached(message), settings, warnings))
    return Reading(elements, title=title, warnings=tuple(warnings))


def _header(message: Message, name: str) -> str:
    value = next((value for key, value in message.raw_items() if key.casefold() == name.casefold()), None)
    return "" if value is None else decoded_header(_from_bytes(str(value).encode("utf-8", "surrogateescape")))


def decoded_header(value: str) -> str:
    """A header's text without its encoded words, on one line."""
    try:
        decoded = str(email.header.make_header(email.header.decode_header(value)))
    except (LookupError, UnicodeError, ValueError):
        decoded = value
    return " ".join(decoded.encode("utf-8", "replace").decode("utf-8").split())


def _from_bytes(content: bytes) -> str:
    """Text whose encoding nobody told: mail of broken programs holds bytes where the rules want ASCII."""
    try:
        return decode(content).text
    except UnreadableError:
        return content.decode("utf-8", "replace")


def _body(message: Message) -> list[Element]:
    plain, markup = "", ""
    for part in _body_parts(message):
        text = _part_text(part)
        if part.get_content_subtype() == "html":
            markup += text
        else:
            plain += ("\n\n" if plain else "") + text
    return body_of(plain, markup)


def body_of(plain: str, markup: str) -> list[Element]:
    """A message's text in its better form: the plain one, unless it is a stub of the HTML one."""
    from_markup = read_html(markup, main_content_only=False).elements if markup.strip() else []
    markup_words = sum(len(element.text.split()) for element in from_markup)
    if plain.strip() and len(plain.split()) >= MIN_PLAIN_RATIO * markup_words:
        return plain_elements(plain)
    return from_markup


def _body_parts(message: Message) -> Iterator[Message]:
    for part in message.walk():
        if part.get_content_maintype() == "text" and not _is_attachment(part):
            yield part


def _is_attachment(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or bool(part.get_filename())


def _part_text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    charset = part.get_content_charset()
    try:
        text = payload.decode(charset or "utf-8")
    except (LookupError, UnicodeDecodeError):
        text = _from_bytes(payload)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _attached(message: Message) -> Iterator[tuple[str, bytes]]:
    parts = [part for part in message.walk() if not part.is_multipart() and _is_attachment(part)]
    for number, part in enumerate(parts, start=1):
        payload = part.get_payload(decode=True)
        yield _name(part) or f"attachment {number}", payload if isinstance(payload, bytes) else b""


def attachment_elements(
    attached: Iterable[tuple[str, bytes]], settings: ParsingSettings, warnings: list[str]
) -> list[Element]:
    """The readable ones of some attachments (name, content), a heading before each; the others as warnings."""
    elements: list[Element] = []
    for name, content in itertools.islice(attached, MAX_ATTACHMENTS):
        try:
            document = read_document(content, name, settings)
        except UnreadableError as failure:
            warnings.append(f"attachment {name!r} was left out: {failure.found}")
            continue
        elements.append(Element(kind="heading", text=name, level=2))
        elements.extend(document.elements)
    return elements


def _name(part: Message) -> str:
    name = part.get_filename()
    try:
        return str(email.header.make_header(email.header.decode_header(name))) if name else ""
    except (LookupError, UnicodeError, ValueError):
        return name or ""
