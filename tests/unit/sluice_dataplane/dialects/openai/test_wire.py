"""OpenAI's form of a call, as a wire."""

import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.chat.wire import CHAT
from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.openai.wire import DONE
from sluice_dataplane.dialects.passed.texts import COMPLETIONS, EMBEDDINGS
from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.errors import RateLimitedError
from sluice_dataplane.exchange import Ask
from sluice_dataplane.usage.meter import Meter
from support.builders import exchange

USAGE = b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}'


def frame(data: bytes | None) -> Frame:
    """A frame that carries *data*."""
    return Frame(b"raw", data)


@pytest.mark.parametrize("wanted", [True, False])
def test_the_usage_chunk_passes_where_it_was_asked_for(wanted: bool) -> None:
    """It is read in any case; the end is ``[DONE]``, and only that."""
    meter = Meter(input_tokens=9)
    watcher = CHAT.watcher(meter, keep_usage=wanted)

    assert watcher.passes(frame(None))
    assert watcher.passes(frame(b'{"choices":[{"delta":{"content":"Hi"}}],"usage":null}'))
    assert watcher.passes(frame(USAGE)) is wanted
    assert not watcher.ended
    assert watcher.passes(frame(DONE))
    assert watcher.ended
    assert meter.usage() == TokenUsage(input=3, output=5)


def test_what_was_generated_is_counted_without_its_envelope() -> None:
    """Where no usage comes, an estimate stands on the text."""
    meter = Meter(input_tokens=9)
    watcher = CHAT.watcher(meter, keep_usage=True)
    watcher.passes(frame(b'{"id":"%b","choices":[{"delta":{"content":"abcdef"}}]}' % (b"x" * 200)))

    assert meter.usage() == TokenUsage(input=9, output=2, estimated=True)


def test_only_what_generates_reads_a_ceiling() -> None:
    """Embeddings have a model and a user; no ceiling is set in them."""
    body = b'{"model":"m","max_tokens":7,"n":3}'
    ask = EMBEDDINGS.read_ask(exchange(body))

    assert ask == Ask(model="m")
    assert EMBEDDINGS.request_body(body, ask, Edit("m", 5)) == body
    assert COMPLETIONS.read_ask(exchange(body)) == Ask(model="m", max_output_tokens=7, choices=3)
    assert (CHAT.generates, COMPLETIONS.generates, EMBEDDINGS.generates) == (True, True, False)


def test_an_error_is_told_in_the_one_form_and_ends_no_stream() -> None:
    """The event that tells of it is no ``[DONE]``."""
    body = CHAT.error_body(RateLimitedError("slow down"), "req_1")

    assert CHAT.is_error(body)
    assert CHAT.error_event(body) == b"data: " + body + b"\n\n"


def test_an_error_in_a_stream_is_the_clients_and_nothing_generated() -> None:
    """It passes, and need not be told again; a ``[DONE]`` behind it makes no answer of it."""
    meter = Meter(input_tokens=9)
    watcher = CHAT.watcher(meter, keep_usage=True)

    assert not watcher.failed
    assert watcher.passes(frame(b'{"error":{"message":"busy","code":500}}'))
    assert watcher.failed
    assert meter.silent
