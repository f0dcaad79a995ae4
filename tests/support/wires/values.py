"""What a request to the scripted upstream says, and what the upstream says to it: neutral values for all wires."""

import hashlib
from base64 import b64decode, b64encode
from typing import Any, Literal, Protocol, TypeVar

import msgspec

Wire = Literal["chat", "responses", "messages", "gemini", "converse"]
Finish = Literal["stop", "length", "tools"]
T = TypeVar("T")


class Picture(msgspec.Struct, frozen=True):
    """An image that came: bytes of a type, or only the address of one."""

    media_type: str = ""
    data: bytes = b""
    url: str = ""


class Turn(msgspec.Struct):
    """One turn as it was heard.  ``results`` are what tools gave, ``proofs`` its thoughts' signatures."""

    role: Literal["system", "user", "assistant"]
    text: str = ""
    pictures: list[Picture] = []
    results: list[str] = []
    proofs: list[str] = []
    documents: list[str] = []


class Tool(msgspec.Struct, frozen=True):
    """A tool on offer; ``schema`` None: it takes plain text."""

    name: str
    schema: dict[str, Any] | None


class Heard(msgspec.Struct):
    """One request, understood."""

    wire: Wire
    model: str
    stream: bool = False
    turns: list[Turn] = []
    tools: list[Tool] = []
    forced: str = ""  # the tool that must be called; "*": any
    schema: dict[str, Any] | None = None  # of the answer; {}: any object
    ceiling: int | None = None
    stop: list[str] = []
    thinking: bool = False
    usage_wanted: bool = True
    asked: Any = None  # what the wire itself has to remember of it


class Thought(msgspec.Struct, frozen=True):
    """The upstream thinks, and shows it."""

    text: str


class Words(msgspec.Struct, frozen=True):
    """The upstream says something."""

    text: str


class Call(msgspec.Struct, frozen=True):
    """The upstream calls a tool; ``arguments`` is JSON, or plain text where ``free``."""

    name: str
    arguments: str
    free: bool = False


class Used(msgspec.Struct, frozen=True):
    """Tokens, totals with subsets: ``cached`` and ``written`` are part of ``input``, ``reasoning`` of ``output``."""

    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0
    reasoning: int = 0


class Failure(msgspec.Struct, frozen=True):
    """The upstream fails, or refuses; ``param`` is the field it names, where it names one."""

    status: int
    message: str
    param: str = ""
    headers: dict[str, str] = {}


class Reply(msgspec.Struct, frozen=True):
    """What the upstream says.  ``breaks``: its stream ends in an error after the first words."""

    id: str
    parts: list[Thought | Words | Call]
    finish: Finish
    used: Used
    breaks: bool = False


class RefusedError(Exception):
    """The request breaks a rule of the API it was sent to."""

    def __init__(self, message: str, *, param: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.failure = Failure(status, message, param)


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base of what a request is made of: a field that the API does not have is refused."""


class Speaker(Protocol):
    """One wire as its provider speaks it."""

    wire: Wire
    content_type: str  # of streams

    def hear(self, body: bytes, model: str, headers: dict[str, str]) -> Heard:
        """What *body* asks.  *model* is the path's, where it is there.  Raises RefusedError as the API would."""
        ...

    def answer(self, heard: Heard, reply: Reply) -> bytes:
        """The whole answer."""
        ...

    def events(self, heard: Heard, reply: Reply) -> list[bytes]:
        """The streamed answer, an item for each event; one that breaks ends in an error."""
        ...

    def error(self, failure: Failure) -> tuple[dict[str, str], bytes]:
        """Headers and body of an error."""
        ...


def proof_of(wire: Wire, thought: str) -> str:
    """The signature that *wire* puts under *thought*; base64, since Gemini's must be."""
    return b64encode(b"sig:" + hashlib.sha256(f"{wire}/{thought}".encode()).digest()[:18]).decode()


def pieces(text: str, size: int = 9) -> list[str]:
    """*text* in pieces of *size* characters, at least one."""
    return [text[i : i + size] for i in range(0, len(text), size)] or [""]


def tokens_of(text: str) -> int:
    """Four UTF-8 bytes a token, a started one counts."""
    return (len(text.encode()) + 3) // 4


def decoded(body: bytes, kind: type[T]) -> T:
    """*body* as *kind*.  Raises RefusedError that names the place."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        message, _, place = str(error).partition(" - at ")
        raise RefusedError(f"{message} ({place or 'body'})", param=place.strip("`").removeprefix("$.")) from error


def converted(value: Any, kind: type[T], where: str) -> T:
    """*value* as *kind*.  Raises RefusedError that names the place below *where*."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        inside = where + place.strip("`").removeprefix("$")
        raise RefusedError(f"{message} ({inside})", param=inside) from error


def unbase64(data: str, where: str) -> bytes:
    """The bytes.  Raises RefusedError."""
    try:
        return b64decode(data, validate=True)
    except ValueError as wrong:
        raise RefusedError("Invalid base64", param=where) from wrong


def sse(data: Any, event: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {event}\n".encode() if event else b""
    return head + b"data: " + (data if isinstance(data, bytes) else msgspec.json.encode(data)) + b"\n\n"
