"""Clients' bytes: what is read of them, what is passed on, what is translated.

The strictest promise is that nobody reads another request than was billed: a body in which something stands twice is
read with the first and with the last, and both must be what the gateway read.
"""

from random import Random
from typing import Any, Final

import msgspec

from fuzz import corpus, forms
from fuzz.mutate import mutated
from fuzz.oracles import BrokenPromiseError, check_json, need
from fuzz.readings import TooDeepError, UnreadableError, first_wins, last_wins
from sluice_contract.quirks import QUIRKS
from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.gemini.fields import camel_case
from sluice_dataplane.dialects.responses import ids
from sluice_dataplane.dialects.seam import Edit, Wire
from sluice_dataplane.dialects.ways import Ceilings, Way
from sluice_dataplane.dialects.wires import BACKS, CONVERSATIONS, WIRES
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask, Candidate, Endpoint, Exchange, Route
from sluice_dataplane.usage.bounds import bound_of
from support.builders import exchange, model, table, upstream

_TABLE: Final = table()
_MODEL: Final = model()
_CANDIDATES: Final = (Candidate(_MODEL, _MODEL.targets[0], upstream(), "up-model"),)
_IN_PATH: Final = ("gemini", "gemini_count", "gemini_embeddings")
# What the gateway may change in a body, in camelCase.
_OWNED: Final = frozenset((
    "model", "stream", "streamOptions", "maxTokens", "maxCompletionTokens", "maxOutputTokens", "generationConfig",
    "thinking", "messages", "requests", "generateContentRequest", "anthropicVersion", "anthropicBeta",
))  # fmt: skip
_PATTERNS: Final = tuple(sorted(QUIRKS))


def call_of(endpoint: Endpoint, body: bytes, content_type: str = "", *, stream: bool = False) -> Exchange:
    """A call as it comes in."""
    route = Route(model="m" if endpoint in _IN_PATH else "", stream=stream, id="resp_x", content_type=content_type)
    return msgspec.structs.replace(exchange(body, of=_TABLE, endpoint=endpoint), route=route)


def make(endpoint: Endpoint, rng: Random) -> bytes:
    """A body that a client of *endpoint* might send on a bad day."""
    if endpoint in forms.ENDPOINTS:
        return forms.make(rng)
    return mutated(rng, corpus.requests(endpoint))


def check(endpoint: Endpoint, body: bytes, rng: Random) -> str:
    """What came of *body*: ``refused`` or ``sent``."""
    wire = WIRES[endpoint]
    form = endpoint in forms.ENDPOINTS
    call = call_of(endpoint, body, forms.CONTENT_TYPE if form else "", stream=rng.random() < 0.5)
    try:
        ask = wire.read_ask(call)
        check_ask(ask)
        _check_bound(endpoint, body, ask)
        edit = _edit(rng, ask)
        sent = wire.request_body(body, ask, edit)
    except InvalidRequestError as error:
        check_json(wire.error_body(error, "req_1"), "an error")
        return "refused"
    if form:
        forms.check_sent(wire, body, sent, ask, edit)
    elif not _is_json(body):
        return "sent, and no JSON"  # by the letter; what is no UTF-8 in text that nobody looks at, the provider refuses
    else:
        _check_sent(wire, call, sent, ask, edit)
        _check_kept(body, sent)
    return "sent"


def check_ask(ask: Ask) -> None:
    """Everything in it is in its range."""
    ceiling = ask.max_output_tokens
    need(ceiling is None or 0 <= ceiling <= 2**31, f"a ceiling of {ceiling}")
    need(bool(ask.model), "no model")
    need(ask.choices >= 1 and ask.input_units >= 0 and ask.output_bound >= 0, f"{ask}")
    for name in ("stream", "usage_wanted", "audio_wanted", "instructed"):
        need(isinstance(getattr(ask, name), bool), f"{name} is {getattr(ask, name)!r}")


def _is_json(body: bytes) -> bool:
    """Whether *body* is JSON by the letter; what is not, and passes, is for the provider to refuse."""
    try:
        return last_wins(body) is not None and first_wins(body) is not None
    except UnreadableError:
        return False


def _check_bound(endpoint: Endpoint, body: bytes, ask: Ask) -> None:
    parts = WIRES[endpoint].parts_of(body)
    need(0 <= parts.media_bytes <= len(body), f"media of {parts.media_bytes} bytes in {len(body)}")
    need(0 <= parts.low_images <= parts.images and parts.audio_bytes >= 0 and parts.extra_tokens >= 0, f"{parts}")
    bound = bound_of(endpoint, body, ask, _CANDIDATES, context_window=None)
    need(0 <= bound.least <= bound.input and min(bound.likely, bound.image, bound.audio) >= 0, f"{bound}")


def _edit(rng: Random, ask: Ask) -> Edit:
    quirks = (rng.choice(_PATTERNS),) if rng.random() < 0.3 else ()
    name = ask.model if rng.random() < 0.5 else 'up-"model"'
    return Edit(name, rng.choice((None, None, 1, 5_000, 2**31)), quirks, (("anthropic-beta", "a, b"),))


def _check_sent(wire: Wire, call: Exchange, sent: bytes, ask: Ask, edit: Edit) -> None:
    """Whoever reads *sent*, the first or the last of what stands twice, reads what was billed."""
    cloud = wire.name == "messages" and any("_claude" in each for each in edit.quirks)
    for name, read in (("first", first_wins), ("last", last_wins)):
        try:
            read_ = read(sent)
        except TooDeepError:
            return
        except UnreadableError as error:
            raise BrokenPromiseError(f"what is sent is no JSON: {error}") from None
        if cloud:
            read_ = {"model": edit.model, "stream": ask.stream, **read_}
        try:
            seen = wire.read_ask(msgspec.structs.replace(call, body=msgspec.json.encode(read_)))
        except InvalidRequestError as error:
            if "user" in (error.param or "") or "valid JSON" in error.message:
                return  # whose it is says the gateway alone; how deep a reader goes is its own
            raise BrokenPromiseError(f"with the {name} of two it is no request: {error}") from None
        _compare(wire, seen, ask, edit, name)


def _compare(wire: Wire, seen: Ask, ask: Ask, edit: Edit, name: str) -> None:
    expected = ask if wire.name in _IN_PATH else msgspec.structs.replace(ask, model=edit.model)
    if wire.generates and wire.name not in forms.UNCAPPED:
        most, asked = edit.ceiling, ask.max_output_tokens
        told = seen.max_output_tokens
        if most is not None:
            need(told is not None and told <= most, f"with the {name} of two the ceiling is {told}, not {most}")
        else:
            need(told == asked, f"with the {name} of two the ceiling is {told}, not {asked}")
    # What asks for more may be taken for asked; thinking that does not fit below the ceiling is left out.
    same = msgspec.structs.replace(
        seen,
        max_output_tokens=ask.max_output_tokens,
        usage_wanted=ask.usage_wanted,
        user=ask.user,  # whose it is says the gateway alone
        instructed=seen.instructed or ask.instructed,
        audio_wanted=seen.audio_wanted or ask.audio_wanted,
        unpriced=seen.unpriced or ask.unpriced,
        long_context=ask.long_context,  # a limit of ours, by a beta that we may have written there ourselves
    )
    if wire.name == "moderations" and not seen.model:
        same = msgspec.structs.replace(same, model=expected.model)
    need(same == expected, f"with the {name} of two it asks for {same}, not {expected}")


def _check_kept(body: bytes, sent: bytes) -> None:
    """Every other member has the bytes that it came with."""
    if sent == body:
        return
    before, after = (msgspec.json.decode(each, type=dict[str, msgspec.Raw]) for each in (body, sent))
    for name in {*before, *after}:
        if camel_case(name) not in _OWNED:
            need(bytes(before.get(name, b"")) == bytes(after.get(name, b"")), f"{name} was changed")


def translate(endpoint: Endpoint, body: bytes, rng: Random) -> str:
    """What came of *body* on its way to another wire's provider."""
    wire = WIRES[endpoint]
    call = call_of(endpoint, body, stream=rng.random() < 0.5)
    back = rng.choice([each for each in BACKS if each != endpoint])
    most = rng.choice((None, None, 1, 1_025, 5_000))
    quirks = (rng.choice(_PATTERNS),) if rng.random() < 0.3 else ()
    try:
        ask = wire.read_ask(call)
        way = Way(call, ask, _candidate(rng, quirks), back)
        written = way.request(Ceilings(most, 4_096)).body
    except InvalidRequestError as error:
        check_json(wire.error_body(error, "req_1"), "an error")
        return "refused"
    check_json(written, f"a request to {back}")
    if back != "converse":
        _check_written(back, written, ask, most, quirks)
    return "sent"


def _candidate(rng: Random, quirks: tuple[str, ...]) -> Candidate:
    target = msgspec.structs.replace(_MODEL.targets[0], capabilities=_capabilities(rng))
    dropping = msgspec.structs.replace(_MODEL, drop_unsupported=rng.random() < 0.85)
    paths = dict.fromkeys(BACKS, "/x")
    return Candidate(dropping, target, upstream(quirks=quirks, paths=paths), "up-model")


def _capabilities(rng: Random) -> Capabilities:
    def perhaps(*values: Any) -> Any:
        return rng.choice((None, None, *values))

    return Capabilities(
        max_output_tokens=perhaps(8_192),
        vision=perhaps(False, True),
        documents=perhaps(False, True),
        tools=perhaps(False, True),
        structured_output=perhaps(False, True),
        sampling=perhaps(False, True),
        reasoning=perhaps("none", "effort", "budget", "adaptive"),
    )


def _check_written(back: Endpoint, written: bytes, ask: Ask, most: int | None, quirks: tuple[str, ...]) -> None:
    """The provider reads no more than was asked for: choices, ceiling, nothing that costs more than tokens."""
    if back == "messages" and any("_claude" in each for each in quirks):
        written = msgspec.json.encode({"model": "up-model", "stream": ask.stream, **msgspec.json.decode(written)})
    seen = WIRES[back].read_ask(call_of(back, written, stream=ask.stream))
    need(seen.model == ("m" if back == "gemini" else "up-model"), f"another model: {seen.model}")
    need(seen.stream == ask.stream, "another stream")
    need(seen.choices <= ask.choices, f"{seen.choices} choices, not {ask.choices}")
    asked = most if most is not None else ask.max_output_tokens
    if asked is not None:
        told = seen.max_output_tokens
        need(told is not None and told <= asked, f"a ceiling of {told} for {asked}")
    need(not seen.unpriced, f"{seen.unpriced} is asked for")
    parts = WIRES[back].parts_of(written)
    need(not parts.unpriced, f"{parts.unpriced} is asked for")


def keep(endpoint: Endpoint, body: bytes, rng: Random) -> str:
    """The id of the response before, found and replaced."""
    found = ids.previous_of(body)
    if found is None:
        return "none"
    changed = ids.with_previous(body, "resp_another")
    need(ids.previous_of(changed) == "resp_another", "another id is read than was written")
    ids.unwrap(found, key_id="k", secret=b"s")
    return "found"


CONVERSING: Final = tuple(sorted(CONVERSATIONS - {"converse"}))
