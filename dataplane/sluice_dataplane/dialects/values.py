"""JSON that is looked at from outside, data URLs and names of files: what every wire needs of them.  Knows no API."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from sluice_dataplane.errors import InvalidRequestError

ABSENT: Final = msgspec.Raw()
NULL: Final = b"null"
MAX_SERVICE_TIER: Final = 64  # characters; the name goes into the usage record
MAX_TOKENS: Final = 10**9  # of one count: no call has so many, and at any price their cost can still be counted exactly

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what decoding raises; catch all three

members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])  # of an object; its members' bytes are kept
items: Final = msgspec.json.Decoder(list[msgspec.Raw])  # of an array
string: Final = msgspec.json.Decoder(str)
encoder: Final = msgspec.json.Encoder()

# What is in a file, by how its name ends.
FILE_TYPES: Final = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv"}

# A key spelt with \u escapes could hide a second one from a plain search.
_ESCAPED_KEY: Final = re.compile(rb'\\u[0-9a-fA-F]{4}[^"\\]{0,64}"\s*:')
_DATA_URL: Final = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)


def raw(value: object) -> msgspec.Raw:
    """*value* as JSON."""
    return msgspec.Raw(encoder.encode(value))


def said(value: msgspec.Raw | None) -> bool:
    """Whether there is anything: a member that is absent or null says nothing."""
    return value is not None and bytes(memoryview(value)[:4]) not in (b"", NULL)


def starts(value: msgspec.Raw, start: bytes) -> bool:
    """Whether *value*'s JSON begins with *start*, which is in lower case."""
    return bytes(memoryview(value)[: len(start)]).lower() == start


def length(value: msgspec.Raw) -> int:
    """The bytes of a value, without the quotes of a string; 0 for null and for what is absent."""
    view = memoryview(value)
    size = len(view)
    if size > 1 and view[0] == 0x22:
        return size - 2
    return 0 if size == 4 and bytes(view) == NULL else size


def within(part: int | None, whole: int) -> int:
    """*part* as far as it fits into the *whole* that it is told to be part of; 0 where nothing is told of it."""
    return min(part, max(whole, 0)) if part is not None and part > 0 else 0


def members_of(body: bytes) -> dict[str, msgspec.Raw]:
    """The members of a client's *body*, the last of those with one name.

    Raises:
        InvalidRequestError: it is no JSON object, or not in UTF-8: who looks at a few fields only does not see that.
    """
    try:
        return members.decode(body)
    except UNREADABLE:
        raise InvalidRequestError("The body is not valid JSON.", code="invalid_json") from None


def may_repeat(body: bytes, keys: Sequence[bytes]) -> bool:
    """Whether *body* might have one of *keys* (with their quotes) twice: then two readers may see two bodies."""
    for key in keys:
        if body.count(key) > 1:
            return True
    return b"\\u" in body and _ESCAPED_KEY.search(body) is not None


def split_data_url(url: str) -> tuple[str, str] | None:
    """The media type (maybe "") and the data of a ``data:`` URL in base64; None for any other URL."""
    found = _DATA_URL.match(url)
    if found is None or not found[2].lower().endswith(";base64"):
        return None
    return found[1].lower(), url[found.end() :]


def data_url(media_type: str, data: str) -> str:
    """The URL that holds *data*, which is in base64."""
    return f"data:{media_type};base64,{data}"
