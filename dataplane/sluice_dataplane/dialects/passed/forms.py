"""Forms (multipart/form-data, RFC 7578): the few fields that the gateway reads or changes.  Pure.

A form is cut at its boundary; a part's own bytes are never looked into.
"""

import itertools
import re
from typing import Final

import msgspec

from sluice_dataplane.errors import InvalidRequestError

MAX_FIELDS: Final = 64
_BOUNDARY: Final = re.compile(r'(?i)multipart/form-data\s*;.*?boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))')
_NAME: Final = re.compile(rb'(?i)content-disposition:\s*form-data\s*;[^\r\n]*?[; ]name="([^"\r\n]{1,128})"')
_FILE: Final = re.compile(rb"(?i)[; ]filename\*?=")


class Field(msgspec.Struct, frozen=True, gc=False):
    """One part: where its content lies in the body."""

    name: str
    start: int
    end: int
    is_file: bool

    @property
    def size(self) -> int:
        """Bytes of its content."""
        return self.end - self.start


def fields_of(body: bytes, content_type: str) -> tuple[Field, ...]:
    """The parts of the form *body*, in order.

    Raises:
        InvalidRequestError: it is no form, is cut off, or has too many parts.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        message = "This call takes a form: send multipart/form-data with a boundary."
        raise InvalidRequestError(message, code="invalid_form")
    mark = b"--" + (found[1] or found[2]).encode("latin-1")
    starts = _starts(body, mark)
    fields = []
    for at, following in itertools.pairwise(starts):
        begin = body.find(b"\r\n\r\n", at, following)
        head = body[at:begin]
        named = _NAME.search(head)
        if begin < 0 or named is None or len(head) > 4096:
            raise InvalidRequestError("A part of the form has no name.", code="invalid_form")
        is_file = _FILE.search(head) is not None
        fields.append(Field(named[1].decode("utf-8", "replace"), begin + 4, following - 2, is_file))
    return tuple(fields)


def _starts(body: bytes, mark: bytes) -> list[int]:
    """Where each part begins, and where the mark that closes the form does."""
    starts: list[int] = []
    at = 0 if body.startswith(mark) else body.find(b"\r\n" + mark) + 2
    while at >= (0 if not starts else 1) and body.startswith(mark, at):
        starts.append(at)
        after = at + len(mark)
        if body.startswith(b"--", after):
            return starts
        if not body.startswith(b"\r\n", after) or len(starts) > MAX_FIELDS:
            break
        at = body.find(b"\r\n" + mark, after) + 2
    raise InvalidRequestError("The form is not whole, or has too many parts.", code="invalid_form")


def text_of(body: bytes, fields: tuple[Field, ...], name: str) -> str | None:
    """What stands in the field *name*; the last one counts; None if there is none.

    Raises:
        InvalidRequestError: it is no text, or longer than any such field can be.
    """
    text: str | None = None
    for field in fields:
        if field.name == name and not field.is_file:
            if field.size > 256 * 1024:
                raise InvalidRequestError(f"{name}: is too long.", code="invalid_form", param=name)
            try:
                text = body[field.start : field.end].decode()
            except UnicodeDecodeError:
                raise InvalidRequestError(f"{name}: is no text.", code="invalid_form", param=name) from None
    return text


def content_type_of(body: bytes) -> str:
    """The content type of a form that was read before: its boundary is on its first line."""
    mark = body[body.find(b"--") + 2 :].split(b"\r\n", 1)[0].decode("latin-1")
    return f'multipart/form-data; boundary="{mark}"'


def with_model(body: bytes, model: str) -> bytes:
    """The form *body*, read before, with *model* in its ``model`` field, added if there is none; all else as it is."""
    out, done = [], 0
    for field in fields_of(body, content_type_of(body)):
        if field.name == "model":
            out += [body[done : field.start], model.encode()]
            done = field.end
    if not out:
        start = body.find(b"--")
        mark = body[start : body.find(b"\r\n", start)]
        out.append(mark + b'\r\ncontent-disposition: form-data; name="model"\r\n\r\n' + model.encode() + b"\r\n")
        done = start
    return b"".join((*out, body[done:]))
