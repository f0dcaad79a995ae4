"""Providers' bytes that come whole: what they used, what they say, and what another wire's client gets of them."""

from random import Random
from typing import Final

import msgspec

from fuzz import corpus
from fuzz.mutate import mutated
from fuzz.oracles import check_json, check_reported, check_usage, need
from sluice_dataplane.dialects import free_tools
from sluice_dataplane.dialects.conversation import Answer, Request
from sluice_dataplane.dialects.responses import ids
from sluice_dataplane.dialects.seam import Shown
from sluice_dataplane.dialects.wires import BACKS, FRONTS, WIRES
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Endpoint

SHOWN: Final = Shown(id="0123456789abcdef", model="pub", created_s=1_790_000_000)
_PLAIN: Final = Request()


def make(endpoint: Endpoint, rng: Random) -> bytes:
    """An answer, more or less."""
    return mutated(rng, corpus.answers(endpoint))


def check(endpoint: Endpoint, body: bytes, rng: Random) -> str:
    """What came of *body*, an answer to a call of *endpoint* that is passed on."""
    wire = WIRES[endpoint]
    need(isinstance(wire.begins_answer(body), bool), "begins_answer says neither yes nor no")
    need(isinstance(wire.is_error(body), bool), "is_error says neither yes nor no")
    try:
        reported = wire.read_usage(body)
    except ValueError:
        return "no answer"
    check_reported(reported)
    return "read"


def translate(endpoint: Endpoint, body: bytes, rng: Random) -> str:
    """What came of *body* on its way to other wires' clients."""
    codec = BACKS[endpoint]
    words = codec.read_error(body)
    need(isinstance(words, str), "read_error gives no words")
    try:
        answer = codec.read_answer(body)
    except ValueError:
        _refuse(words, rng)
        return "no answer"
    if answer.usage is not None:
        check_usage(answer.usage)
    if rng.random() < 0.3:
        answer = free_tools.answer_of(answer, frozenset(("get_weather", "weather", "shell", "patch")))
    for front in FRONTS:
        if front != endpoint:
            _write(front, answer)
    return "read"


def _write(front: Endpoint, answer: Answer) -> None:
    written = FRONTS[front].write_answer(answer, _PLAIN, SHOWN)
    check_json(written, f"an answer for {front}")
    reported = WIRES[front].read_usage(written)
    if answer.usage is not None:
        need(reported is not None, f"{front}: no usage")
        assert reported is not None
        check_reported(reported)
        told = (reported.usage.input, reported.usage.output)
        need(told == (answer.usage.input, answer.usage.output), f"{front}: {told} was used, not {answer.usage}")


def _refuse(words: str, rng: Random) -> None:
    error = InvalidRequestError(words, code="upstream_rejected")
    for front in FRONTS:
        body = WIRES[front].error_body(error, "req_1")
        check_json(body, f"an error for {front}")
        need(WIRES[front].is_error(body), f"{front}: an error that is none")
        WIRES[front].error_event(body)


def mask(endpoint: Endpoint, body: bytes, rng: Random) -> str:
    """Ids of the gateway's in place of the provider's."""
    masked = ids.Mask(lambda each: ids.wrap(each, b"placeplc", key_id="k", secret=b"s"), ("resp_before_01", "ours"))
    out = masked.body(body)
    try:
        before, after = (msgspec.json.decode(each, type=dict[str, object]) for each in (body, out))
    except (ValueError, RecursionError):
        return "no answer"
    need(before.keys() == after.keys() or b"resp_before_01" in body, "other members")
    given, shown = before.get("id"), after.get("id")
    if isinstance(given, str) and isinstance(shown, str) and given not in (shown, "resp_before_01"):
        kept = ids.unwrap(shown, key_id="k", secret=b"s")
        need(kept is not None and kept.id == given, f"{shown} is not found again")
        need(ids.unwrap(shown, key_id="other", secret=b"s") is None, f"{shown} is found by others")
    return "read"
