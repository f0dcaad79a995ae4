"""Providers' streams: events cut, dropped, doubled, out of order, wrong inside, framing damaged."""

from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

import msgspec

from fuzz import corpus
from fuzz.answers import SHOWN
from fuzz.mutate import broken, mutated
from fuzz.oracles import check_json, check_order, check_reported, check_usage, need
from sluice_dataplane.dialects import free_tools
from sluice_dataplane.dialects.conversation import Request
from sluice_dataplane.dialects.event_stream import EventStreamFramer, encode
from sluice_dataplane.dialects.events import Event
from sluice_dataplane.dialects.flow import Flow, Passing, Translating
from sluice_dataplane.dialects.frames import Frame, FramingError
from sluice_dataplane.dialects.gemini.array import ArrayOfEvents
from sluice_dataplane.dialects.responses import ids
from sluice_dataplane.dialects.seam import Reader
from sluice_dataplane.dialects.wires import BACKS, FRONTS, WIRES
from sluice_dataplane.errors import UpstreamFailedError
from sluice_dataplane.exchange import Endpoint
from sluice_dataplane.usage.meter import Meter

_LINES: Final = (b"\r\n", b"\r", b"\n", b"\n\n", b"\n\n\n", b": ping\n\n", b"event: ping\ndata: {}\n\n", b"data\n\n")
_NOISE: Final = (
    b"\xef\xbb\xbf",
    b"data: [DONE]\n\n",
    b"data:\n\n",
    b"<html>",
    b"\x00" * 16,
    b"retry: 1\n",
    b"id: 1\n\n",
)
_STREAM: Final = Request(stream=True)
_FREE: Final = frozenset(("get_weather", "weather", "shell", "patch", "now"))


class Passed(NamedTuple):
    """One run of a stream: what came out, whether it was whole, and whether it was cut short by FramingError."""

    out: bytes
    whole: bool
    broken: bool


def make(endpoint: Endpoint, rng: Random) -> bytes:
    """A stream of *endpoint*'s provider, with one to four things wrong with it."""
    source: Endpoint = endpoint if endpoint in corpus.CONVERSATIONS else rng.choice(("chat", "responses"))
    frames = rng.choice(corpus.streams(source))
    for _ in range(rng.choice((1, 1, 2, 4))):
        frames = _changed(source, frames, rng)
    whole = b"".join(frames)
    return broken(rng, whole) if rng.random() < 0.15 else whole


def _changed(wire: Endpoint, frames: list[bytes], rng: Random) -> list[bytes]:  # noqa: PLR0911  one for each kind
    if not frames:
        return [b"data: {}\n\n"]
    at = rng.randrange(len(frames))
    match rng.randrange(10):
        case 0:
            return frames[:at] + frames[at + 1 :]
        case 1:
            return frames[: at + 1] * rng.choice((2, 2, 2, 30)) + frames[at + 1 :]
        case 2:
            return rng.sample(frames, len(frames)) if rng.random() < 0.5 else [*frames[at:], *frames[:at]]
        case 3:
            return [*frames[:at], rng.choice(rng.choice(corpus.streams(wire)) or [b""]), *frames[at:]]
        case 4:
            return [*frames[:at], rng.choice(_LINES + _NOISE), *frames[at:]]
        case 5 if wire != "converse":
            return [each.replace(b"\n", rng.choice((b"\r\n", b"\r"))) for each in frames]
        case 6:
            return [*frames[:at], frames[at][: rng.randrange(len(frames[at]) + 1)], *frames[at + 1 :]]
        case _:
            return [*frames[:at], _inside(wire, frames[at], rng), *frames[at + 1 :]]


def _inside(wire: Endpoint, frame: bytes, rng: Random) -> bytes:
    """*frame* with its JSON changed."""
    if wire == "converse":
        return _message(frame, rng)
    head, mark, data = frame.partition(b"data: ")
    try:
        tree = msgspec.json.decode(data)
    except (ValueError, RecursionError):
        return frame
    return head + mark + mutated(rng, [tree]) + b"\n\n" if mark else frame


def _message(frame: bytes, rng: Random) -> bytes:
    try:
        read = EventStreamFramer().feed(frame)[0]
        tree = msgspec.json.decode(read.data or b"{}")
    except (FramingError, IndexError, ValueError, RecursionError):
        return frame
    kind, name = ("exception", read.event.removeprefix("exception:")) if ":" in read.event else ("event", read.event)
    if rng.random() < 0.1:
        name = rng.choice(("messageStart", "messageStop", "metadata", "contentBlockStop", "", "other"))
    return encode({f":{kind}-type": name, ":message-type": kind}, mutated(rng, [tree]))


def check(endpoint: Endpoint, stream: bytes, rng: Random) -> str:
    """What came of *stream*, passed on."""
    wire = WIRES[endpoint]

    def flow(meter: Meter) -> Flow:
        masked = ids.Mask(lambda each: ids.wrap(each, b"placeplc", key_id="k", secret=b"s"))
        mask = masked.event if endpoint == "responses" and stream[-1:] == b"\n" else None
        return Passing(wire, meter, keep_usage=keep, mask=mask)

    keep = rng.random() < 0.7
    passed = _run(flow, stream, rng, raw=not wire.stream_type)  # there each chunk counts as one event at least
    if keep and not passed.broken and endpoint not in ("responses", "response"):
        # Of an answer that is not whole, an event cut in half is left out.
        need(passed.out == stream or (not passed.whole and stream.startswith(passed.out)), "bytes were changed")
    return "broken" if passed.broken else "whole" if passed.whole else "cut off"


def translate(endpoint: Endpoint, stream: bytes, rng: Random) -> str:
    """What came of *stream* on its way to a client of another wire."""
    front = rng.choice([each for each in FRONTS if each != endpoint])
    free = rng.random() < 0.3

    def reader() -> Reader:
        plain = BACKS[endpoint].reader()
        return free_tools.FreeingReader(plain, _FREE) if free else plain

    def flow(meter: Meter) -> Flow:
        return Translating(WIRES[endpoint], meter, reader(), FRONTS[front].writer(_STREAM, SHOWN))

    passed = _run(flow, stream, rng)
    _check_written(front, passed)
    _check_events(endpoint, reader(), stream)
    return "broken" if passed.broken else "whole" if passed.whole else "cut off"


def _run(make_flow: Callable[[Meter], Flow], stream: bytes, rng: Random, *, raw: bool = False) -> Passed:
    meter = Meter(input_tokens=5)
    passed = _through(make_flow(meter), meter, _cut(stream, rng))
    check_usage(meter.usage())
    check_reported(meter.reported)
    if rng.random() < 0.1:
        again = Meter(input_tokens=5)
        need(_through(make_flow(again), again, [stream]) == passed, "it matters how the stream is cut")
        need(raw or again.usage() == meter.usage(), "it matters for the bill how the stream is cut")
    return passed


def _through(flow: Flow, meter: Meter, chunks: list[bytes]) -> Passed:
    out = b""
    try:
        for chunk in chunks:
            out += flow.feed(chunk)
            if meter.begun is not None:
                check_usage(meter.begun)
        rest, whole = flow.finish()
    except FramingError as error:
        return Passed(out + error.passed, flow.ended, broken=True)
    return Passed(out + rest, whole, broken=False)


def _cut(stream: bytes, rng: Random) -> list[bytes]:
    marks = sorted(rng.randrange(len(stream) + 1) for _ in range(rng.choice((0, 1, 3, 9))))
    return [stream[a:b] for a, b in zip([0, *marks], [*marks, len(stream)], strict=True)]


def _check_written(front: Endpoint, passed: Passed) -> None:
    """All that a client gets is whole events of JSON, and those who end a broken stream end it in their own words."""
    framer, array = WIRES[front].framer(), ArrayOfEvents()
    frames = framer.feed(passed.out) + framer.finish()
    for frame in frames:
        need(frame.whole, "half an event")
        if frame.data is not None and frame.data != b"[DONE]":
            check_json(frame.data, f"an event for {front}")
    if front == "gemini":
        error = WIRES[front].error_event(WIRES[front].error_body(UpstreamFailedError("x"), "req_1"))
        check_json(array.feed(passed.out) + array.feed(b"" if passed.whole else error) + array.finish(), "an array")


def _check_events(endpoint: Endpoint, reader: Reader, stream: bytes) -> None:
    framer = WIRES[endpoint].framer()
    events: list[Event] = []
    frames: list[Frame] = []
    try:
        frames += framer.feed(stream)
        frames += [frame for frame in framer.finish() if frame.whole]
    except FramingError:
        pass
    try:
        for frame in frames:
            events += reader.feed(frame)
        events += reader.finish()
    except FramingError:
        return
    for number, event in enumerate(events):
        if type(event).__name__ in ("Ended", "Failed"):
            events = events[: number + 1]  # nobody listens any more
            break
    check_order(events)
