"""What is asked of a kept response: it passes, and is not paid for again."""

import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.flow import Passing
from sluice_dataplane.dialects.responses.kept import RESPONSE
from sluice_dataplane.usage.meter import Meter

BODY = b'{"id":"resp_1","object":"response","usage":{"input_tokens":5,"output_tokens":7}}'


def test_its_usage_was_billed_when_it_was_made() -> None:
    """Reading an answer again uses nothing, whatever usage stands in it."""
    failed = b'{"id":"resp_1","status":"failed","error":{"code":"server_error"}}'

    for body in (BODY, failed):
        reported = RESPONSE.read_usage(body)
        assert reported is not None
        assert reported.usage == TokenUsage()
    with pytest.raises(ValueError, match=r"."):
        RESPONSE.read_usage(b"<html>")


@pytest.mark.parametrize("kind", ["completed", "incomplete", "failed", "cancelled"])
def test_a_stream_of_it_is_free_and_has_an_end(kind: str) -> None:
    """As a plain answer; its end is the provider's."""
    meter = Meter(input_tokens=128)
    flow = Passing(RESPONSE, meter, keep_usage=True)
    event = b'event: response.%b\ndata: {"type":"response.%b","response":%b}\n\n' % (kind.encode(), kind.encode(), BODY)

    assert (flow.feed(b'data: {"type":"response.created"}\n\n'), flow.ended) != (b"", True)
    assert (flow.feed(event), flow.ended) == (event, True)
    assert meter.usage() == TokenUsage()
