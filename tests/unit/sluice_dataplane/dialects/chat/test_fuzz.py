"""Bodies and streams that are nearly right: goldens with something else in one or more places."""

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_dataplane.dialects.chat.codec import CHAT_CODEC
from sluice_dataplane.dialects.conversation import Request
from sluice_dataplane.dialects.events import Event
from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import Shown, To
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask
from support.conversations import told

GOLDEN = Path(__file__).parents[4] / "golden" / "chat"
SHOWN = Shown(id="0a1b", model="public", created_s=1_790_000_000)
RUNS = settings(max_examples=300, deadline=None)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4),
    st.sampled_from(["data:", "data:;base64,", "{}", "none", "tool", "function", "custom", "text", "1e999", "error"]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["type", "text", "name", "index", "id", "function"]), inner),
    ),
    max_leaves=6,
)


def wires(kind: str) -> list[Any]:
    """The bodies (of a stream: the lists of chunks) of all goldens of *kind*."""
    cases = [json.loads(path.read_bytes()) for path in sorted(GOLDEN.glob(f"{kind}-*.json"))]
    return [case["wire"] if "wire" in case else [_data(event) for event in case["events"]] for case in cases]


def _data(event: str) -> Any:
    data = event.removeprefix("data: ").strip()
    return json.loads(data) if data.startswith("{") else data


def mutated(kind: str) -> st.SearchStrategy[Any]:
    """One of *kind*'s bodies with some places filled otherwise, or left out."""
    bodies = wires(kind)

    @st.composite
    def draw_one(draw: st.DrawFn) -> Any:
        body = copy.deepcopy(draw(st.sampled_from(bodies)))
        for _ in range(draw(st.integers(1, 3))):
            body = _changed(draw, body)
        return body

    return draw_one()


def _changed(draw: st.DrawFn, node: Any) -> Any:
    if not isinstance(node, dict | list) or not node or draw(st.integers(0, 5)) == 0:
        return draw(VALUES)
    key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
    if draw(st.integers(0, 9)) == 0:
        del node[key]
    else:
        node[key] = _changed(draw, node[key])
    return node


def encoded(value: Any) -> bytes:
    """*value* as a frame's data."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


@RUNS
@given(mutated("request") | st.binary(max_size=40))
def test_any_request_is_read_or_refused_by_name(wire: Any) -> None:
    """Whatever a client sends is a request that can be written again, or an error that names what is wrong."""
    body = wire if isinstance(wire, bytes) else json.dumps(wire).encode()
    to = To(model="m", losses=Losses(allowed=True), usual_ceiling=1)
    try:
        json.loads(CHAT_CODEC.write_request(CHAT_CODEC.read_request(body, Ask(model="m")), to))
    except InvalidRequestError as error:
        named = error.param

        assert named


@RUNS
@given(mutated("answer") | st.binary(max_size=40))
def test_any_answer_is_read_or_a_value_error(wire: Any) -> None:
    """Whatever a provider sends is an answer that can be written, or a ValueError; its errors are words or nothing."""
    body = wire if isinstance(wire, bytes) else json.dumps(wire).encode()

    assert isinstance(CHAT_CODEC.read_error(body), str)
    try:
        answer = CHAT_CODEC.read_answer(body)
    except ValueError:
        return
    json.loads(CHAT_CODEC.write_answer(answer, Request(), SHOWN))


@RUNS
@given(mutated("stream"))
def test_any_stream_is_read_and_written(chunks: Any) -> None:
    """Whatever comes in a stream, its events keep the order that they promise, and each chunk is whole JSON."""
    reader, writer = CHAT_CODEC.reader(), CHAT_CODEC.writer(Request(stream=True), SHOWN)
    payloads = map(encoded, chunks) if isinstance(chunks, list) else [encoded(chunks)]
    events = [event for data in payloads for event in reader.feed(Frame(data, data))] + reader.finish()

    check_order(events)
    for event in b"".join(map(writer.feed, events)).split(b"\n\n")[:-1]:
        assert event == b"data: [DONE]" or isinstance(json.loads(event.removeprefix(b"data: ")), dict)


def check_order(events: list[Event]) -> None:
    """What the events' module promises: one beginning, parts that begin once and are open while they grow, one end."""
    opened: set[tuple[int, int]] = set()
    begun: set[tuple[int, int]] = set()
    for number, event in enumerate(told(events)):
        kind, part = event["is"], (event.get("choice", 0), event.get("index", 0))
        assert (kind == "Began") == (number == 0) or kind == "Failed"
        if kind == "PartBegan":
            assert part not in begun
            begun.add(part)
            opened.add(part)
        elif kind in ("Delta", "Signed", "Cited", "PartEnded"):
            assert part in opened
            opened -= {part} if kind == "PartEnded" else set()
        elif kind in ("Ended", "Failed"):
            assert number == len(events) - 1
