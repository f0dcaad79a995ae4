"""Whatever comes is passed on; the end of the body is the end of the answer."""

import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.flow import Passing
from sluice_dataplane.dialects.passed.audio import SPEECH
from sluice_dataplane.dialects.passed.raw import MAX_LOOKED_BYTES, reported_in
from sluice_dataplane.dialects.passed.through import PASSTHROUGH
from sluice_dataplane.usage.meter import Meter

JSON = b'{"id":"x","usage":{"prompt_tokens":5,"completion_tokens":2}}'


@pytest.mark.parametrize("cut", range(1, len(JSON), 7))
def test_a_json_answer_is_metered_however_it_is_cut(cut: int) -> None:
    """Bytes in are bytes out, and its usage is the provider's."""
    meter = Meter(input_tokens=100)
    flow = Passing(PASSTHROUGH, meter, keep_usage=True)
    out = b"".join(flow.feed(JSON[at : at + cut]) for at in range(0, len(JSON), cut))

    assert not flow.ended
    assert (out, flow.finish()) == (JSON, (b"", True))
    assert meter.usage() == TokenUsage(input=5, output=2)


def test_sound_is_estimated() -> None:
    """What says nothing of its use is billed by what was asked."""
    meter = Meter(input_tokens=100, most_output_tokens=400)
    flow = Passing(SPEECH, meter, keep_usage=True)
    flow.feed(bytes(10_000))

    assert flow.finish() == (b"", True)
    assert meter.usage() == TokenUsage(input=100, output=400, estimated=True)


def test_a_large_answer_is_not_kept() -> None:
    """A file of gigabytes passes in the memory of a chunk."""
    meter = Meter(input_tokens=1)
    flow = Passing(PASSTHROUGH, meter, keep_usage=True)
    chunk = bytes(MAX_LOOKED_BYTES // 2)
    for _ in range(8):
        flow.feed(chunk)

    assert flow._watcher._kept == []  # type: ignore[attr-defined]
    assert flow.finish() == (b"", True)


def test_only_an_object_tells_of_usage() -> None:
    """Text, lists and errors do not."""
    assert reported_in(b"plain") is None
    assert reported_in(b"[]") is None
    assert reported_in(b'{"error":{"message":"x"}}') is None
