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
