"""Thoughts in Gemini's words, and those of others in its clients' hands."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.conversation import Thinking
from sluice_dataplane.dialects.gemini.thoughts import part_of, signature_of, thought_of

FOREIGN = Thinking(text="t", signature="s??>", redacted="r", id="i", origin="messages")


def test_another_providers_proof_comes_back_whole() -> None:
    """Through a client that knows only Gemini's; its Python library writes base64 for URLs."""
    signature = signature_of(FOREIGN)
    plain = base64.b64decode(signature)

    assert thought_of("t", signature) == FOREIGN
    assert thought_of("t", base64.urlsafe_b64encode(plain).decode()) == FOREIGN


def test_geminis_own_proof_is_not_touched() -> None:
    """Whatever it is."""
    assert thought_of("t", "c2ln") == Thinking(text="t", signature="c2ln", origin="gemini")
    assert signature_of(thought_of("t", "c2ln")) == "c2ln"


@pytest.mark.parametrize(
    ("thought", "part"),
    [
        (Thinking(text="t", origin="gemini"), {"text": "t", "thought": True}),
        (Thinking(text="t", origin="chat"), {"text": "t", "thought": True}),
        (Thinking(signature="c2ln", origin="gemini"), {"text": "", "thoughtSignature": "c2ln"}),
        (Thinking(origin="gemini"), None),
    ],
)
def test_a_thought_is_a_part_if_there_is_anything_to_it(thought: Thinking, part: object) -> None:
    """Words, or a proof on no words."""
    assert part_of(thought) == part


@pytest.mark.parametrize("inner", [b',"x":' + b"[" * 100_000, b',"signature":"\xff"', b',"id":1'])
def test_a_proof_that_only_looks_like_ours_is_none(inner: bytes) -> None:
    """Also one that is nested deeper than anybody reads: a client may send what it likes."""
    forged = base64.b64encode(b'{"origin":"chat"' + inner + b"}").decode()

    assert thought_of("t", forged) == Thinking(text="t", origin="gemini")


@given(st.text())
def test_no_signature_breaks_it(text: str) -> None:
    """Also none that looks like ours."""
    assert thought_of("", text).origin
    assert thought_of("", "eyJvcmlnaW4i" + text).origin == "gemini"
