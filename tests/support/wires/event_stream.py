"""AWS's event-stream framing, written: for what a scripted Bedrock sends.  Source: AWS's event stream encoding."""

import struct
import zlib
from typing import Any

import msgspec


def frame(kind: str, payload: Any) -> bytes:
    """One event of *kind* that carries *payload* as JSON."""
    return _message({":event-type": kind, ":content-type": "application/json", ":message-type": "event"}, payload)


def raw_frame(kind: str, payload: bytes) -> bytes:
    """One event of *kind* that carries *payload* as it is."""
    return frame(kind, msgspec.Raw(payload))


def exception(kind: str, message: str) -> bytes:
    """The exception *kind* that ends a stream."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return _message(headers, {"message": message})


def _message(headers: dict[str, str], payload: Any) -> bytes:
    named = b"".join(
        bytes((len(name),)) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    body = msgspec.json.encode(payload)
    prelude = struct.pack(">II", 16 + len(named) + len(body), len(named))
    checked = prelude + struct.pack(">I", zlib.crc32(prelude)) + named + body
    return checked + struct.pack(">I", zlib.crc32(checked))
