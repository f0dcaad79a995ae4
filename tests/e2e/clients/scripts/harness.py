"""What the scripts of Python clients share: what is asked, what must come back, and how that is told.

A script is run as ``python openai_chat.py '<Setup as JSON>'`` by an environment that has its client and nothing of
ours.  It prints ``{"version": …, "results": {model: {scenario: {"ok": …, "detail": …}}}}``, with ``refused`` beside
``detail`` where only the twin without the field worked.  The scripted provider (tests/support/every_wire.py) reads the
lines that begin with ``#do``.
"""

import base64
import json
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HELLO = "Hello from the other side"
SAY = f"#do say {HELLO}"
LONG = "#do say " + "very long " * 20
CEILING = 16  # tokens; the least that the Responses API takes
CALL = '#do call weather {"city":"Oslo"}'
CALLS = '#do call weather {"city":"Oslo"}\n#do call weather {"city":"Rome"}'
THOUGHT = "Let me see what the weather is like"  # after "#do think "
JSON = "Tell me about a city.\n#do json"
LOOK = "What do you see?\n#do look"
SEEN = "1 picture: image/png 3x2"
WEATHER = {"Oslo": "11 degrees in Oslo", "Rome": "23 degrees in Rome"}
CITY = {"name": "text", "celsius": 7, "tags": ["text"]}  # what the provider makes of this schema:
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "celsius": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name", "celsius", "tags"],
    "additionalProperties": False,
}
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Which city"}},
    "required": ["city"],
}
BREAK = "#do say This will not come whole\n#do break"
FAILURES = {"rate limited": "#do fail 429 retry-after=1", "bad request": "#do fail 400"}


@dataclass
class Setup:
    """Where to go, as whom, and for which models.

    ``gateway``: each model has two twins.  One ends in ``-drop`` and has dropUnsupported: it is tried where the model
    itself refuses a field.  One ends in ``-fails`` and is for errors, which set targets aside.
    """

    url: str  # without a version
    key: str
    models: list[str]
    spent_key: str = ""  # of a Budget that holds nothing
    gateway: bool = False

    def failing(self, model: str) -> str:
        """The model to see errors of."""
        return f"{model.removesuffix('-drop')}-fails" if self.gateway else model


def picture() -> bytes:
    """A PNG of 3 by 2 pixels."""
    rows = b"".join(b"\x00" + bytes((40, 90, 160)) * 3 for _ in range(2))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    framed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def picture_url() -> str:
    """The same as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(picture()).decode()}"


def expect(found: object, wanted: object, what: str = "answer") -> None:
    """Raise AssertionError unless they are equal."""
    if found != wanted:
        message = f"{what}: {found!r} instead of {wanted!r}"
        raise AssertionError(message)


def within(wanted: str, found: object, what: str = "answer") -> None:
    """Raise AssertionError unless *found* holds *wanted*."""
    if wanted not in str(found):
        message = f"{what}: {found!r} lacks {wanted!r}"
        raise AssertionError(message)


def raises(kind: type[BaseException] | tuple[type[BaseException], ...], action: Callable[[], object]) -> Any:
    """The error that *action* ends with, which must be of that kind."""
    try:
        given = action()
    except kind as error:
        return error
    message = f"no {kind} but {given!r}"
    raise AssertionError(message)


def run(scenarios: Callable[[Setup, str], dict[str, Callable[[], object]]], version: str) -> None:
    """Try every scenario with every model, and print what came of it."""
    setup = Setup(**json.loads(sys.argv[1]))
    told = {}
    for model in setup.models:
        dropping = scenarios(setup, f"{model}-drop") if setup.gateway else {}
        told[model] = {name: _tried_twice(each, dropping.get(name)) for name, each in scenarios(setup, model).items()}
    sys.stdout.write(json.dumps({"version": version, "results": told}) + "\n")


def _tried_twice(action: Callable[[], object], dropping: Callable[[], object] | None) -> dict[str, object]:
    first = _tried(action)
    if first["ok"] or dropping is None or "dropUnsupported" not in str(first["detail"]):
        return first
    return {**_tried(dropping), "refused": first["detail"]}


def _tried(action: Callable[[], object]) -> dict[str, object]:
    try:
        detail = action()
    except BaseException as error:  # clients raise what they like
        if isinstance(error, KeyboardInterrupt):
            raise
        return {"ok": False, "detail": f"{type(error).__name__}: {error}"[:2000]}
    return {"ok": True, "detail": "" if detail is None else str(detail)}
