"""Anthropic's wire: events as a client's stream, whatever order they come in."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.conversation import (
    Answer,
    Choice,
    Citation,
    Reasoning,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
)
from sluice_dataplane.dialects.events import (
    Began,
    ChoiceEnded,
    Cited,
    Delta,
    Ended,
    Event,
    Failed,
    PartBegan,
    PartEnded,
    Signed,
)
from sluice_dataplane.dialects.frames import FramingError
from sluice_dataplane.dialects.messages import writer as writing
from sluice_dataplane.dialects.messages.answers_out import write_answer
from sluice_dataplane.dialects.messages.writer import Writer
from sluice_dataplane.dialects.seam import Shown

SHOWN = Shown(id="0123abcd", model="claude", created_s=1)
PARTS: list[Any] = [
    Text(text=""),
    Refusal(text=""),
    Thinking(origin="messages"),
    Thinking(origin="chat"),
    ToolCall(id="t", name="n"),
    ToolCall(id="", name="n", free=True),
]


def events_of(raw: bytes) -> list[Any]:
    """What a client decodes; each event has its name before it, as the SDKs want it."""
    found = []
    for event in raw.decode().removesuffix("\n\n").split("\n\n"):
        name, data = event.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def written(*events: Event) -> list[Any]:
    """What a client gets of *events*."""
    writer = Writer(Request(), SHOWN)
    return events_of(b"".join([writer.feed(event) for event in events]))


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[Any], list[Event], list[str]]:
    """Parts, the events that tell of them in any order a stream may have, and the words of each."""
    parts = draw(st.lists(st.sampled_from(PARTS), max_size=4))
    words = [draw(st.lists(st.text(max_size=4), max_size=3)) for _ in parts]
    queues: list[list[Event]] = [
        [*[Delta(index=index, text=text) for text in said], PartEnded(index=index)] for index, said in enumerate(words)
    ]
    events: list[Event] = []
    begun = 0
    while begun < len(parts) or any(queues):
        able = [index for index in range(begun) if queues[index]]
        if begun < len(parts) and (not able or draw(st.booleans())):
            events.append(PartBegan(index=begun, part=parts[begun]))
            begun += 1
        else:
            events.append(queues[draw(st.sampled_from(able))].pop(0))
    return parts, events, ["".join(said) for said in words]


@given(interleaved())
def test_one_block_comes_after_the_other_with_all_its_words(case: tuple[list[Any], list[Event], list[str]]) -> None:
    """However the provider mixes them: the SDKs take blocks in order, and none may lose a word."""
    parts, events, words = case
    found = written(Began(id="msg_1"), *events, ChoiceEnded(finish="stop"), Ended(usage=TokenUsage(input=1)))

    kinds = [event["type"] for event in found]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    number = -1
    said = [""] * len(parts)
    is_open = False
    for event in found[1:-2]:
        if event["type"] == "content_block_start":
            assert not is_open
            number, is_open = number + 1, True
        else:
            assert is_open
            is_open = event["type"] != "content_block_stop"
            delta = event.get("delta", {})
            said[number] += delta.get("text", "") + delta.get("thinking", "") + delta.get("partial_json", "")
        assert event["index"] == number
    assert not is_open
    free = [isinstance(part, ToolCall) and part.free for part in parts]
    assert [json.loads(got)["input"] if text else got for got, text in zip(said, free, strict=True)] == words


def test_words_go_out_as_they_come() -> None:
    """A part that is the first open one does not wait for its end."""
    writer = Writer(Request(), SHOWN)
    writer.feed(Began())
    writer.feed(PartBegan(index=0, part=Text(text="")))

    assert events_of(writer.feed(Delta(index=0, text="now")))[0]["delta"] == {"type": "text_delta", "text": "now"}


def test_a_part_that_waited_goes_out_as_soon_as_it_may() -> None:
    """What came of it so far, and the rest as it comes."""
    writer = Writer(Request(), SHOWN)
    for event in (PartBegan(index=0, part=Text(text="")), PartBegan(index=1, part=ToolCall(id="t", name="n"))):
        writer.feed(event)
    waiting = writer.feed(Delta(index=1, text="{"))
    freed = events_of(writer.feed(PartEnded(index=0)))

    assert waiting == b""
    assert [event["type"] for event in freed] == ["content_block_stop", "content_block_start", "content_block_delta"]
    assert events_of(writer.feed(Delta(index=1, text="}")))[0]["delta"]["partial_json"] == "}"


def test_what_waits_has_a_limit() -> None:
    """A provider that never ends a part must not fill our memory."""
    writer = Writer(Request(), SHOWN)
    writer.feed(PartBegan(index=0, part=Text(text="")))
    writer.feed(PartBegan(index=1, part=Text(text="")))
    text = "x" * (writing.MAX_WAITING_BYTES // 4 + 1)
    for _ in range(3):
        writer.feed(Delta(index=1, text=text))

    with pytest.raises(FramingError):
        writer.feed(Delta(index=1, text=text))


def test_whatever_waits_counts() -> None:
    """Parts that only begin, and what their words rest on: a quote may be as long as a text."""
    half = "x" * (writing.MAX_WAITING_BYTES // 2)
    waiting: list[list[Event]] = [
        [PartBegan(index=number, part=Thinking(redacted=half, origin="chat")) for number in (1, 2)],
        [PartBegan(index=1, part=Text(text="")), *[Cited(index=1, citation=Citation(quote=half))] * 2],
    ]
    for events in waiting:
        writer = Writer(Request(), SHOWN)
        writer.feed(PartBegan(index=0, part=Text(text="")))
        for event in events[:-1]:
            writer.feed(event)
        with pytest.raises(FramingError):
            writer.feed(events[-1])


def test_the_limit_is_of_what_waits_now() -> None:
    """What has gone out counts no more."""
    writer = Writer(Request(), SHOWN)
    text = "x" * (writing.MAX_WAITING_BYTES // 2)
    for first in range(0, 8, 2):
        writer.feed(PartBegan(index=first, part=Text(text="")))
        writer.feed(PartBegan(index=first + 1, part=Text(text="")))
        writer.feed(Delta(index=first + 1, text=text))
        writer.feed(PartEnded(index=first))
        writer.feed(PartEnded(index=first + 1))


def test_parts_that_nobody_ended_end() -> None:
    """Before the message does."""
    kinds = [
        event["type"]
        for event in written(PartBegan(index=0, part=Text(text="a")), PartBegan(index=1, part=Text(text="b")), Ended())
    ]

    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 2


def test_input_told_at_the_beginning_is_told_at_the_end() -> None:
    """Where the provider says no more of it."""
    found = written(Began(usage=TokenUsage(input=7)), Ended())

    assert found[0]["message"]["usage"]["input_tokens"] == found[-2]["usage"]["input_tokens"] == 7


def test_a_failure_is_an_error_and_no_end() -> None:
    """With a type that the SDKs know."""
    found = written(Began(), Failed(message="busy", type="overloaded_error"))

    assert found[1:] == [{"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}]
    assert written(Failed(message="x", type="server_error"))[0]["error"]["type"] == "api_error"


def test_a_thought_s_signature_says_whose_it_is() -> None:
    """A signed one once, an unsigned one of another wire too: its provider may want it back."""
    found = written(
        PartBegan(index=0, part=Thinking(origin="gemini")),
        Signed(index=0, signature="c2ln"),
        PartEnded(index=0),
        PartBegan(index=1, part=Thinking(origin="chat", signature="known")),
        PartEnded(index=1),
        PartBegan(index=2, part=Thinking(origin="messages")),
        PartEnded(index=2),
    )
    signatures = [event["delta"]["signature"] for event in found if event["type"] == "content_block_delta"]

    assert signatures == ["sluice:gemini::c2ln", "sluice:chat::known"]


def test_a_signed_call_has_its_proof_before_it() -> None:
    """As a thought without words, whole before the call begins; plain answers have the same blocks."""
    call = ToolCall(id="c", name="n", arguments="{}", signature="sig")
    request = Request(reasoning=Reasoning(effort="low"))
    writer = Writer(request, SHOWN)
    streamed = events_of(
        b"".join([writer.feed(each) for each in (Began(), PartBegan(index=0, part=call), PartEnded(index=0), Ended())])
    )
    answer = Answer(id="a", model="m", choices=(Choice(parts=(call,)),))
    plain = json.loads(write_answer(answer, request, SHOWN))["content"]

    blocks = [event["content_block"] for event in streamed if event["type"] == "content_block_start"]
    assert [(block["type"], each["type"]) for block, each in zip(blocks, plain, strict=True)] == [
        ("thinking", "thinking"),
        ("tool_use", "tool_use"),
    ]
    deltas = [event["delta"] for event in streamed if event["type"] == "content_block_delta"]
    assert deltas[0]["signature"] == plain[0]["signature"] == "sluice:call::sig"
    assert [event["index"] for event in streamed if "index" in event] == [0, 0, 0, 1, 1, 1]
