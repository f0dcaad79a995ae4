"""The way of a call to one upstream: passed on as it is, or translated.  Pure.

A way is chosen by what the client speaks, what the upstream speaks and what its model knows; it is the four machines
of a translation (:meth:`Way.request`, :meth:`Way.flow` for ``feed`` and ``finish``, :meth:`Way.answer`,
:meth:`Way.refusal`), or passes bytes where there is nothing to translate.
"""

import re
from functools import partial
from typing import Final
from urllib.parse import quote

import msgspec

from sluice_contract.quirks import IGNORES_CASE, NEW_CEILING
from sluice_contract.snapshot import Upstream
from sluice_dataplane.dialects import free_tools
from sluice_dataplane.dialects.cases import check_case
from sluice_dataplane.dialects.conversation import Request
from sluice_dataplane.dialects.counts import COUNTED, COUNTERS
from sluice_dataplane.dialects.edge import no_json
from sluice_dataplane.dialects.flow import Flow, Passing, Translating
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.responses import ids
from sluice_dataplane.dialects.seam import BackCodec, Edit, FrontCodec, Shown, Tally, To, Wire
from sluice_dataplane.dialects.wires import BACKS, FRONTS, PREFERRED, WIRES
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask, Candidate, Endpoint, Exchange, Headers, Route, UpstreamRequest

_METHOD: Final = re.compile(r"[A-Z]{1,16}")
_SENDABLE: Final = re.compile(r"[\x21-\x7e]*")
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
_SAFE: Final = "-._~"  # a model's name in a path: everything else is percent-encoded


class Ceilings(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one call's output: ``most`` must not be passed (None: nobody says so), ``usual`` is set where an API
    must have one.
    """

    most: int | None
    usual: int


def spoken(endpoint: Endpoint, candidate: Candidate) -> Endpoint | None:
    """What a call to *endpoint* is sent to *candidate* as; None where it cannot be served there."""
    paths, known = candidate.upstream.paths, candidate.target.speaks
    if candidate.model.passthrough or endpoint == "passthrough":
        return endpoint if candidate.model.passthrough and endpoint == "passthrough" else None
    if endpoint in COUNTERS:
        able = [each for each in (endpoint, *COUNTERS) if each in paths and (not known or COUNTED[each] in known)]
        return able[0] if able else None
    if endpoint in paths and (not known or endpoint in known or endpoint not in FRONTS):
        return endpoint
    if endpoint not in FRONTS:
        return None
    able = [each for each in PREFERRED if each in paths and each in BACKS and (not known or each in known)]
    return min(able, key=lambda each: known.index(each) if known else 0, default=None)


class Way:
    """One call's way to one candidate, who gets it as *back*."""

    # fmt: off
    __slots__ = (
        "_ask", "_back_codec", "_candidate", "_exchange", "_free", "_front_codec", "_read", "back", "dropped", "front",
    )
    # fmt: on

    def __init__(self, exchange: Exchange, ask: Ask, candidate: Candidate, back: Endpoint) -> None:
        self._exchange = exchange
        self._ask = ask
        self._candidate = candidate
        self.front: Wire = WIRES[exchange.endpoint]
        self.back: Wire = WIRES[back]
        self._front_codec: FrontCodec | None = None
        self._back_codec: BackCodec | None = None
        if back in COUNTERS and back != exchange.endpoint:
            self._front_codec, self._back_codec = COUNTERS[exchange.endpoint], COUNTERS[back]
        elif back != exchange.endpoint:
            self._front_codec, self._back_codec = FRONTS[exchange.endpoint], BACKS[back]
        self._read: Request | None = None
        self.dropped: tuple[str, ...] = ()  # fields of the client's that were left out
        self._free: frozenset[str] = frozenset()  # tools of the client's that take plain text, sent as functions

    def request(self, ceilings: Ceilings) -> UpstreamRequest:
        """What is sent.

        Raises:
            InvalidRequestError: the upstream's wire cannot say it, or the body cannot be understood; names the field.
        """
        exchange, ask, candidate = self._exchange, self._ask, self._candidate
        upstream = candidate.upstream
        name = candidate.upstream_model
        if self._front_codec is None or self._back_codec is None:
            given, kept = exchange.body, ask.kept
            if kept is not None and kept.id and given:
                given = ids.with_previous(given, kept.id)
            if upstream.quirks and IGNORES_CASE in upstream.quirks:
                check_case(given)
            edit = Edit(name, self._most(ceilings), upstream.quirks, exchange.headers)
            body = self.back.request_body(given, ask, edit)
        else:
            body = self._translated(self._front_codec, self._back_codec, ceilings)
        route = exchange.route
        headers = self.back.request_headers(exchange.headers, upstream.quirks)
        if route.content_type:
            headers = (("content-type", route.content_type), *[each for each in headers if each[0] != "content-type"])
        path = _path(self.back.name, upstream, name, ask, route)
        _check(route.method, path, headers)
        return UpstreamRequest(route.method, path, headers, body)

    def _most(self, ceilings: Ceilings) -> int | None:
        """The ceiling of what is passed on: some clients ask for more than a model they do not know can give."""
        asked, able = self._ask.max_output_tokens, self._candidate.target.capabilities.max_output_tokens
        most = ceilings.most if ceilings.most is not None else asked
        return able if able is not None and most is not None and most > able else ceilings.most

    def _translated(self, front: FrontCodec, back: BackCodec, ceilings: Ceilings) -> bytes:
        candidate = self._candidate
        given = self._exchange.body
        try:
            given.decode()  # what goes on unread, as a tool's schema does, must not make an invalid body of ours
        except UnicodeDecodeError:
            raise no_json() from None
        request = self._read = front.read_request(given, self._ask)
        if any(tool.free for tool in request.tools) and not self._knows_free_tools():
            self._free = free_tools.names_of(request)
            request = free_tools.as_functions(request)
        losses = Losses(allowed=candidate.model.drop_unsupported, names=request.names)
        for field in request.beyond:
            losses.lose(field)
        to = To(
            model=candidate.upstream_model,
            losses=losses,
            usual_ceiling=ceilings.usual,
            ceiling=ceilings.most,
            capabilities=candidate.target.capabilities,
            quirks=candidate.upstream.quirks,
        )
        written = back.write_request(request, to)
        self.dropped = tuple(dict.fromkeys(losses.dropped))
        return written

    def _knows_free_tools(self) -> bool:
        """Whether the upstream has tools of plain text: OpenAI's own APIs do, what is compatible with them does not."""
        quirks = self._candidate.upstream.quirks
        return self.back.name == "responses" or (self.back.name == "chat" and NEW_CEILING in quirks)

    def flow(self, tally: Tally, *, keep_usage: bool) -> Flow:
        """What a streamed answer goes through."""
        if self._front_codec is None or self._back_codec is None:
            mask = self._mask()
            return Passing(self.back, tally, keep_usage=keep_usage, mask=None if mask is None else mask.event)
        assert self._read is not None
        writer = self._front_codec.writer(self._read, self._shown())
        reader = self._back_codec.reader()
        if self._free:
            reader = free_tools.FreeingReader(reader, self._free)
        return Translating(self.back, tally, reader, writer)

    def answer(self, body: bytes) -> bytes:
        """A plain answer as the client gets it.

        Raises:
            ValueError: it is no answer of the upstream's wire.
        """
        if self._front_codec is None or self._back_codec is None:
            mask = self._mask()
            return body if mask is None else mask.body(body)
        assert self._read is not None
        answer = self._back_codec.read_answer(body)
        if self._free:
            answer = free_tools.answer_of(answer, self._free)
        return self._front_codec.write_answer(answer, self._read, self._shown())

    def refusal(self, status: int, body: bytes) -> bytes:
        """What the client is told when the upstream calls the request wrong: its own words where they can be read."""
        words = ""
        if self._back_codec is not None:
            words = self._back_codec.read_error(body)
        elif self.back.is_error(body):
            return body
        message = words or f"The upstream refused the request with status {status}."
        error = InvalidRequestError(message, code="upstream_rejected")
        error.status = status
        return self.front.error_body(error, self._exchange.id)

    def _mask(self) -> ids.Mask | None:
        """What puts ids of ours for the provider's, where responses are kept."""
        kept = self._ask.kept
        if kept is None:
            return None
        candidate = self._candidate
        place = ids.place_of(candidate.model.uid, candidate.target.name)
        wrap = partial(ids.wrap, place=place, key_id=kept.key_id, secret=self._exchange.table.pepper)
        return ids.Mask(wrap, (kept.id, kept.wrapped) if kept.id else None)

    def _shown(self) -> Shown:
        exchange = self._exchange
        return Shown(id=exchange.id.removeprefix("req_"), model=self._ask.model, created_s=exchange.arrived_ms // 1000)


def _check(method: str, path: str, headers: Headers) -> None:
    """What a client says that cannot be sent is its own mistake: no target may be thought to have failed by it."""
    if not (_METHOD.fullmatch(method) and _SENDABLE.fullmatch(path)):
        raise InvalidRequestError("The method or the path holds a character that no provider could be sent.")
    for name, value in headers:
        if not _VALUE.fullmatch(value):
            raise InvalidRequestError(f"{name}: this header holds a character that cannot be sent on.", param=name)


def _path(endpoint: Endpoint, upstream: Upstream, model: str, ask: Ask, route: Route) -> str:
    if endpoint == "passthrough":
        return route.tail + (f"?{route.query}" if route.query else "")
    paths = upstream.paths
    if endpoint == "response" and ask.kept is not None:
        tail = (f"/{route.tail}" if route.tail else "") + (f"?{route.query}" if route.query else "")
        return paths[endpoint].replace("{id}", quote(ask.kept.id, safe=_SAFE)) + tail
    path = (paths.get(f"{endpoint}.stream") if ask.stream else None) or paths[endpoint]
    if "{" not in path:
        return path
    if model in (".", ".."):  # a step in the path, however it is encoded
        raise InvalidRequestError(f"model: {model!r} is no name of a model.", param="model")
    return path.replace("{model}", quote(model, safe=_SAFE)).replace("{method}", route.tail)
