"""Anthropic's conversations, read and written: the goldens, and what holds for anything."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import Answer, Choice, Request
from sluice_dataplane.dialects.events import Event
from sluice_dataplane.dialects.frames import FramingError
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.messages.codec import MESSAGES_CODEC
from sluice_dataplane.dialects.messages.fields import read_ask
from sluice_dataplane.dialects.seam import Shown, To
from sluice_dataplane.dialects.sse import SseFramer
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask
from support.conversations import told, value_of

GOLDEN = Path(__file__).parents[4] / "golden" / "messages"
SHOWN = Shown(id="0123abcd", model="claude", created_s=1)


def goldens(kind: str) -> list[Any]:
    """The goldens whose name begins with *kind*."""
    return [pytest.param(json.loads(path.read_text()), id=path.stem) for path in sorted(GOLDEN.glob(f"{kind}-*.json"))]


def to_of(request: Request, said: dict[str, Any], model: str = "claude") -> To:
    """Whom *request* is for, as a golden says it."""
    fields = dict(said)
    return To(
        model=model,
        usual_ceiling=4_096,
        losses=Losses(allowed=fields.pop("allowed", False), names=request.names),
        capabilities=Capabilities(**fields.pop("capabilities", {})),
        quirks=tuple(fields.pop("quirks", ())),
        **fields,
    )


def read(raw: bytes, cuts: tuple[int, ...] = ()) -> list[Event]:
    """The events of a stream that comes in pieces."""
    framer, reader = SseFramer(), MESSAGES_CODEC.reader()
    events: list[Event] = []
    ends = sorted({min(cut, len(raw)) for cut in cuts} | {len(raw)})
    for start, end in zip([0, *ends], ends, strict=False):
        for frame in framer.feed(raw[start:end]):
            events += reader.feed(frame)
    for frame in framer.finish():
        events += reader.feed(frame)
    return events + reader.finish()


def written(events: list[Event]) -> bytes:
    """The stream of *events*."""
    writer = MESSAGES_CODEC.writer(Request(), SHOWN)
    return b"".join([writer.feed(event) for event in events])


@pytest.mark.parametrize("golden", goldens("request"))
def test_a_request_says_what_it_says(golden: dict[str, Any]) -> None:
    """Read, it is the conversation of the golden; written again, what a provider of the same wire gets."""
    raw = json.dumps(golden["wire"]).encode()
    request = MESSAGES_CODEC.read_request(raw, read_ask(raw))
    to = to_of(request, golden.get("to", {}))

    assert told(request) == golden["conversation"]
    if "refused" in golden:
        with pytest.raises(InvalidRequestError, match=golden["refused"][:20].replace("[", r"\[")):
            MESSAGES_CODEC.write_request(request, to)
    else:
        assert json.loads(MESSAGES_CODEC.write_request(request, to)) == golden.get("sent", golden["wire"])


@pytest.mark.parametrize("golden", goldens("foreign-request"))
def test_a_request_of_another_wire_is_put_in_this_one_s_words(golden: dict[str, Any]) -> None:
    """What is lost is named."""
    request = value_of(golden["conversation"])
    to = to_of(request, golden["to"])

    assert json.loads(MESSAGES_CODEC.write_request(request, to)) == golden["sent"]
    assert to.losses.dropped == golden.get("dropped", [])


@pytest.mark.parametrize("golden", goldens("answer"))
def test_an_answer_says_what_it_says(golden: dict[str, Any]) -> None:
    """Both ways; what only this wire has is left out of the conversation."""
    answer = MESSAGES_CODEC.read_answer(json.dumps(golden["wire"]).encode())
    again = json.loads(MESSAGES_CODEC.write_answer(answer, Request(), SHOWN))

    assert told(answer) == golden["conversation"]
    assert again == golden.get("written", golden["wire"])


@pytest.mark.parametrize("golden", goldens("foreign-answer"))
def test_an_answer_of_another_wire_is_put_in_this_one_s_words(golden: dict[str, Any]) -> None:
    """Ids, thoughts and usage included."""
    answer = value_of(golden["conversation"])

    assert json.loads(MESSAGES_CODEC.write_answer(answer, Request(), SHOWN)) == golden["written"]


@pytest.mark.parametrize("golden", goldens("stream"))
def test_a_stream_says_what_it_says(golden: dict[str, Any]) -> None:
    """Both ways; pings, comments and events of next year say nothing."""
    events = read("".join(golden["events"]).encode())

    assert [told(event) for event in events] == golden["conversation"]
    assert written(events).decode() == "".join(golden.get("written", golden["events"]))


@pytest.mark.parametrize("golden", goldens("foreign-stream"))
def test_a_stream_of_another_wire_is_put_in_this_one_s_words(golden: dict[str, Any]) -> None:
    """One block after the other, each numbered."""
    assert written([value_of(event) for event in golden["conversation"]]).decode() == "".join(golden["written"])


def _whole(path: Path) -> bytes:
    return "".join(json.loads(path.read_text())["events"]).encode()


STREAMS = [_whole(path) for path in sorted(GOLDEN.glob("stream-*.json"))]


@given(stream=st.sampled_from(STREAMS), cuts=st.lists(st.integers(0, 4_000), max_size=40).map(tuple))
def test_how_a_stream_is_cut_makes_no_difference(stream: bytes, cuts: tuple[int, ...]) -> None:
    """Neither to the events nor to the bytes."""
    whole = read(stream)

    assert read(stream, cuts) == whole
    assert written(read(stream, cuts)) == written(whole)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
BODIES = [json.loads(path.read_text())["wire"] for path in sorted(GOLDEN.glob("[ar]*.json"))]


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A golden body with something else in one place."""
    body = json.loads(json.dumps(draw(st.sampled_from(BODIES))))
    place: Any = body
    for _ in range(draw(st.integers(0, 6))):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or draw(st.booleans()):
            place[key] = draw(JSON)
            break
        place = place[key]
    return json.dumps(body).encode()


@settings(max_examples=400)
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | spoilt())
def test_whatever_comes_only_the_named_errors_are_raised(body: bytes) -> None:
    """A client's body and a provider's; what can be read can be written."""
    with contextlib.suppress(InvalidRequestError):
        request = MESSAGES_CODEC.read_request(body, Ask("m"))
        MESSAGES_CODEC.write_request(request, to_of(request, {"allowed": True}))
    with contextlib.suppress(ValueError):
        answer = MESSAGES_CODEC.read_answer(body)
        json.loads(MESSAGES_CODEC.write_answer(answer, Request(), SHOWN))
    MESSAGES_CODEC.read_error(body)


@given(st.lists(JSON | st.sampled_from(STREAMS), max_size=5), st.binary(max_size=40))
def test_whatever_streams_only_the_named_error_is_raised(pieces: list[Any], noise: bytes) -> None:
    """Events of any form, with noise between them."""
    raw = noise.join([p if isinstance(p, bytes) else b"data: " + json.dumps(p).encode() + b"\n\n" for p in pieces])
    with contextlib.suppress(FramingError):
        written(read(raw))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"messages":' + b"[" * 100_000, b'{"content":' + b"{" * 9])
def test_what_is_nested_too_deep_is_refused(body: bytes) -> None:
    """By an error of ours."""
    with pytest.raises(InvalidRequestError):
        MESSAGES_CODEC.read_request(body, Ask("m"))
    with pytest.raises(ValueError):
        MESSAGES_CODEC.read_answer(body)


def test_deep_arguments_pass_unread() -> None:
    """A call's arguments are text to us, however deep."""
    deep = "[" * 400 + "]" * 400
    block = f'{{"type":"tool_use","id":"t","name":"n","input":{{"a":{deep}}}}}'
    body = f'{{"messages":[{{"role":"assistant","content":[{block}]}}]}}'.encode()
    request = MESSAGES_CODEC.read_request(body, Ask("m"))

    assert deep.encode() in MESSAGES_CODEC.write_request(request, to_of(request, {}))


def test_an_answer_without_content_is_none() -> None:
    """Nor is an error, whatever its status."""
    for body in (b"{}", b'{"type":"error","error":{}}', b'{"type":"completion","content":[]}'):
        with pytest.raises(ValueError):
            MESSAGES_CODEC.read_answer(body)


def test_an_answer_of_nothing_is_an_answer() -> None:
    """Content may be empty."""
    assert MESSAGES_CODEC.read_answer(b'{"content":[]}') == Answer(id="", model="", choices=(Choice(parts=()),))


def test_the_words_of_an_error_are_read() -> None:
    """For a client of another wire."""
    assert MESSAGES_CODEC.read_error(b'{"type":"error","error":{"type":"x","message":"Too long."}}') == "Too long."
