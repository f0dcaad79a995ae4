"""Chat completions, read and written, against goldens and whatever a stream's cut or a fuzzer makes of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_contract.quirks import NEW_CEILING
from sluice_dataplane.dialects.chat.codec import CHAT_CODEC
from sluice_dataplane.dialects.conversation import Request
from sluice_dataplane.dialects.events import Event
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.openai.fields import read_ask
from sluice_dataplane.dialects.seam import Shown, To
from sluice_dataplane.dialects.sse import SseFramer
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask
from support.conversations import told, value_of

GOLDEN = Path(__file__).parents[4] / "golden" / "chat"
SHOWN = Shown(id="0a1b", model="public", created_s=1_790_000_000)
STREAMING = Request(stream=True)


def cases(kind: str) -> list[Any]:
    """The goldens of *kind*, by name."""
    return [pytest.param(json.loads(path.read_bytes()), id=path.stem) for path in sorted(GOLDEN.glob(f"{kind}-*.json"))]


def events_of(chunks: list[bytes]) -> list[Event]:
    """What a reader says of a stream that comes as *chunks*."""
    framer, reader = SseFramer(), CHAT_CODEC.reader()
    frames = [frame for chunk in chunks for frame in framer.feed(chunk)]
    events = [event for frame in [*frames, *framer.finish()] for event in reader.feed(frame)]
    return events + reader.finish()


def written(events: list[Event]) -> bytes:
    """What a writer makes of *events*."""
    writer = CHAT_CODEC.writer(STREAMING, SHOWN)
    return b"".join(map(writer.feed, events))


@pytest.mark.parametrize("case", cases("request"))
def test_reads_request(case: dict[str, Any]) -> None:
    """A client's body is read as the conversation that it is."""
    body = json.dumps(case["wire"]).encode()

    assert told(CHAT_CODEC.read_request(body, read_ask(body))) == case["conversation"]


@pytest.mark.parametrize("case", cases("request"))
def test_writes_request(case: dict[str, Any]) -> None:
    """A conversation is written as the body that says it in the most common way."""
    request = value_of(case["conversation"])
    expected = case.get("written", case["wire"])
    quirks = (NEW_CEILING,) if "max_completion_tokens" in expected else ()
    to = To(model=expected["model"], losses=Losses(allowed=False), usual_ceiling=1, quirks=quirks)

    assert json.loads(CHAT_CODEC.write_request(request, to)) == expected


@pytest.mark.parametrize("case", cases("answer"))
def test_reads_answer(case: dict[str, Any]) -> None:
    """A provider's answer is read as what it says, however it is spelt."""
    assert told(CHAT_CODEC.read_answer(json.dumps(case["wire"]).encode())) == case["conversation"]


@pytest.mark.parametrize("case", cases("answer"))
def test_writes_answer(case: dict[str, Any]) -> None:
    """An answer is written as OpenAI would, under the gateway's id."""
    answer = value_of(case["conversation"])
    expected = {**case.get("written", case["wire"]), "id": "chatcmpl-0a1b"}

    assert json.loads(CHAT_CODEC.write_answer(answer, Request(), SHOWN)) == expected


@pytest.mark.parametrize("case", cases("stream"))
def test_reads_stream(case: dict[str, Any]) -> None:
    """A provider's stream is read as what happens in it, in order."""
    assert told(events_of([event.encode() for event in case["events"]])) == case["conversation"]


@pytest.mark.parametrize("case", cases("stream"))
def test_writes_stream(case: dict[str, Any]) -> None:
    """What happens in a stream is written as chunks, with usage for who asked for it."""
    assert written(list(value_of(case["conversation"]))).decode() == "".join(case["written"])


@pytest.mark.parametrize("case", cases("stream"))
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_cut_makes_no_difference(case: dict[str, Any], data: st.DataObject) -> None:
    """However a stream is cut into chunks, its events and the client's bytes are the same."""
    stream = "".join(case["events"]).encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=12)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    events = events_of(chunks)

    assert told(events) == case["conversation"]
    assert written(events).decode() == "".join(case["written"])


def test_depth_is_no_crash() -> None:
    """JSON that is nested without end is refused like any other that is wrong."""
    deep = b'{"messages":' + b"[" * 100_000

    with pytest.raises(InvalidRequestError):
        CHAT_CODEC.read_request(deep, Ask(model="m"))
    with pytest.raises(ValueError):
        CHAT_CODEC.read_answer(b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    assert CHAT_CODEC.read_error(b"[" * 100_000 + b"]" * 100_000) == ""
