"""Anthropic's wire: thoughts of other wires on their way through its clients."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.conversation import Part, Reasoning, Request, Text, Thinking, ToolCall
from sluice_dataplane.dialects.messages.fields import read_ask, request_body
from sluice_dataplane.dialects.messages.marks import calls_proven, marked, proof_of_call, unmarked, without_foreign
from sluice_dataplane.dialects.seam import Edit

OWN = {"type": "thinking", "thinking": "t", "signature": "EqQB"}
FOREIGN = {"type": "thinking", "thinking": "t", "signature": "sluice:chat::x"}
HIDDEN = {"type": "redacted_thinking", "data": "sluice:responses:rs_1:x"}
TEXT = {"type": "text", "text": 'she said "sluice:chat::x"'}


def kept(*messages: dict[str, Any]) -> Any:
    """What is left of *messages*."""
    return json.loads(bytes(without_foreign(msgspec.Raw(json.dumps(messages).encode()))))


def test_anthropic_s_own_signature_is_not_touched() -> None:
    """It proves itself by its bytes."""
    assert marked(Thinking(origin="messages"), "EqQB") == "EqQB"
    assert unmarked("EqQB") == ("messages", "", "EqQB")


@given(origin=st.sampled_from(["chat", "responses", "gemini", "converse"]), proof=st.text())
def test_another_wire_s_finds_its_way_home(origin: str, proof: str) -> None:
    """Its wire, its id there and every character of it."""
    assert unmarked(marked(Thinking(origin=origin, id="rs_1"), proof)) == (origin, "rs_1", proof)


def test_what_another_wire_signed_is_left_out_of_what_passes() -> None:
    """The provider would refuse the whole call for it; a turn that was nothing else goes too."""
    user = {"role": "user", "content": "hi"}
    found = kept(user, {"role": "assistant", "content": [FOREIGN, OWN, HIDDEN, TEXT]}, {"content": [FOREIGN]})

    assert found == [user, {"role": "assistant", "content": [OWN, TEXT]}]


def test_words_that_begin_as_a_mark_does_stay_and_hide_nothing() -> None:
    """Whatever a user says: the thoughts beside it still go."""
    user = {"role": "user", "content": "sluice:chat::x"}

    assert kept(user, {"role": "assistant", "content": [FOREIGN, OWN]}) == [
        user,
        {"role": "assistant", "content": [OWN]},
    ]


def test_a_body_that_passes_has_no_such_thought() -> None:
    """A conversation may go on with another provider than it began with."""
    body = json.dumps({"model": "m", "messages": [{"role": "assistant", "content": [FOREIGN, TEXT]}]}).encode()
    sent = json.loads(request_body(body, read_ask(body), Edit("m")))

    assert sent == {"model": "m", "messages": [{"role": "assistant", "content": [TEXT]}]}


@pytest.mark.parametrize("messages", ['"sluice:chat::x"', '[{"content":"sluice:chat::x"}]', '[{"a":"sluice:b:c:d"}]'])
def test_what_is_formed_otherwise_passes(messages: str) -> None:
    """It is for the provider to refuse."""
    body = f'{{"model":"m","messages":{messages}}}'.encode()

    assert request_body(body, read_ask(body), Edit("m")) == body


THINKS = Request(reasoning=Reasoning(adaptive=True))
SIGNED = ToolCall(id="a:b", name="n", signature="EvcB:x")


def test_a_call_that_is_signed_keeps_its_proof() -> None:
    """Through a client that knows signatures of thoughts only, whatever else stands between them."""
    carrier = proof_of_call(SIGNED, THINKS)
    assert carrier is not None
    origin, identity, proof = unmarked(marked(carrier, carrier.signature))
    back: list[Part] = [
        Thinking(origin=origin, id=identity, signature=proof),
        Text(text="so"),
        ToolCall(id="a:b", name="n"),
    ]

    assert calls_proven(back) == [Text(text="so"), SIGNED]


def test_a_proof_is_of_one_call() -> None:
    """The next call was not signed; what is left of a call that is gone is nobody's."""
    proof = Thinking(origin="call", signature="s")
    calls: list[Part] = [ToolCall(id=each, name="n") for each in "ab"]

    assert calls_proven([proof, *calls, proof]) == [ToolCall(id="a", name="n", signature="s"), calls[1]]


def test_who_asks_for_no_thinking_gets_no_block_of_it() -> None:
    """Its code may not expect one; and a call that nobody signed needs none."""
    assert proof_of_call(SIGNED, Request()) is None
    assert proof_of_call(SIGNED, Request(reasoning=Reasoning(enabled=False))) is None
    assert proof_of_call(ToolCall(id="a", name="n"), THINKS) is None
