"""Anthropic's wire: parts as blocks, where they are not as the goldens have them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import Document, Image, ToolCall
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.messages.blocks_out import arguments_object, call_id, medium_block
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.errors import InvalidRequestError


def to(**capabilities: bool) -> To:
    """A model that can so much, behind a deployment that lets fields be dropped."""
    return To(
        model="m",
        losses=Losses(allowed=True),
        usual_ceiling=9,
        capabilities=Capabilities(**capabilities),  # type: ignore[arg-type]
    )


@given(st.text())
def test_an_id_is_one_that_the_provider_takes(identity: str) -> None:
    """Whatever another provider made it of; and always the same."""
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", call_id(identity))
    assert call_id(identity) == call_id(identity)


@given(st.text(max_size=5), st.text(max_size=5))
def test_two_ids_stay_two(one: str, other: str) -> None:
    """Results must find their calls."""
    assert (call_id(one) == call_id(other)) == (one == other)


@pytest.mark.parametrize(
    ("part", "can"),
    [
        (Image(data="A", media_type="image/png", at="here"), {"vision": False}),
        (Document(data="A", media_type="application/pdf", at="here"), {"documents": False}),
        (Document(url="https://x.example/a.pdf", at="here"), {"documents": False}),
        (Document(data="A", media_type="application/msword", at="here"), {}),
        (Document(data="?", media_type="text/plain", at="here"), {}),
        (Document(url="https://x.example/a.txt", media_type="text/plain", at="here"), {}),
        (Document(url="https://x.example/a.doc", media_type="application/msword", at="here"), {}),
        (Document(file_id="f", at="here"), {}),
        (Image(file_id="f", at="here"), {}),
    ],
    ids=str,
)
def test_what_the_model_cannot_look_at_is_refused(part: Image | Document, can: dict[str, bool]) -> None:
    """Not dropped: without it the question would be another."""
    with pytest.raises(InvalidRequestError) as caught:
        medium_block(part, to(**can))

    assert caught.value.param == "here"


def test_words_are_no_document_to_such_a_model() -> None:
    """They are text, whatever they came as."""
    block = medium_block(Document(data="aGk=", media_type="text/csv"), to(documents=False))

    assert block == {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}}


@pytest.mark.parametrize("arguments", ["[1]", "3", '"x"', '{"a":', "null", '{"a":1} x'])
def test_arguments_that_are_no_object_are_put_into_one(arguments: str) -> None:
    """The history of a conversation is not refused for what a model once wrote."""
    assert arguments_object(ToolCall(id="t", name="n", arguments=arguments)) == {"arguments": arguments}


def test_no_arguments_are_an_empty_object() -> None:
    """As OpenAI's models leave them out."""
    assert arguments_object(ToolCall(id="t", name="n")) == {}
    assert arguments_object(ToolCall(id="t", name="n", arguments=" ")) == {}
