"""Requests that are large, or made to be dear to read: what they cost the gateway is in proportion to their size."""

import json
import time
from typing import Any

import pytest

from sluice_dataplane.dialects.ways import Ceilings, Way
from sluice_dataplane.dialects.wires import WIRES
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Candidate, Endpoint
from support import builders

PATHS = {
    "chat": "/c",
    "messages": "/m",
    "responses": "/r",
    "gemini": "/models/{model}:generateContent",
    "converse": "/model/{model}/converse",
}
MANY = 20_000
SECONDS = 5  # of a processor; what took time in proportion to the square of its size took hundreds


def sent(front: Endpoint, back: str, body: dict[str, Any]) -> bytes:
    """What a provider that speaks *back* gets of *body*."""
    call = builders.exchange(json.dumps({"model": "pub", **body}).encode(), endpoint=front)
    model = builders.model("pub", drop_unsupported=True)
    upstream = builders.upstream(paths={back: PATHS[back]})
    to = Candidate(model, model.targets[0], upstream, "m")
    way = Way(call, WIRES[front].read_ask(call), to, back)  # type: ignore[arg-type]
    return way.request(Ceilings(100, 100)).body


def test_many_documents_without_a_title_are_named_in_no_time() -> None:
    """Each has a name of its own, and the thousandth takes no longer than the first."""
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}}
    body = {"max_tokens": 9, "messages": [{"role": "user", "content": [document] * MANY}]}
    began = time.process_time()
    blocks = json.loads(sent("messages", "converse", body))["messages"][0]["content"]

    assert len({block["document"]["name"] for block in blocks if "document" in block}) == MANY
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize("back", ["messages", "responses", "gemini", "converse"])
def test_many_tools_of_which_many_are_allowed(back: str) -> None:
    """Which of them are is looked up, not searched for."""
    tools = [{"type": "function", "function": {"name": f"t{number}"}} for number in range(MANY)]
    allowed = [{"type": "function", "function": {"name": f"u{number}"}} for number in range(MANY)]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": allowed}}
    body = {"messages": [{"role": "user", "content": "a"}], "tools": tools, "tool_choice": choice}
    began = time.process_time()
    sent("chat", back, body)

    assert time.process_time() - began < SECONDS


def test_what_is_written_again_with_every_result_is_short() -> None:
    """Google wants a tool's name beside each of its results: a long one is refused before it is multiplied."""
    call = {"id": "c", "type": "function", "function": {"name": "x" * 100_000, "arguments": "{}"}}
    results = [{"role": "tool", "tool_call_id": "c", "content": "a"}] * MANY
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [call]}, *results]

    with pytest.raises(InvalidRequestError) as refused:
        sent("chat", "gemini", {"messages": turns})

    assert refused.value.param == "messages[1].tool_calls[0]"
