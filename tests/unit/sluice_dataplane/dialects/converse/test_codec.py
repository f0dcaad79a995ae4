"""Converse: goldens, whole: what is written for Bedrock, and what its answers and streams say."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import (
    Cache,
    Document,
    Format,
    Image,
    Reasoning,
    Refusal,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from sluice_dataplane.dialects.converse.codec import CONVERSE_CODEC
from sluice_dataplane.dialects.converse.wire import CONVERSE
from sluice_dataplane.dialects.event_stream import encode
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.errors import InvalidRequestError
from support.conversations import told, value_of

GOLDEN: Final = Path(__file__).parents[4] / "golden" / "converse"


def _cases(kind: str) -> list[Any]:
    files = sorted(GOLDEN.glob(f"{kind}-*.json"))
    assert files
    return [pytest.param(json.loads(file.read_text()), id=file.stem) for file in files]


def _to(model: str, *, allowed: bool = False, capabilities: Any = None, ceiling: int | None = None) -> To:
    return To(
        model=model,
        losses=Losses(allowed=allowed),
        usual_ceiling=4096,
        ceiling=ceiling,
        capabilities=msgspec.convert(capabilities or {}, Capabilities),
    )


def _framed(event: str, data: object) -> bytes:
    kind, _, name = event.partition(":")
    headers = {":exception-type": name, ":message-type": "exception"}
    if not name:
        headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return encode(headers, msgspec.json.encode(data))


def _read(chunks: list[bytes]) -> list[Any]:
    framer, reader = CONVERSE.framer(), CONVERSE_CODEC.reader()
    events = [event for chunk in chunks for frame in framer.feed(chunk) for event in reader.feed(frame)]
    events += [event for frame in framer.finish() for event in reader.feed(frame)]
    return [told(event) for event in [*events, *reader.finish()]]


@pytest.mark.parametrize("case", _cases("request"))
def test_requests_are_written_as_bedrock_takes_them(case: dict[str, Any]) -> None:
    """Each golden's conversation gives its body; all bodies were held against the service's own model."""
    body = CONVERSE_CODEC.write_request(value_of(case["conversation"]), _to(**case["to"]))

    assert json.loads(body) == case["wire"]


@pytest.mark.parametrize("case", _cases("answer"))
def test_answers_are_read(case: dict[str, Any]) -> None:
    """Each golden's body says what its conversation does."""
    assert told(CONVERSE_CODEC.read_answer(msgspec.json.encode(case["wire"]))) == case["conversation"]


@pytest.mark.parametrize("case", _cases("stream"))
def test_streams_are_read(case: dict[str, Any]) -> None:
    """Each golden's frames say what its events do."""
    assert _read([_framed(*event) for event in case["events"]]) == case["conversation"]


@given(st.sampled_from([case.values[0] for case in _cases("stream")]), st.lists(st.integers(0, 2000), max_size=8))
def test_cuts_of_a_stream_do_not_matter(case: dict[str, Any], places: list[int]) -> None:
    """However the bytes come, the events are the same."""
    stream = b"".join(_framed(*event) for event in case["events"])
    ends = sorted({0, len(stream), *(place % len(stream) for place in places)})

    assert _read([stream[start:end] for start, end in pairwise(ends)]) == case["conversation"]


_TEXTS = st.text(max_size=12)
_CACHES = st.none() | st.builds(Cache, ttl=st.sampled_from(["", "5m", "1h", "2d"]))
_MEDIA = st.one_of(
    st.builds(Text, text=_TEXTS, cache=_CACHES),
    st.builds(Image, data=st.sampled_from(["", "AA=="]), media_type=st.sampled_from(["image/png", "x"]), url=_TEXTS),
    st.builds(
        Document, text=_TEXTS, title=_TEXTS, data=st.sampled_from(["", "AA=="]), media_type=_TEXTS, cache=_CACHES
    ),
)
_PARTS = st.one_of(
    _MEDIA,
    st.builds(Refusal, text=_TEXTS),
    st.builds(Thinking, text=_TEXTS, signature=_TEXTS, redacted=_TEXTS, origin=st.sampled_from(["converse", "gemini"])),
    st.builds(ToolCall, id=_TEXTS, name=_TEXTS, arguments=_TEXTS, free=st.booleans(), cache=_CACHES),
    st.builds(ToolResult, call_id=_TEXTS, parts=st.lists(_MEDIA, max_size=2).map(tuple), is_error=st.booleans()),
)
_TURNS = st.builds(
    Turn,
    role=st.sampled_from(["system", "developer", "user", "assistant"]),
    parts=st.lists(_PARTS, max_size=3).map(tuple),
)
_REQUESTS = st.builds(
    Request,
    turns=st.lists(_TURNS, max_size=4).map(tuple),
    tools=st.lists(st.builds(Tool, name=_TEXTS, free=st.booleans(), cache=_CACHES), max_size=2).map(tuple),
    tool_choice=st.none()
    | st.builds(
        ToolChoice,
        mode=st.sampled_from(["auto", "any", "none", "tool"]),
        name=_TEXTS,
        parallel=st.sampled_from([None, True, False]),
    ),
    format=st.none() | st.builds(Format, kind=st.sampled_from(["object", "schema"])),
    reasoning=st.none() | st.builds(Reasoning, budget=st.none() | st.integers(1, 99999)),
    ceiling=st.none() | st.integers(1, 10**6),
    temperature=st.none() | st.floats(0, 2),
    top_k=st.none() | st.integers(0, 500),
    service_tier=_TEXTS,
    metadata=st.dictionaries(_TEXTS, _TEXTS, max_size=20),
)


@given(_REQUESTS, st.sampled_from(["anthropic.claude-x", "amazon.nova-x", "other"]), st.booleans())
def test_any_request_is_written_or_refused(request: Request, model: str, allowed: bool) -> None:
    """Whatever is asked gives JSON, or an error that names a field; nothing else."""
    try:
        body = json.loads(CONVERSE_CODEC.write_request(request, _to(model, allowed=allowed)))
    except InvalidRequestError as error:
        refused: InvalidRequestError | None = error
        body = {"messages": []}
    else:
        refused = None

    assert refused is None or refused.param
    roles = [message["role"] for message in body["messages"]]
    assert roles == [("user", "assistant")[number % 2] for number in range(len(roles))]
    assert all(message["content"] for message in body["messages"])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["output", "message", "content", "text", "usage", "toolUse", "delta", "start", "stopReason"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
_EVENTS = st.sampled_from(
    [
        "messageStart",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
        "exception:x",
        "new",
    ]
)


@given(st.binary(max_size=50) | _JSON.map(msgspec.json.encode))
def test_any_body_is_an_answer_or_a_value_error(body: bytes) -> None:
    """What a provider sends may be anything: it is read, or it is a ValueError; an error's words are always text."""
    assert isinstance(CONVERSE_CODEC.read_error(body), str)
    for read in (CONVERSE_CODEC.read_answer, CONVERSE.read_usage):
        try:
            read(body)
        except ValueError:
            continue


@given(st.lists(st.tuples(_EVENTS, _JSON), max_size=12))
def test_any_stream_keeps_the_rules_of_events(stream: list[tuple[str, object]]) -> None:
    """Whatever comes: one beginning, first; parts numbered in order and closed; nothing after an end."""
    events = _read([_framed(*event) for event in stream])

    kinds = [event["is"] for event in events]
    assert kinds[:1] in ([], ["Began"], ["Failed"])
    assert kinds.count("Began") <= 1
    begun = [event["index"] for event in events if event["is"] == "PartBegan"]
    assert begun == list(range(len(begun)))
    assert not ({"Ended", "Failed"} & set(kinds[:-1]))
    if "Failed" not in kinds:
        assert kinds.count("PartBegan") == kinds.count("PartEnded")
