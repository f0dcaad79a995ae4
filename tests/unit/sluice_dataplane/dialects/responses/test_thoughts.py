"""The Responses API: thoughts of any provider, carried by a client that cannot read them."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.conversation import Thinking, ToolCall
from sluice_dataplane.dialects.responses.thoughts import Proofs, call_proof, encrypted_content
from sluice_dataplane.exchange import Conversation

TEXT = st.text(st.characters(codec="utf-8"))


@given(st.sampled_from(get_args(Conversation)), TEXT, TEXT.filter(bool))
def test_a_signed_thought_comes_back_as_it_was(origin: str, text: str, signature: str) -> None:
    """Words and signature belong together, whatever the client made of the words."""
    thought = Thinking(text=text, signature=signature, origin=origin)
    carried = encrypted_content(thought, text, signature)
    shown = text if origin == "responses" else "what the client made of it"

    back = Proofs().read(shown, carried, "", "")

    assert back is not None
    if text:
        assert back == thought
    assert (back.signature, back.origin) == (signature, origin)


def test_a_thought_that_nobody_may_read_comes_back() -> None:
    """Anthropic's redacted thoughts."""
    thought = Thinking(redacted="cmVk", origin="messages")

    assert Proofs().read("", encrypted_content(thought, "", ""), "", "") == thought


def test_a_thought_without_a_signature_still_says_whose_it_is() -> None:
    """Some servers of chat completions want their own back; its words are not carried twice."""
    carried = encrypted_content(Thinking(text="hm", origin="chat"), "hm", "")

    assert Proofs().read("hm", carried, "", "") == Thinking(text="hm", origin="chat")
    assert len(carried) < 60


def test_a_call_gets_its_signature_back_once() -> None:
    """And no other call gets it."""
    proofs = Proofs()
    carried = call_proof(ToolCall(id="c1", name="f", signature="Z2Vt"), "c1")

    assert proofs.read("", carried, "", "") is None
    assert [proofs.take("c2"), proofs.take("c1"), proofs.take("c1")] == ["", "Z2Vt", ""]
    assert call_proof(ToolCall(id="c1", name="f"), "c1") == ""


@pytest.mark.parametrize(
    "encrypted", ["gAAAAABo", "eyJzbHVpY2UiOjEs", "eyJzbHVpY2UiOjEs!!", "eyJzbHVpY2UiOjEsIm9yaWdpbiI6N30=", ""]
)
def test_what_is_not_ours_is_the_provider_s(encrypted: str) -> None:
    """It is passed on unread."""
    assert Proofs().read("a", encrypted, "rs_1", "x") == Thinking(
        text="a", signature=encrypted, id="rs_1", origin="responses", at="x"
    )
