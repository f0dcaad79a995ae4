"""Gemini's conversations: goldens both ways, and what no input may break.

Goldens with ``canonical`` are written as they were read; the shapes were held against Google's own client library.
"""

import contextlib
import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.conversation import Request
from sluice_dataplane.dialects.events import Event
from sluice_dataplane.dialects.gemini.codec import GEMINI_CODEC
from sluice_dataplane.dialects.gemini.wire import GEMINI
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import Shown, To
from sluice_dataplane.dialects.sse import SseFramer
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask, Route
from support.builders import exchange
from support.conversations import told, value_of

GOLDEN: Final = Path(__file__).parents[4] / "golden" / "gemini"
SHOWN: Final = Shown(id="i", model="m", created_s=1)
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def cases(kind: str) -> list[Any]:
    """The goldens of one kind."""
    files = sorted(GOLDEN.glob(f"{kind}-*.json"))
    assert files
    return [pytest.param(json.loads(file.read_text()), id=file.stem) for file in files]


def read_request(wire: Any) -> Request:
    """What the pipeline makes of a client's body."""
    body = wire if isinstance(wire, bytes) else json.dumps(wire).encode()
    ask = GEMINI.read_ask(msgspec.structs.replace(exchange(body, endpoint="gemini"), route=Route(model="m")))
    return GEMINI_CODEC.read_request(body, ask)


def to(request: Request, *, allowed: bool = False) -> To:
    """A provider that nothing is known of."""
    return To(model="up", losses=Losses(allowed=allowed, names=request.names), usual_ceiling=4_096)


def read_stream(chunks: Iterable[bytes]) -> list[Event]:
    """The events of a stream that came as *chunks*."""
    framer, reader = SseFramer(), GEMINI_CODEC.reader()
    frames = [frame for chunk in chunks for frame in framer.feed(chunk)] + framer.finish()
    return [event for frame in frames for event in reader.feed(frame)] + reader.finish()


def write_stream(events: Iterable[Event]) -> list[str]:
    """What a client gets for *events*."""
    writer = GEMINI_CODEC.writer(Request(), SHOWN)
    return [out.decode() for out in map(writer.feed, events) if out]


@pytest.mark.parametrize("case", cases("request"))
def test_requests_are_read(case: dict[str, Any]) -> None:
    """Each golden's body says what its conversation does."""
    found = told(read_request(case["wire"]))
    found.pop("names")

    assert found == case["conversation"]


@pytest.mark.parametrize("case", cases("request"))
def test_requests_are_written(case: dict[str, Any]) -> None:
    """One that is in Google's own form comes out as it went in; any other can be written too, and read again."""
    request = value_of(case["conversation"])
    body = GEMINI_CODEC.write_request(request, to(request))

    assert not case["canonical"] or json.loads(body) == case["wire"]
    assert read_request(body).turns


@pytest.mark.parametrize("case", cases("answer"))
def test_answers_are_read(case: dict[str, Any]) -> None:
    """Each golden's body says what its conversation does."""
    assert told(GEMINI_CODEC.read_answer(json.dumps(case["wire"]).encode())) == case["conversation"]


@pytest.mark.parametrize("case", cases("answer"))
def test_answers_are_written(case: dict[str, Any]) -> None:
    """As they were read, where they are in Google's own form."""
    body = GEMINI_CODEC.write_answer(value_of(case["conversation"]), Request(), SHOWN)

    assert not case["canonical"] or json.loads(body) == case["wire"]


@pytest.mark.parametrize("case", cases("stream"))
def test_streams_are_read(case: dict[str, Any]) -> None:
    """Each golden's chunks say what its events do."""
    assert told(read_stream(event.encode() for event in case["events"])) == case["conversation"]


@pytest.mark.parametrize("case", cases("stream"))
def test_streams_are_written(case: dict[str, Any]) -> None:
    """Each golden's events give its chunks."""
    assert write_stream(value_of(case["conversation"])) == case["written"]


@pytest.mark.parametrize("case", cases("stream"))
def test_what_is_written_can_be_read_again(case: dict[str, Any]) -> None:
    """And says the same words, the same calls and the same end."""
    again = told(read_stream(event.encode() for event in case["written"]))

    for kind in ("Delta", "ChoiceEnded", "Ended", "Failed"):
        first = [event for event in case["conversation"] if event["is"] == kind]
        assert [event for event in again if event["is"] == kind] == first


@given(st.sampled_from([case.values[0] for case in cases("stream")]), st.lists(st.integers(0, 5_000), max_size=8))
def test_cuts_of_a_stream_do_not_matter(case: Any, places: list[int]) -> None:
    """However the bytes come, the events are the same, and so is what the client gets."""
    stream = "".join(case["events"]).encode()
    ends = sorted({0, len(stream), *(place % len(stream) for place in places)})
    events = read_stream(stream[start:end] for start, end in pairwise(ends))

    assert told(events) == case["conversation"]
    assert write_stream(events) == case["written"]


MEMBERS: Final = (
    *("contents", "parts", "role", "text", "thought", "thoughtSignature", "functionCall", "functionResponse", "args"),
    *("name", "id", "response", "inlineData", "fileData", "mimeType", "data", "fileUri", "generationConfig", "tools"),
    *("functionDeclarations", "parameters", "type", "properties", "toolConfig", "functionCallingConfig", "mode"),
    *("thinkingConfig", "topK", "responseSchema", "candidates", "content", "finishReason", "index", "usageMetadata"),
    *("promptFeedback", "blockReason", "groundingMetadata", "groundingChunks", "groundingSupports", "segment", "web"),
    *("groundingChunkIndices", "logprobsResult", "chosenCandidates", "error", "executableCode", "system_instruction"),
)
SHAPED: Final = st.recursive(
    st.none() | st.integers() | st.floats() | st.sampled_from(["", "x", "user", "model", "STOP", "image/png"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=24,
)


@given(st.binary(max_size=64) | JSON.map(json.dumps).map(str.encode) | SHAPED.map(json.dumps).map(str.encode))
def test_no_input_raises_anything_but_what_is_said(data: bytes) -> None:
    """A client's is an invalid request, a provider's a ValueError; a stream's says nothing."""
    with contextlib.suppress(InvalidRequestError):
        request = read_request(data)
        GEMINI_CODEC.write_request(request, to(request, allowed=True))
    with contextlib.suppress(ValueError):
        GEMINI_CODEC.write_answer(GEMINI_CODEC.read_answer(data), Request(), SHOWN)
    write_stream(read_stream([b"data: " + data.replace(b"\n", b" ") + b"\n\n"]))
    assert isinstance(GEMINI_CODEC.read_error(data), str)


@given(st.lists(SHAPED, max_size=3), st.lists(SHAPED, max_size=3))
def test_whatever_can_be_read_can_be_written(parts: list[Any], chunks: list[Any]) -> None:
    """A request, an answer or a stream of any parts."""
    body = {"contents": [{"parts": parts}, {"role": "model", "parts": parts}]}
    with contextlib.suppress(InvalidRequestError):
        request = read_request(body)
        json.loads(GEMINI_CODEC.write_request(request, to(request, allowed=True)))
    answer = {"candidates": [{"content": {"parts": parts}}]}
    with contextlib.suppress(ValueError):
        found = GEMINI_CODEC.read_answer(json.dumps(answer).encode())
        json.loads(GEMINI_CODEC.write_answer(found, Request(), SHOWN))
    events = read_stream(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in [answer, *chunks])
    assert all(json.loads(out.removeprefix("data: ")) for out in write_stream(events))


@pytest.mark.parametrize("body", [b'{"a":' * 100_000, b"[" * 100_000, b'{"contents":[{"parts":[{"text":"\xff"}]}]}'])
def test_depth_and_bad_text_are_invalid(body: bytes) -> None:
    """Neither breaks the gateway."""
    with pytest.raises(InvalidRequestError):
        GEMINI_CODEC.read_request(body, Ask(model="m"))
    with pytest.raises(ValueError):
        GEMINI_CODEC.read_answer(body)


def test_an_error_says_what_it_says() -> None:
    """For people."""
    assert GEMINI_CODEC.read_error(b'[{"error":{"message":"Quota."}}]') == "Quota."
    assert GEMINI_CODEC.read_error(b"<html>") == ""
