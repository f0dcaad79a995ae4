"""The Responses API's calls beside the conversation."""

import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.parts import PLAIN
from sluice_dataplane.dialects.responses.tokens import RESPONSES_COMPACT, RESPONSES_TOKENS
from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.exchange import Ask, Reported


def test_counted_tokens_are_not_used() -> None:
    """Nobody charges for a count."""
    body = b'{"object":"response.input_tokens","input_tokens":1000}'

    assert RESPONSES_TOKENS.read_usage(body) == Reported(TokenUsage())
    assert not RESPONSES_TOKENS.generates
    assert RESPONSES_TOKENS.parts_of(b'{"input":[{"type":"item_reference","id":"x"}]}') is PLAIN


@pytest.mark.parametrize("body", [b"", b"[]", b'{"error":{}}', b"[" * 100_000])
def test_what_is_no_count_is_said_to_be_none(body: bytes) -> None:
    """As with any answer."""
    with pytest.raises(ValueError):
        RESPONSES_TOKENS.read_usage(body)


def test_a_ceiling_is_never_put_into_calls_that_have_none() -> None:
    """The API would refuse the field."""
    body = b'{"model":"m","input":"a"}'

    assert RESPONSES_COMPACT.request_body(body, Ask(model="m"), Edit("m", 5)) == body
    assert RESPONSES_TOKENS.request_body(body, Ask(model="m"), Edit("up", 5)) == b'{"model":"up","input":"a"}'
