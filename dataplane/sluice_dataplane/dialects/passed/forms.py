"""Forms (multipart/form-data, RFC 7578): the few fields that the gateway reads or changes.  Pure.

A form is cut at its boundary; a part's own bytes are never looked into.  What two readers could take for two different
forms is refused: the provider must read what was billed.
"""

import itertools
import re
from typing import Final

import msgspec

from sluice_dataplane.errors import InvalidRequestError

MAX_FIELDS: Final = 64
MAX_HEAD_BYTES: Final = 4096  # of a part
MAX_TEXT_BYTES: Final = 256 * 1024  # of a field that the gateway reads
_BOUNDARY: Final = re.compile(r'(?i)multipart/form-data\s*;.*?boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))')
_DISPOSITION: Final = re.compile(
    rb"(?i)(?:^|\r\n)content-disposition:[ \t]*form-data"
    rb'((?:[ \t]*;[ \t]*[a-z]+\*?=(?:"[^"\r\n]*"|[^\s;"]+))*)[ \t]*(?:\r\n|$)'
)
_PARAMETER: Final = re.compile(rb';[ \t]*([a-zA-Z]+\*?)=(?:"([^"\r\n]*)"|([^\s;"]+))')
_UNCLEAR: Final = re.compile(
    rb'(?i)\\"|\r\n[ \t]|content-transfer-encoding[ \t]*:(?![ \t]*(?:7bit|8bit|binary)[ \t]*(?:\r\n|$))'
)


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
    if found is None or content_type.lower().count("boundary") > 1:
        message = "This call takes a form: send multipart/form-data with a boundary."
        raise InvalidRequestError(message, code="invalid_form")
    mark = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    fields = []
    for at, following in itertools.pairwise(_starts(body, mark)):
        head = body.find(b"\r\n\r\n", at, following)
        if head < 0 or head + 4 > following - 2:
            raise InvalidRequestError("A part of the form has no content.", code="invalid_form")
        name, is_file = _named(body[at + len(mark) : head])
        fields.append(Field(name, head + 4, following - 2, is_file))
    return tuple(fields)


def _named(head: bytes) -> tuple[str, bool]:
    """The name of the part with this *head*, and whether it is a file: refused where another could read another."""
    found = _DISPOSITION.search(head) if len(head) <= MAX_HEAD_BYTES else None
    parameters = _PARAMETER.findall(found[1]) if found is not None else []
    keys = [key.lower() for key, _, _ in parameters]
    names = [quoted or bare for key, quoted, bare in parameters if key.lower() == b"name"]
    if not _is_clear(head) or len(names) != 1 or not names[0] or b"\\" in names[0] or b"name*" in keys:
        raise InvalidRequestError("A part of the form has no name, or more than one.", code="invalid_form")
    return names[0].decode("utf-8", "replace"), b"filename" in keys or b"filename*" in keys


def _is_clear(head: bytes) -> bool:
    """Whether all readers see the same lines in it: no bare or folded ones, no escapes, no encoding of the content."""
    lines = head.count(b"\r\n") == head.count(b"\n") == head.count(b"\r")
    return lines and head.lower().count(b"content-disposition") == 1 and _UNCLEAR.search(head) is None


def _starts(body: bytes, mark: bytes) -> list[int]:
    """Where each part begins, and where the mark that closes the form does."""
    starts: list[int] = []
    at = _first(body)
    while (at > 1 or not starts) and body.startswith(mark, at):
        starts.append(at)
        after = at + len(mark)
        if body.startswith(b"--", after):
            return starts
        if not body.startswith(b"\r\n", after) or len(starts) > MAX_FIELDS:
            break
        at = body.find(b"\r\n" + mark, after) + 2
    raise InvalidRequestError("The form is not whole, or has too many parts.", code="invalid_form")


def _first(body: bytes) -> int:
    """Where the first part begins: nothing may come before it but ends of lines, for others would look there."""
    at = 0
    while at < 4 and body.startswith(b"\r\n", at):
        at += 2
    return at


def _mark(body: bytes) -> bytes:
    """What stands before each part of a form that was read before: its first line."""
    start = _first(body)
    return body[start : body.find(b"\r\n", start)]


def text_of(body: bytes, fields: tuple[Field, ...], name: str) -> str | None:
    """What stands in the field *name*; None if there is none.

    Raises:
        InvalidRequestError: it is there twice, a file, no text, or longer than any such field can be.
    """
    found = [field for field in fields if field.name == name]
    if not found:
        return None
    field = found[0]
    if len(found) > 1 or field.is_file:
        raise InvalidRequestError(f"{name}: must be one field, and no file.", code="invalid_form", param=name)
    if field.size > MAX_TEXT_BYTES:
        raise InvalidRequestError(f"{name}: is too long.", code="invalid_form", param=name)
    try:
        return body[field.start : field.end].decode()
    except UnicodeDecodeError:
        raise InvalidRequestError(f"{name}: is no text.", code="invalid_form", param=name) from None


def content_type_of(body: bytes) -> str:
    """The content type of a form that was read before: its boundary is on its first line."""
    return f'multipart/form-data; boundary="{_mark(body)[2:].decode("latin-1")}"'


def with_model(body: bytes, model: str) -> bytes:
    """The form *body*, read before, with *model* in its ``model`` field, added if there is none; all else as it is."""
    out, done = [], 0
    for field in fields_of(body, content_type_of(body)):
        if field.name == "model":
            out += [body[done : field.start], model.encode()]
            done = field.end
    if not out:
        start = _first(body)
        out.append(
            body[:start]
            + _mark(body)
            + b'\r\ncontent-disposition: form-data; name="model"\r\n\r\n'
            + model.encode()
            + b"\r\n"
        )
        done = start
    return b"".join((*out, body[done:]))
