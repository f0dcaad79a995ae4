"""How others read JSON: what stands twice in an object is, by its reader, the first or the last.  RFC 8259 allows both.

Strict: what is no JSON, or no UTF-8, has no reading at all.
"""

import json
import math
from collections.abc import Callable
from typing import Any, Final, NoReturn

_MOST_DIGITS: Final = 4_000
Reading = Callable[[bytes], Any]


class UnreadableError(ValueError):
    """It is no JSON, by the letter of the RFC."""


class TooDeepError(UnreadableError):
    """It is too deep for this reader, where it stands: another may read it."""


def _refuse(constant: str) -> NoReturn:
    raise UnreadableError(constant)


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise UnreadableError("a number without an end")
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise UnreadableError(digits)
    return number


def _first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _reading(hook: Callable[[list[tuple[str, Any]]], dict[str, Any]] | None) -> Reading:
    decoder = json.JSONDecoder(object_pairs_hook=hook, parse_int=_integer, parse_float=_number, parse_constant=_refuse)

    def read(body: bytes) -> Any:
        try:
            return decoder.decode(body.decode())
        except RecursionError:
            raise TooDeepError("too deep") from None
        except ValueError as error:
            raise UnreadableError(str(error)[:80]) from None

    return read


def check(body: bytes) -> Any:
    """*body* decoded, its numbers as they are written: how large they may be is not JSON's.  Raises UnreadableError."""
    try:
        return _SYNTAX.decode(body.decode())
    except RecursionError:
        raise TooDeepError("too deep") from None
    except ValueError as error:
        raise UnreadableError(str(error)[:80]) from None


_SYNTAX: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)
first_wins: Final = _reading(_first)
last_wins: Final = _reading(None)
