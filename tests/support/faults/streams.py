"""What can be wrong, or only unusual, within a stream of each wire.  Pure."""

import json
import struct
import zlib
from collections.abc import Callable
from typing import Any, Final

from support.faults.upstream import Spoken
from support.wires import event_stream
from support.wires.values import pieces, sse

SSE: Final = ("chat", "responses", "messages", "gemini")
CUT: Final = 6  # events that come before a fault
_TOLD: Final = {"chat": 5, "responses": 2, "messages": 3, "gemini": 6, "converse": 5}  # pieces of text in those


def text_before(wire: str, sentence: str) -> str:
    """What the events before a fault say of *sentence*."""
    return "".join(pieces(sentence)[: _TOLD[wire]])


def first(spoken: Spoken) -> list[bytes]:
    """The events before a fault."""
    return spoken.events[:CUT]


def each(change: Callable[[bytes], bytes]) -> Callable[[Spoken], list[bytes]]:
    """All events, each of them changed."""
    return lambda spoken: [change(event) for event in spoken.events]


def crlf(event: bytes) -> bytes:
    """Lines that end in CRLF."""
    return event.replace(b"\n", b"\r\n")


def lone_cr(event: bytes) -> bytes:
    """Lines that end in CR."""
    return event.replace(b"\n", b"\r")


def without_names(event: bytes) -> bytes:
    """No ``event:`` lines."""
    return b"".join(line + b"\n" for line in event.split(b"\n")[:-1] if not line.startswith(b"event: "))


def without_space(event: bytes) -> bytes:
    """Nothing behind the colon."""
    return event.replace(b"data: ", b"data:").replace(b"event: ", b"event:")


def commented(event: bytes) -> bytes:
    """A comment as an event of its own, and one within."""
    return b": keep-alive\n\n: x\nid: 7\nretry: 10\n" + event + b"\n"


def over_lines(event: bytes) -> bytes:
    """Data over several lines, as a pretty-printer leaves it."""
    head, _, data = event.partition(b"data: ")
    if data == b"[DONE]\n\n":
        return event
    lines = json.dumps(json.loads(data), indent=1).split("\n")
    return head + b"".join(b"data: " + line.encode() + b"\n" for line in lines) + b"\n"


def with_bom(spoken: Spoken) -> list[bytes]:
    """A byte order mark first."""
    return [b"\xef\xbb\xbf" + spoken.events[0], *spoken.events[1:]]


def with_news(spoken: Spoken) -> list[bytes]:
    """Events that nobody knows yet."""
    told: dict[str, Any] = {"type": "something.new", "new": 1}
    if spoken.wire == "converse":
        new = event_stream.frame("somethingNew", told)
    elif spoken.wire == "chat":
        new = sse({"object": "something.new", "choices": []})
    elif spoken.wire == "gemini":
        new = sse({"somethingNew": {}})
    else:
        new = sse(told, "something.new")
    return [event for good in spoken.events for event in (*([new] if good is not spoken.events[0] else ()), good)]


def half_event(spoken: Spoken) -> list[bytes]:
    """It ends within an event."""
    whole = spoken.events[CUT]
    return [*first(spoken), whole[: len(whole) // 2]]


def no_json(spoken: Spoken) -> list[bytes]:
    """One event in the middle is no JSON."""
    return [*first(spoken), _event(spoken, b'{"cut', "contentBlockDelta"), *spoken.events[CUT:]]


def wrong_types(spoken: Spoken) -> list[bytes]:
    """One event in the middle has numbers where words belong."""
    told: dict[str, Any] = {
        "chat": {"choices": [{"index": 0, "delta": {"content": 5}}]},
        "responses": {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": 5},
        "messages": {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 5}},
        "gemini": {"candidates": [{"index": 0, "content": {"parts": [{"text": 5}]}}]},
        "converse": {"contentBlockIndex": 0, "delta": {"text": 5}},
    }
    bad = _event(spoken, json.dumps(told[spoken.wire]).encode(), "contentBlockDelta")
    return [*first(spoken), bad, *spoken.events[CUT:]]


def wrong_checksum(spoken: Spoken) -> list[bytes]:
    """A frame whose payload was changed on its way."""
    bad = bytearray(spoken.events[CUT])
    bad[-6] ^= 1
    return [*first(spoken), bytes(bad), *spoken.events[CUT + 1 :]]


def wrong_prelude(spoken: Spoken) -> list[bytes]:
    """A frame whose length was changed on its way."""
    bad = bytearray(spoken.events[CUT])
    bad[3] ^= 1
    return [*first(spoken), bytes(bad), *spoken.events[CUT + 1 :]]


def prelude(length: int) -> bytes:
    """The honest beginning of a frame of *length* bytes."""
    lengths = struct.pack(">II", length, 16)
    return lengths + struct.pack(">I", zlib.crc32(lengths))


def own_error(spoken: Spoken) -> list[bytes]:
    """Some words, and then the provider's own error."""
    return [*first(spoken), spoken.broken[-1]]


def error_alone(spoken: Spoken) -> list[bytes]:
    """Nothing but the provider's own error."""
    return [spoken.broken[-1]]


def error_and_end(spoken: Spoken) -> list[bytes]:
    """The provider's own error, and its usual end behind it."""
    return [*first(spoken), spoken.broken[-1], spoken.events[-1]]


def only_comments(spoken: Spoken) -> list[bytes]:
    """Nothing but signs of life."""
    if spoken.wire == "converse":
        return [event_stream.frame("messageStart", {"role": "assistant"})]
    return [b": keep-alive\n\n"] * 3


def _event(spoken: Spoken, payload: bytes, kind: str) -> bytes:
    return event_stream.raw_frame(kind, payload) if spoken.wire == "converse" else sse(payload)
