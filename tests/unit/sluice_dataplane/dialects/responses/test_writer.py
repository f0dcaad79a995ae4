"""The Responses API: what the accumulators of OpenAI's SDKs and Codex ask of every stream.

They refuse an id that changes, an item that is done and never began, a place that is taken twice, words for an item or
part that has not begun, and an end whose items are not those that were done.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.conversation import (
    Answer,
    Choice,
    Finish,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
)
from sluice_dataplane.dialects.events import (
    Began,
    ChoiceEnded,
    Delta,
    Ended,
    Event,
    Failed,
    PartBegan,
    PartEnded,
    Signed,
)
from sluice_dataplane.dialects.responses.answer_out import write_answer
from sluice_dataplane.dialects.responses.writer import StreamWriter
from sluice_dataplane.dialects.seam import Shown

SHOWN = Shown(id="0a", model="public", created_s=5)
REQUEST = Request(tools=(Tool(name="p", free=True), Tool(name="f")))
PARTS = st.lists(
    st.sampled_from(
        [
            Text(text="ab"),
            Refusal(text="no"),
            Thinking(text="hm", signature="s", origin="messages"),
            Thinking(redacted="r", origin="messages"),
            ToolCall(id="c", name="f", arguments='{"a":1}'),
            ToolCall(id="", name="f"),
            ToolCall(id="d", name="p", arguments='{"input":"x"}'),
            ToolCall(id="e", name="p", arguments="y", free=True, signature="g"),
        ]
    ),
    max_size=6,
)
FINISHES = st.sampled_from(["stop", "length", "tools", "filter", "refusal"])


def words_of(part: Part) -> str:
    """What of *part* comes in deltas."""
    return part.arguments if isinstance(part, ToolCall) else getattr(part, "text", "")


def one_by_one(parts: list[Part]) -> list[Event]:
    """The events of *parts* that come one after the other, their words in two deltas."""
    events: list[Event] = []
    for index, part in enumerate(parts):
        words = words_of(part)
        empty: Any = (
            ToolCall(id=part.id, name=part.name, free=part.free, signature=part.signature)
            if isinstance(part, ToolCall)
            else type(part)(text="", redacted=part.redacted, origin=part.origin)
            if isinstance(part, Thinking)
            else type(part)(text="")  # type: ignore[call-arg]
        )
        events.append(PartBegan(index=index, part=empty))
        events += [Delta(index=index, text=each) for each in (words[:1], words[1:]) if each]
        if isinstance(part, Thinking) and part.signature:
            events.append(Signed(index=index, signature=part.signature))
        events.append(PartEnded(index=index))
    return events


def written(events: list[Event]) -> list[dict[str, Any]]:
    """What a client reads of *events*, each with the name that its frame has."""
    writer = StreamWriter(REQUEST, SHOWN)
    found: list[dict[str, Any]] = []
    for frame in b"".join([writer.feed(event) for event in events]).decode().split("\n\n")[:-1]:
        name, data = frame.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


def accumulated(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The response at the end, having checked on the way what accumulators check."""
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    items: dict[int, dict[str, Any]] = {}
    done: dict[int, dict[str, Any]] = {}
    words: dict[tuple[int, int], str] = {}
    for event in events:
        if "response" in event:
            assert event["response"]["id"] == events[0]["response"]["id"]
            continue
        place = event["output_index"]
        if event["type"] == "response.output_item.added":
            assert place == len(items)
            items[place] = event["item"]
        elif event["type"] == "response.output_item.done":
            assert _identity(items[place]) == _identity(event["item"])
            assert place not in done
            done[place] = event["item"]
        else:
            assert place not in done
            assert items[place]["id"] == event["item_id"]
            _collect(event, items[place], words)
    assert done.keys() == items.keys()
    response: dict[str, Any] = events[-1]["response"]
    assert response["output"] == [done[place] for place in sorted(done)]
    return response


def _collect(event: dict[str, Any], item: dict[str, Any], words: dict[tuple[int, int], str]) -> None:
    key = (event["output_index"], event.get("content_index", event.get("summary_index", 0)))
    kind = event["type"]
    if kind.endswith("part.added"):
        assert key not in words
        words[key] = ""
    elif kind.endswith(".delta"):
        assert key in words or item["type"].endswith("call")
        words[key] = words.get(key, "") + event["delta"]
    elif "part" not in kind and "annotation" not in kind:
        assert words[key] == next(event[name] for name in ("text", "refusal", "arguments", "input") if name in event)


def _identity(item: dict[str, Any]) -> tuple[Any, ...]:
    return item["type"], item["id"], item.get("call_id")


@given(PARTS, FINISHES)
def test_a_stream_adds_up_to_the_answer_it_would_be_in_one_piece(parts: list[Part], finish: Finish) -> None:
    """Whichever way a client asks, it gets the same; and accumulators find nothing wrong."""
    usage = TokenUsage(input=3, output=4)
    end: list[Event] = [ChoiceEnded(finish=finish), Ended(usage=usage, service_tier="flex")]
    response = accumulated(written([Began(model="up"), *one_by_one(parts), *end]))

    answer = Answer(
        id="", model="up", choices=(Choice(parts=tuple(parts), finish=finish),), usage=usage, service_tier="flex"
    )
    assert response == json.loads(write_answer(answer, REQUEST, SHOWN))


@given(PARTS, st.randoms(use_true_random=False))
def test_parts_that_are_open_at_once_add_up_too(parts: list[Part], chance: Any) -> None:
    """Calls that come in parallel, words that go on after a call began."""
    queues = [
        [event for event in one_by_one(parts) if getattr(event, "index", None) == index] for index in range(len(parts))
    ]
    events: list[Event] = []
    begun = 0
    while any(queues):
        ready = [queue for queue in queues[: begun + 1] if queue]
        queue = chance.choice(ready)
        if isinstance(queue[0], PartBegan):
            begun += 1
        events.append(queue.pop(0))
    response = accumulated(written([Began(), *events, ChoiceEnded(finish="stop"), Ended()]))

    assert response["status"] == "completed"


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("pause", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("context", "incomplete", "max_output_tokens"),
        ("filter", "incomplete", "content_filter"),
    ],
)
def test_the_last_event_says_how_it_ended(finish: Finish, status: str, reason: str | None) -> None:
    """So does the last item: half a call is not to be run."""
    call = one_by_one([ToolCall(id="c", name="f", arguments="{")])
    events = written([Began(), *call, ChoiceEnded(finish=finish), Ended()])

    assert events[-1]["type"] == f"response.{status}"
    assert events[-1]["response"]["output"][-1]["status"] == status
    assert (events[-1]["response"]["incomplete_details"] or {}).get("reason") == reason


@pytest.mark.parametrize(
    ("failed", "code"),
    [
        (Failed(message="m"), "server_error"),
        (Failed(message="m", type="rate_limit_error"), "rate_limit_exceeded"),
        (Failed(message="m", code="rate_limit_exceeded"), "rate_limit_exceeded"),
        (Failed(message="m", type="overloaded_error", code="529"), "server_error"),
    ],
)
def test_a_failure_is_told_as_one(failed: Failed, code: str) -> None:
    """In a code that the API has; never a forged end."""
    for before in ([], [Began(), *one_by_one([Text(text="ab")])]):
        events = written([*before, failed])

        assert events[0]["type"] == "response.created"
        assert events[-1]["type"] == "response.failed"
        assert events[-1]["response"]["status"] == "failed"
        assert events[-1]["response"]["error"] == {"code": code, "message": "m"}


def test_only_the_first_choice_is_told() -> None:
    """The API has one answer."""
    other: list[Event] = [
        PartBegan(index=0, part=Text(text=""), choice=1),
        Delta(index=0, text="x", choice=1),
        PartEnded(index=0, choice=1),
        ChoiceEnded(finish="length", choice=1),
    ]
    events = [Began(), *one_by_one([Text(text="ab")]), ChoiceEnded(finish="stop"), *other, Ended()]
    response = accumulated(written(events))

    assert response["status"] == "completed"
    assert [part["text"] for item in response["output"] for part in item["content"]] == ["ab"]


def test_nothing_of_the_client_s_breaks_an_event() -> None:
    """Line ends in what is repeated or said are JSON's, not the stream's."""
    events = written(
        [Began(model="a\nb"), *one_by_one([Text(text="a\r\n\u2028b")]), ChoiceEnded(finish="stop"), Ended()]
    )

    assert events[-1]["response"]["model"] == "a\nb"
