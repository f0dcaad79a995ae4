"""Small things that clients choose: paths, headers, ids, the framing alone."""

import contextlib
from random import Random

from fuzz.mutate import broken
from fuzz.oracles import need
from sluice_contract.quirks import QUIRKS
from sluice_dataplane.dialects.event_stream import EventStreamFramer, encode, read_headers
from sluice_dataplane.dialects.frames import Framer, FramingError
from sluice_dataplane.dialects.gemini import paths
from sluice_dataplane.dialects.passed.through import may_call
from sluice_dataplane.dialects.responses import ids
from sluice_dataplane.dialects.sse import SseFramer
from sluice_dataplane.dialects.wires import WIRES

_PATHS = (
    b"/v1beta/models/gemini-2.5-pro:generateContent?alt=sse",
    b"/gemini/v1beta/models/a%2Fb:c:streamGenerateContent?$alt=SSE&alt=json",
    b"/v1/tunedModels/x:countTokens",
    b"GET /files/../x?y=%2e%2E",
    b"POST /v1/files/*",
)
_SSE = b"\xef\xbb\xbfdata: a\n\n: c\r\ndata: b\rdata: c\r\n\r\nevent: x\ndata:y\nid: 1\n\ndata\n\n\n\ndata: z"
_AWS = b"".join(
    encode({":message-type": kind, f":{kind}-type": "x", ":content-type": "application/json"}, b'{"a":"b"}')
    for kind in ("event", "exception", "error", "event")
)


def make_path(rng: Random) -> bytes:
    """A path and query."""
    return broken(rng, rng.choice(_PATHS))


def check_path(data: bytes, rng: Random) -> str:
    """It names a call of Gemini's, or none; of a provider's own routes it may be called, or not."""
    path, _, query = data.decode("latin-1" if rng.random() < 0.5 else "utf-8", "surrogateescape").partition("?")
    allowed = may_call(("GET /files/*", "* /v1/*"), "GET", path)
    need(not (allowed and ".." in path), f"{path} may be called")
    call = paths.parse(path, query)
    if call is None:
        return "none"
    need(bool(call.route.model), "a call without a model")
    paths.wants_array(call.route)
    return call.endpoint


def make_headers(rng: Random) -> bytes:
    """Names and values."""
    return broken(rng, b"anthropic-beta: a,b\nanthropic-version: 2023-06-01\nopenai-beta: x\nx-codex-a: y\ncookie: z")


def check_headers(data: bytes, rng: Random) -> str:
    """No wire passes what is not its own."""
    lines = [line.partition(": ") for line in data.decode("latin-1").split("\n")]
    headers = tuple((name.lower(), value) for name, _, value in lines)
    quirks = (rng.choice(sorted(QUIRKS)),) if rng.random() < 0.5 else ()
    for wire in WIRES.values():
        for name, value in wire.request_headers(headers, quirks):
            need(name not in ("cookie", "authorization", "x-api-key"), f"{name} passes: {value}")
    return "read"


def make_id(rng: Random) -> bytes:
    """An id of ours, with something wrong with it."""
    good = ids.wrap("resp_0123456789", b"placeplc", key_id="k", secret=b"s").encode()
    return broken(rng, good)


def check_id(data: bytes, rng: Random) -> str:
    """Only what was given to this key is found by it."""
    text = data.decode("utf-8", "surrogateescape")
    found = ids.unwrap(text, key_id="k", secret=b"s")
    if found is None:
        return "none"
    need(found.id == "resp_0123456789" and found.place == b"placeplc", f"{text} stands for {found}")
    return "found"


def make_sse(rng: Random) -> bytes:
    """Server-sent events of every form."""
    return broken(rng, _SSE * rng.choice((1, 1, 1, 4)))


def make_aws(rng: Random) -> bytes:
    """AWS's messages; half of them with damage that no checksum shows."""
    if rng.random() < 0.5:
        return broken(rng, _AWS)
    headers = {rng.choice((":message-type", ":event-type", "", "x" * 255, "é")): rng.choice(("event", "", "x" * 300))}
    return encode(headers, rng.randbytes(rng.randrange(20))) + broken(rng, _AWS)


def check_sse(data: bytes, rng: Random) -> str:
    """Its frames joined are the stream, however it is cut."""
    return _framed(SseFramer(max_line_bytes=24, max_event_bytes=60), data, rng)


def check_aws(data: bytes, rng: Random) -> str:
    """See :func:`check_sse`; its headers alone are read or refused."""
    with contextlib.suppress(FramingError):
        read_headers(data[12 : 12 + rng.randrange(60)])
    return _framed(EventStreamFramer(), data, rng)


def _framed(framer: Framer, data: bytes, rng: Random) -> str:
    out, at = [], 0
    try:
        while at < len(data):
            step = rng.randrange(1, 24)
            out += framer.feed(data[at : at + step])
            at += step
        out += framer.finish()
    except FramingError:
        need(data.startswith(b"".join(frame.raw for frame in out)), "bytes were changed")
        return "broken"
    need(b"".join(frame.raw for frame in out) == data, "bytes were changed")
    return "framed"
