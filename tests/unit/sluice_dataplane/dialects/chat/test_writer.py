"""A streamed answer as its client reads it: chunks that can be put together again."""

import json
from typing import Any

import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.chat.thoughts import entries, of_client
from sluice_dataplane.dialects.chat.writer import ChatWriter
from sluice_dataplane.dialects.conversation import Citation, Request, Text, Thinking, Tool, ToolCall
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
from sluice_dataplane.dialects.seam import Shown
from sluice_dataplane.dialects.values import raw

SHOWN = Shown(id="x1", model="public", created_s=5)
STREAMING = Request(stream=True)


def write(*events: Event, request: Request = STREAMING) -> list[Any]:
    """The data of each chunk; ``[DONE]`` as it is."""
    writer = ChatWriter(request, SHOWN)
    told = b"".join(map(writer.feed, events)).decode().split("\n\n")[:-1]
    return [
        data.removeprefix("data: ") if "[DONE]" in data else json.loads(data.removeprefix("data: ")) for data in told
    ]


def deltas(*events: Event, request: Request = STREAMING) -> list[dict[str, Any]]:
    """The deltas after the one that begins the choice."""
    return [chunk["choices"][0]["delta"] for chunk in write(*events, request=request)][1:]


def joined(all_: list[dict[str, Any]]) -> dict[str, Any]:
    """Deltas put together as OpenAI's SDK does: texts joined, entries of lists by their ``index``."""
    whole: dict[str, Any] = {}
    for delta in all_:
        _join(whole, delta)
    return whole


def _join(whole: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if isinstance(value, list):
            for entry in value:
                entries_: list[Any] = whole.setdefault(name, [])
                entries_.extend({} for _ in range(entry["index"] + 1 - len(entries_)))
                _join(entries_[entry["index"]], entry)
        elif isinstance(value, dict):
            _join(whole.setdefault(name, {}), value)
        elif name in ("type", "index") or not isinstance(value, str):
            whole[name] = value
        else:
            whole[name] = whole.get(name, "") + value


def test_choice_begins_with_its_role() -> None:
    """The first chunk names the role, at once, and under the model that its provider named."""
    first = write(Began(id="msg_1", model="claude"))[0]

    assert (first["id"], first["model"], first["created"]) == ("chatcmpl-x1", "claude", 5)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}


def test_each_choice_begins_once() -> None:
    """So does each further one, when it comes."""
    text = [PartBegan(index=0, part=Text(text="a"), choice=choice) for choice in (0, 1)]
    chunks = [chunk["choices"][0] for chunk in write(Began(), *text)]

    assert [(choice["index"], "role" in choice["delta"]) for choice in chunks] == [
        *((0, True), (0, False)),
        *((1, True), (1, False)),
    ]


@pytest.mark.parametrize("wanted", [True, False])
def test_usage_is_for_who_asked(wanted: bool) -> None:
    """The chunk of usage comes last before the end, or not at all."""
    usage = Ended(usage=TokenUsage(input=1, output=2), service_tier="priority")
    chunks = write(Began(), usage, request=Request(stream=True, usage_wanted=wanted))

    assert chunks[-1] == "[DONE]"
    assert [chunk["usage"]["total_tokens"] for chunk in chunks[:-1] if not chunk["choices"]] == [3] * wanted
    assert [chunk["service_tier"] for chunk in chunks[:-1] if "usage" in chunk] == ["priority"] * wanted


def test_failure_is_an_error_and_no_end() -> None:
    """A stream that failed ends with what OpenAI's SDK raises, never with ``[DONE]``."""
    assert write(Failed(message="no", type="overloaded_error", code="529")) == [
        {"error": {"message": "no", "type": "overloaded_error", "param": None, "code": "529"}}
    ]


def test_signed_thought_survives_its_client() -> None:
    """What a client puts together from the chunks brings words and signature back as one thought."""
    whole = joined(
        deltas(
            Began(),
            PartBegan(index=0, part=Thinking(origin="messages")),
            Delta(index=0, text="Let "),
            Delta(index=0, text="me."),
            Signed(index=0, signature="c2ln"),
            PartEnded(index=0),
            PartBegan(index=1, part=Thinking(redacted="cmVk", origin="messages")),
            PartEnded(index=1),
            PartBegan(index=2, part=Thinking(text="So.", signature="s", id="i", origin="responses")),
        )
    )

    assert whole["reasoning_content"] == "Let me.\n\nSo."
    assert [of_client(entry, "") for entry in entries(raw(whole["reasoning_details"]))] == [
        Thinking(text="Let me.", signature="c2ln", origin="messages"),
        Thinking(redacted="cmVk", origin="messages"),
        Thinking(text="So.", signature="s", id="i", origin="responses"),
    ]


def test_calls_are_numbered_apart_from_other_parts() -> None:
    """Clients put calls together by their number among calls; ids and names are said once."""
    whole = joined(
        deltas(
            Began(),
            PartBegan(index=0, part=Text(text="a")),
            PartBegan(index=1, part=ToolCall(id="c1", name="f")),
            PartBegan(index=2, part=ToolCall(id="c2", name="g", free=True)),
            Delta(index=1, text='{"a"'),
            Delta(index=2, text="l"),
            Delta(index=1, text=":1}"),
            Delta(index=2, text="s"),
        )
    )

    assert whole["tool_calls"] == [
        {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"index": 1, "id": "c2", "type": "custom", "custom": {"name": "g", "input": "ls"}},
    ]


def test_call_without_arguments_has_an_empty_object() -> None:
    """Clients parse the arguments as JSON; those that came are not touched."""
    empty: list[Event] = [PartBegan(index=0, part=ToolCall(id="c", name="f")), PartEnded(index=0)]
    given: list[Event] = [PartBegan(index=0, part=ToolCall(id="c", name="f", arguments="{}")), PartEnded(index=0)]

    for events in (empty, given):
        assert joined(deltas(Began(), *events))["tool_calls"][0]["function"]["arguments"] == "{}"


def test_old_clients_get_a_function_call() -> None:
    """Who described ``functions`` looks for one call there."""
    request = Request(stream=True, tools=(Tool(name="f", at="functions[0]"),))
    events: list[Event] = [
        PartBegan(index=0, part=ToolCall(id="a", name="f")),
        Delta(index=0, text="{}"),
        PartEnded(index=0),
        PartBegan(index=1, part=ToolCall(id="b", name="g")),
        ChoiceEnded(finish="tools"),
    ]

    assert joined(deltas(Began(), *events, request=request)) == {"function_call": {"name": "f", "arguments": "{}"}}
    assert write(Began(), *events, request=request)[-1]["choices"][0]["finish_reason"] == "function_call"


def test_citations_are_told_when_their_text_is_known() -> None:
    """A citation without a place is of its whole part; each has a number, which OpenAI's SDK needs."""
    page = Citation(url="https://e/", title="E")
    notes = joined(
        deltas(
            Began(),
            PartBegan(index=0, part=Text(text="Ab ", citations=(page,))),
            PartEnded(index=0),
            PartBegan(index=1, part=Text(text="")),
            Cited(index=1, citation=page),
            Cited(index=1, citation=Citation(document=0)),
            Delta(index=1, text="cd"),
            PartEnded(index=1),
        )
    )["annotations"]

    assert [
        (note["index"], note["url_citation"]["start_index"], note["url_citation"]["end_index"]) for note in notes
    ] == [
        (0, 0, 3),
        (1, 3, 5),
    ]
