"""Every wire: what no reader of a few fields sees in a body is refused by name, and never anything else."""

import contextlib
import sys

import msgspec
import pytest

from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.dialects.wires import WIRES
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Endpoint, Exchange, Route
from support import builders

TABLE = builders.table()
FORMS = ("transcriptions", "translations", "image_edits", "image_variations")
READ: list[Endpoint] = [name for name in WIRES if name not in (*FORMS, "converse", "passthrough", "response")]


def call_of(endpoint: Endpoint, body: bytes) -> Exchange:
    """A call of *endpoint* that names the model ``m``."""
    return msgspec.structs.replace(builders.exchange(body, of=TABLE, endpoint=endpoint), route=Route(model="m"))


@pytest.mark.parametrize("endpoint", READ)
@pytest.mark.parametrize("bad", [b'"\xff":1', b'"a":"\xff"', b'"generateContentRequest":[1]', b'"requests":[1]'])
def test_a_body_that_cannot_be_written_anew_is_a_400(endpoint: Endpoint, bad: bytes) -> None:
    """What is not UTF-8, or of another form, stands where only the writing looks; else it passes as it came."""
    wire = WIRES[endpoint]
    body = b'{"model":"m","input":"a","messages":[],' + bad + b"}"
    with contextlib.suppress(InvalidRequestError):
        ask = wire.read_ask(call_of(endpoint, body))
        wire.parts_of(body)

        assert wire.request_body(body, ask, Edit("up", ceiling=5))


ODD = (
    b'{"usage":{"prompt_tokens":%d,"completion_tokens":1,"total_tokens":1},"choices":[],"data":[]}',
    b'{"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":%d},"choices":[],"data":[]}',
    b'{"usage":{"input_tokens":%d,"output_tokens":1},"output":[],"content":[]}',
    b'{"usage":{"inputTokens":1,"outputTokens":%d},"output":{}}',
    b'{"usage":{"input_tokens":-%d,"cache_read_input_tokens":1152921504606846986,"output_tokens":1},"content":[]}',
    b'{"usageMetadata":{"promptTokenCount":%d,"candidatesTokenCount":1}}',
)


@pytest.mark.parametrize("endpoint", list(WIRES))
@pytest.mark.parametrize("body", ODD)
def test_a_count_that_nobody_can_count_is_none(endpoint: Endpoint, body: bytes) -> None:
    """It would be money that no counter can hold: what was used is estimated, as where nothing is said."""
    with contextlib.suppress(ValueError):
        reported = WIRES[endpoint].read_usage(body % 2**60)

        assert reported is None or 0 <= reported.usage.cached_input <= reported.usage.total < 2**54


@pytest.mark.parametrize("endpoint", list(WIRES))
@pytest.mark.parametrize("name", [b"usage", b"usageMetadata", b"error", b"input_tokens", b"x"])
def test_an_answer_that_is_nested_too_deep_is_none(endpoint: Endpoint, name: bytes) -> None:
    """ValueError, as of all that is no answer; whether it is an error is answered too."""
    wire = WIRES[endpoint]
    for deep in (600, 2_000):
        body = b'{"%s":%s}' % (name, b'{"a":' * deep + b"1" + b"}" * deep)
        wire.is_error(body)
        with contextlib.suppress(ValueError):
            wire.read_usage(body)


CACHED: dict[Endpoint, bytes] = {
    "chat": b'"prompt_tokens_details":{"cached_tokens":9,"cache_write_tokens":8}',
    "responses": b'"input_tokens_details":{"cached_tokens":9,"cache_write_tokens":8}',
}


@pytest.mark.parametrize("endpoint", list(CACHED))
def test_what_caches_had_is_no_more_than_what_came_in(endpoint: Endpoint) -> None:
    """Else a client of another API, whose sums leave them out, would read a negative count; writing costs more."""
    sums = b'"prompt_tokens":10,"completion_tokens":1,"input_tokens":10,"output_tokens":1'
    reported = WIRES[endpoint].read_usage(b'{"choices":[],"output":[],"usage":{%s,%s}}' % (sums, CACHED[endpoint]))

    assert reported is not None
    assert (reported.usage.cached_input, reported.usage.cache_write) == (2, 8)


@pytest.mark.parametrize("endpoint", READ)
def test_a_body_as_deep_as_the_reader_goes_is_a_400(endpoint: Endpoint) -> None:
    """How deep it goes depends on who calls: what one reading stood, the next may not."""
    wire = WIRES[endpoint]
    limit = sys.getrecursionlimit()
    for deep in range(limit - 120, limit, 2):
        for name in (b"messages", b"input", b"tools", b"prompt", b"requests", b"contents"):
            body = b'{"model":"m","input":"a","%s":%s}' % (name, b"[" * deep + b"]" * deep)
            with contextlib.suppress(InvalidRequestError):
                ask = wire.read_ask(call_of(endpoint, body))
                wire.parts_of(body)
                wire.request_body(body, ask, Edit("up", ceiling=5))
