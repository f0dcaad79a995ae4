"""Streams for Gemini's clients; the goldens hold the usual ones."""

import json
from typing import Any

import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.conversation import Citation, Text, Thinking, ToolCall
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
from sluice_dataplane.dialects.gemini.thoughts import thought_of
from sluice_dataplane.dialects.gemini.writer import MAX_KEPT_BYTES, GeminiWriter
from sluice_dataplane.dialects.seam import Shown

SHOWN = Shown(id="abc", model="m", created_s=1)


def written(*events: Event) -> list[Any]:
    """The chunks that a client gets for *events*."""
    writer = GeminiWriter(SHOWN)
    outs = b"".join(map(writer.feed, events)).decode().split("\n\n")
    return [json.loads(out.removeprefix("data: ")) for out in outs if out]


def parts(*events: Event) -> list[Any]:
    """The parts in them."""
    return [part for chunk in written(*events) for part in chunk["candidates"][0]["content"]["parts"]]


CALL = PartBegan(index=0, part=ToolCall(id="c", name="f"))


def test_a_call_goes_out_whole() -> None:
    """However its arguments come; lines in them do not end the event."""
    deltas = [Delta(index=0, text=text) for text in ("{\n", '"a":', "\r\n1}")]

    assert parts(CALL, *deltas) == []
    assert parts(CALL, *deltas, PartEnded(index=0)) == [{"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}}]


def test_an_event_is_one_line() -> None:
    """A model's own JSON may be spread over several, which would end the data."""
    writer = GeminiWriter(SHOWN)
    for event in (CALL, Delta(index=0, text='{\n"a":\r\n\r\n1}')):
        writer.feed(event)

    assert writer.feed(PartEnded(index=0)).splitlines()[1:] == [b""]


def test_calls_may_come_at_the_same_time() -> None:
    """Each keeps its own arguments."""
    second = PartBegan(index=1, part=ToolCall(id="d", name="g"))
    found = parts(
        CALL,
        second,
        Delta(index=1, text='{"b":2}'),
        Delta(index=0, text='{"a":1}'),
        PartEnded(index=0),
        PartEnded(index=1),
    )

    assert [part["functionCall"]["args"] for part in found] == [{"a": 1}, {"b": 2}]


def test_arguments_that_never_end_are_not_kept() -> None:
    """A limit holds over all calls that are open, and is free again when they end."""
    writer = GeminiWriter(SHOWN)
    most = Delta(index=0, text="x" * MAX_KEPT_BYTES)
    for event in (CALL, most, PartEnded(index=0), CALL, most):
        writer.feed(event)

    with pytest.raises(FramingError):
        writer.feed(Delta(index=0, text="x"))


def test_a_foreign_thought_can_come_back() -> None:
    """Its proof follows its words, and names its maker."""
    words, proof = parts(
        PartBegan(index=0, part=Thinking(origin="messages")),
        Delta(index=0, text="hm"),
        Signed(index=0, signature="s"),
        PartEnded(index=0),
    )

    assert words == {"text": "hm", "thought": True}
    assert proof["thought"] is True
    assert thought_of("hm", proof["thoughtSignature"]) == Thinking(text="hm", signature="s", origin="messages")


def test_a_thought_that_nobody_may_read_can_come_back() -> None:
    """It has no words at all."""
    (proof,) = parts(PartBegan(index=0, part=Thinking(redacted="r", origin="messages")), PartEnded(index=0))

    assert thought_of("", proof["thoughtSignature"]).redacted == "r"


def test_the_end_waits_for_the_usage() -> None:
    """A stream that breaks before it is never said to have ended."""
    text: list[Event] = [PartBegan(index=0, part=Text(text="")), Delta(index=0, text="a"), PartEnded(index=0)]
    before = written(*text, ChoiceEnded(finish="length"))
    after = written(*text, ChoiceEnded(finish="length"), Ended(usage=TokenUsage(input=1, output=2)))

    assert all("finishReason" not in chunk["candidates"][0] for chunk in before)
    assert after[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert after[-1]["usageMetadata"]["totalTokenCount"] == 3


def test_an_empty_answer_ends_too() -> None:
    """With a candidate that says why."""
    assert written(Ended())[0]["candidates"][0]["finishReason"] == "STOP"


def test_a_failure_is_an_error_of_googles() -> None:
    """Which its clients raise."""
    (error,) = written(Failed(message="m", type="overloaded_error"))

    assert (error["error"]["code"], error["error"]["status"]) == (503, "UNAVAILABLE")


def test_the_providers_own_names_are_shown() -> None:
    """And the client's where it has none."""
    named = written(Began(id="r", model="g"), Ended())[0]
    bare = written(Began(), Ended())[0]

    assert (named["responseId"], named["modelVersion"]) == ("r", "g")
    assert (bare["responseId"], bare["modelVersion"]) == ("abc", "m")


def test_citations_that_wait_are_bounded() -> None:
    """By all that they hold: a provider may put its megabytes into their titles."""
    cited = Cited(index=0, citation=Citation(url="https://x", title="t" * 1024 * 1024))

    with pytest.raises(FramingError):
        written(PartBegan(index=0, part=Text(text="")), *[cited] * 17)


def test_citations_come_with_the_end() -> None:
    """Gemini has them beside the text."""
    cited = Cited(index=0, citation=Citation(url="https://x", start=0, end=1))
    last = written(
        PartBegan(index=0, part=Text(text="")),
        Delta(index=0, text="ab"),
        cited,
        PartEnded(index=0),
        ChoiceEnded(finish="stop"),
        Ended(),
    )[-1]

    assert last["candidates"][0]["groundingMetadata"]["groundingSupports"] == [
        {"segment": {"startIndex": 0, "endIndex": 1}, "groundingChunkIndices": [0]}
    ]
