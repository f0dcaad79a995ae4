"""Gemini's wire: objects of a client, whose members Google takes in camelCase and in snake_case.

Values are read when they are asked for, and what nobody asks for stays as it came.  Google's servers also take one
object where a list is due, numbers in strings, and null for what is not there; so do these.
"""

import re
from math import isfinite
from typing import Any, Final, TypeVar

import msgspec

from sluice_dataplane.dialects import values

_T = TypeVar("_T")
_MOST: Final = 2**63
_UNDERSCORE: Final = re.compile(r"_+([a-zA-Z0-9])")
_text: Final = msgspec.json.Decoder(str)
_texts: Final = msgspec.json.Decoder(list[str])
_flag: Final = msgspec.json.Decoder(bool)
_number: Final = msgspec.json.Decoder(float)
_anything: Final = msgspec.json.Decoder()


class FieldError(ValueError):
    """A field is not what it must be.  ``path`` names it, as ``contents[0].role``; "" is the whole body."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path or 'the body'}: {why}")
        self.path = path


class Fields:
    """One object.  Names are asked for in camelCase; ``at`` is where it stands in the body."""

    __slots__ = ("_values", "at")

    def __init__(self, raw: bytes | msgspec.Raw, at: str = "") -> None:
        self.at = at
        members = _decoded(values.members, raw, at, "must be an object")
        self._values = {name: value for name, value in members.items() if values.said(value)}
        if any("_" in name for name in self._values):
            self._rename()

    def _rename(self) -> None:
        renamed: dict[str, msgspec.Raw] = {}
        for name, value in self._values.items():
            camel = camel_case(name)
            if camel in renamed:
                raise FieldError(self.place(camel), "is named twice")
            renamed[camel] = value
        self._values = renamed

    def place(self, name: str) -> str:
        """Where the member *name* stands in the body."""
        return f"{self.at}.{name}" if self.at else name

    def names(self) -> tuple[str, ...]:
        """The members there are, in camelCase, in the order they came."""
        return tuple(self._values)

    def raw(self, name: str) -> msgspec.Raw | None:
        """The member as it came; None where it is not there or null."""
        return self._values.get(name)

    def json(self, name: str) -> str:
        """The member's JSON as text; "" where it is not there."""
        value = self._values.get(name)
        if value is None:
            return ""
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            raise FieldError(self.place(name), "is not UTF-8") from None

    def text(self, name: str) -> str:
        """A string; "" where it is not there."""
        return self._read(name, _text, "must be a string") or ""

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        found = self._read(name, _texts, "must be a list of strings")
        return () if found is None else tuple(found)

    def flag(self, name: str) -> bool | None:
        """True, False, or None where it is not there."""
        return self._read(name, _flag, "must be true or false")

    def number(self, name: str) -> float | None:
        """A number that is finite."""
        value = self._read(name, _number, "must be a number")
        if value is not None and not isfinite(value):
            raise FieldError(self.place(name), "must be a number")
        return value

    def integer(self, name: str) -> int | None:
        """A whole number, however it is written: ``7``, ``7.0`` and ``"7"`` are the same to Google."""
        value = self._read(name, _anything, "must be a whole number")
        if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) < 19:
            return int(value)
        if isinstance(value, float) and value.is_integer() and abs(value) < _MOST:
            return int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MOST):
            return value
        raise FieldError(self.place(name), "must be a whole number")

    def one(self, name: str) -> "Fields | None":
        """An object; None where it is not there."""
        value = self._values.get(name)
        return None if value is None else Fields(value, self.place(name))

    def many(self, name: str) -> list["Fields"]:
        """A list of objects, or the one object that stands for it."""
        value = self._values.get(name)
        if value is None:
            return []
        place = self.place(name)
        if values.starts(value, b"{"):
            return [Fields(value, f"{place}[0]")]
        items = _decoded(values.items, value, place, "must be a list")
        return [Fields(item, f"{place}[{number}]") for number, item in enumerate(items)]

    def _read(self, name: str, decoder: msgspec.json.Decoder[_T], why: str) -> _T | None:
        value = self._values.get(name)
        return None if value is None else _decoded(decoder, value, self.place(name), why)


def camel_case(name: str) -> str:
    """``generation_config`` as ``generationConfig``; what is in camelCase stays."""
    return _UNDERSCORE.sub(lambda found: found[1].upper(), name.lstrip("_"))


def decoded(raw: bytes | msgspec.Raw) -> Any:  # noqa: ANN401  JSON is anything
    """The value that *raw* is the JSON of.  Raises ValueError where it is none."""
    return _decoded(_anything, raw, "", "is not valid JSON")


def _decoded(decoder: msgspec.json.Decoder[_T], raw: bytes | msgspec.Raw, at: str, why: str) -> _T:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        raise FieldError(at, why) from None
    except values.UNREADABLE:
        raise FieldError(at, "is not valid JSON") from None
