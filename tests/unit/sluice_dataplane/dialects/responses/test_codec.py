"""The Responses API's conversations, read and written: the goldens, and what holds for anything."""

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import Request
from sluice_dataplane.dialects.events import Event
from sluice_dataplane.dialects.frames import FramingError
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.responses.codec import RESPONSES_CODEC
from sluice_dataplane.dialects.responses.fields import read_ask
from sluice_dataplane.dialects.seam import Shown, To
from sluice_dataplane.dialects.sse import SseFramer
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask
from support.conversations import told, value_of

GOLDEN = Path(__file__).parents[4] / "golden" / "responses"
SHOWN = Shown(id="0123abcd", model="gpt-x", created_s=1_790_000_000)
ASKED = json.dumps(
    {
        "model": "gpt-x",
        "input": "a",
        "instructions": "I",
        "max_output_tokens": 9,
        "metadata": {"k": "v"},
        "parallel_tool_calls": False,
        "reasoning": {"effort": "low"},
        "temperature": 0.1,
        "text": {"verbosity": "low"},
        "tool_choice": "required",
        "tools": [
            {
                "type": "function",
                "name": "f",
                "parameters": {"type": "object", "properties": {"a": {"type": "string"}}},
                "strict": True,
            },
            {"type": "custom", "name": "p"},
            {"type": "namespace", "name": "ns", "description": "d", "tools": [{"type": "function", "name": "g"}]},
        ],
        "top_p": 0.5,
        "truncation": "disabled",
        "user": "ann",
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "store": True,
        "stream": True,
    },
    indent=1,
).encode()


def goldens(kind: str) -> list[Any]:
    """The goldens whose name begins with *kind*."""
    return [pytest.param(json.loads(path.read_text()), id=path.stem) for path in sorted(GOLDEN.glob(f"{kind}-*.json"))]


def to_of(request: Request, said: dict[str, Any]) -> To:
    """Whom *request* is for, as a golden says it."""
    fields = dict(said)
    return To(
        model="gpt-x",
        usual_ceiling=4_096,
        losses=Losses(allowed=fields.pop("allowed", False), names=request.names),
        capabilities=Capabilities(**fields.pop("capabilities", {})),
        **fields,
    )


def asked_of(golden: dict[str, Any]) -> Request:
    """The request that an answer is given to: one with all there is to repeat, or one with nothing."""
    return RESPONSES_CODEC.read_request(ASKED, read_ask(ASKED)) if golden.get("asked") else Request()


def read(raw: bytes, cuts: tuple[int, ...] = ()) -> list[Event]:
    """The events of a stream that comes in pieces."""
    framer, reader = SseFramer(), RESPONSES_CODEC.reader()
    events: list[Event] = []
    ends = sorted({min(cut, len(raw)) for cut in cuts} | {len(raw)})
    for start, end in zip([0, *ends], ends, strict=False):
        for frame in framer.feed(raw[start:end]):
            events += reader.feed(frame)
    for frame in framer.finish():
        events += reader.feed(frame)
    return events + reader.finish()


def written(events: list[Event], request: Request | None = None) -> bytes:
    """The stream of *events*."""
    writer = RESPONSES_CODEC.writer(request or Request(), SHOWN)
    return b"".join([writer.feed(event) for event in events])


def check_sent(request: Request, golden: dict[str, Any]) -> None:
    """*request*, written, is what the golden says."""
    to = to_of(request, golden.get("to", {}))
    if "refused" in golden:
        with pytest.raises(InvalidRequestError) as refused:
            RESPONSES_CODEC.write_request(request, to)
        assert str(refused.value) == golden["refused"]
    else:
        sent = golden.get("sent", golden.get("wire"))
        assert json.loads(RESPONSES_CODEC.write_request(request, to)) == sent
        assert to.losses.dropped == golden.get("dropped", [])


@pytest.mark.parametrize("golden", goldens("request"))
def test_a_request_says_what_it_says(golden: dict[str, Any]) -> None:
    """Read, it is the conversation of the golden; written again, what a provider of the same wire gets."""
    raw = json.dumps(golden["wire"]).encode()
    if "unreadable" in golden:
        with pytest.raises(InvalidRequestError) as refused:
            RESPONSES_CODEC.read_request(raw, read_ask(raw))
        assert str(refused.value) == golden["unreadable"]
        return
    request = RESPONSES_CODEC.read_request(raw, read_ask(raw))

    assert told(request) == golden["conversation"]
    check_sent(request, golden)


@pytest.mark.parametrize("golden", goldens("foreign-request"))
def test_a_request_of_another_wire_is_put_in_this_one_s_words(golden: dict[str, Any]) -> None:
    """What is lost is named as the client names it."""
    check_sent(value_of(golden["conversation"]), golden)


@pytest.mark.parametrize("golden", goldens("answer"))
def test_an_answer_says_what_it_says(golden: dict[str, Any]) -> None:
    """Both ways; what only this wire has is left out of the conversation."""
    raw = json.dumps(golden["wire"]).encode()
    if "unreadable" in golden:
        with pytest.raises(ValueError):
            RESPONSES_CODEC.read_answer(raw)
        return
    answer = RESPONSES_CODEC.read_answer(raw)

    assert told(answer) == golden["conversation"]
    assert json.loads(RESPONSES_CODEC.write_answer(answer, Request(), SHOWN)) == golden["written"]


@pytest.mark.parametrize("golden", goldens("foreign-answer"))
def test_an_answer_of_another_wire_is_put_in_this_one_s_words(golden: dict[str, Any]) -> None:
    """Ids, thoughts, usage and what is repeated of the request included."""
    answer = value_of(golden["conversation"])

    assert json.loads(RESPONSES_CODEC.write_answer(answer, asked_of(golden), SHOWN)) == golden["written"]


@pytest.mark.parametrize("golden", goldens("stream"))
def test_a_stream_says_what_it_says(golden: dict[str, Any]) -> None:
    """Both ways; what the provider left out is taken from what it said later."""
    events = read("".join(golden["events"]).encode())

    assert told(events) == golden["conversation"]
    assert written(events).decode() == "".join(golden["written"])


@pytest.mark.parametrize("golden", goldens("foreign-stream"))
def test_a_stream_of_another_wire_is_put_in_this_one_s_words(golden: dict[str, Any]) -> None:
    """Every event of the grammar, in order and numbered."""
    events = list(value_of(golden["conversation"]))

    assert written(events, asked_of(golden)).decode() == "".join(golden["written"])


def _stream(path: Path) -> bytes:
    return "".join(json.loads(path.read_text())["events"]).encode()


STREAMS = [_stream(path) for path in sorted(GOLDEN.glob("stream-*.json"))]
BODIES = [json.loads(path.read_text())["wire"] for path in sorted(GOLDEN.glob("[ar]*.json"))]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "text", "message", "function_call", "custom", "data:;base64,", "{}", "\ud800", "reasoning"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "name", "id", "tools", "url"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(stream=st.sampled_from(STREAMS), cuts=st.lists(st.integers(0, 6_000), max_size=40).map(tuple))
def test_how_a_stream_is_cut_makes_no_difference(stream: bytes, cuts: tuple[int, ...]) -> None:
    """Neither to the events nor to the bytes."""
    whole = read(stream)

    assert read(stream, cuts) == whole
    assert written(read(stream, cuts)) == written(whole)


def spoil(draw: st.DrawFn, node: Any) -> Any:
    """*node* with something else in one place."""
    if not isinstance(node, dict | list) or not node or draw(st.integers(0, 5)) == 0:
        return draw(JSON)
    key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
    if draw(st.integers(0, 9)) == 0:
        del node[key]
    else:
        node[key] = spoil(draw, node[key])
    return node


@st.composite
def spoilt_body(draw: st.DrawFn) -> bytes:
    """A golden body with something else in a few places."""
    body = copy.deepcopy(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(1, 3))):
        body = spoil(draw, body)
    return json.dumps(body).encode()


@st.composite
def spoilt_stream(draw: st.DrawFn) -> bytes:
    """A golden stream whose events are changed, swapped, doubled or left out."""
    lines = draw(st.sampled_from(STREAMS)).split(b"\n\n")
    events = []
    for _ in range(draw(st.integers(1, len(lines) + 3))):
        line = draw(st.sampled_from(lines))
        start, _, data = line.partition(b"data: ")
        if data.startswith(b"{") and draw(st.booleans()):
            line = start + b"data: " + json.dumps(spoil(draw, json.loads(data))).encode()
        events.append(line + b"\n\n")
    return b"".join(events)


@settings(max_examples=400, deadline=None)
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | spoilt_body())
def test_whatever_comes_only_the_named_errors_are_raised(body: bytes) -> None:
    """A client's body and a provider's; what can be read can be written."""
    with contextlib.suppress(InvalidRequestError):
        request = RESPONSES_CODEC.read_request(body, Ask("m"))
        json.loads(RESPONSES_CODEC.write_request(request, to_of(request, {"allowed": True})))
        stream = written(read(STREAMS[-1]), request)
        assert all(json.loads(each.partition(b"data: ")[2]) for each in stream.split(b"\n\n")[:-1])
    with contextlib.suppress(ValueError):
        answer = RESPONSES_CODEC.read_answer(body)
        json.loads(RESPONSES_CODEC.write_answer(answer, Request(), SHOWN))
    RESPONSES_CODEC.read_error(body)


@settings(max_examples=400, deadline=None)
@given(spoilt_stream(), st.binary(max_size=20))
def test_whatever_streams_only_the_named_error_is_raised(stream: bytes, noise: bytes) -> None:
    """Events of any form and in any order can be read, and what is read can be written."""
    with contextlib.suppress(FramingError):
        written(read(stream + noise))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"input":' + b"[" * 100_000, b'{"output":' + b"{" * 9])
def test_what_is_nested_too_deep_is_refused(body: bytes) -> None:
    """By an error of ours."""
    with pytest.raises(InvalidRequestError):
        RESPONSES_CODEC.read_request(body, Ask("m"))
    with pytest.raises(ValueError):
        RESPONSES_CODEC.read_answer(body)
    assert RESPONSES_CODEC.read_error(body) == ""
