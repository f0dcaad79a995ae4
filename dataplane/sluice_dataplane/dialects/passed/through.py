"""A provider's own routes: whatever is sent goes to it, whatever comes goes back.

Metered where the answer tells of tokens in a way that is known; otherwise it costs what a call of it costs.
"""

import re
from typing import Final

from sluice_dataplane.dialects.frames import Framer
from sluice_dataplane.dialects.passed.raw import RawFramer, RawWatcher
from sluice_dataplane.dialects.passed.wire import PassedWire
from sluice_dataplane.dialects.seam import Edit, Tally, Watcher, Wire
from sluice_dataplane.errors import UnknownRouteError
from sluice_dataplane.exchange import Ask, Exchange, Headers, Route

# Of a client's headers; its content type goes along as well.
SENT: Final = ("anthropic-version", "anthropic-beta", "openai-beta", "range")
PREFIX: Final = "/passthrough/"  # of the name of the model that stands for a provider; no user's model begins so


class _Through(PassedWire):
    stream_type = ""

    def read_ask(self, exchange: Exchange) -> Ask:
        route = exchange.route
        name = PREFIX + route.id
        model = exchange.table.models.get(name)
        if model is None or not may_call(model.passthrough, route.method, route.tail):
            raise closed(route)
        return Ask(model=name, stream=True)

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:  # noqa: ARG002  nothing in it is ours
        return body

    def request_headers(self, client: Headers, quirks: tuple[str, ...]) -> Headers:  # noqa: ARG002  the seam's
        return tuple([each for each in client if each[0] in SENT])

    def framer(self) -> Framer:
        return RawFramer()

    def watcher(self, tally: Tally, *, keep_usage: bool) -> Watcher:  # noqa: ARG002  nothing is kept back
        return RawWatcher(tally)

    def error_event(self, body: bytes) -> bytes:  # noqa: ARG002  nobody knows what form it would have
        return b""


def closed(route: Route) -> UnknownRouteError:
    """The error for a route that is not open, or not to the one who asks: which is not said."""
    return UnknownRouteError(f"{route.method} {route.tail} may not be called at the provider {route.id!r}.")


def may_call(allowed: tuple[str, ...], method: str, path: str) -> bool:
    """Whether *method* and *path* are among *allowed*, as in ``GET /files*``; ``*`` is any method, or any text.

    A path that climbs (``..``), or hides a slash or a dot behind an escape, never is.
    """
    if ".." in path or "//" in path or re.search(r"(?i)%(2e|2f|5c|00)|[\\\\]", path):
        return False
    called = f"{method} {path}"
    return any(_matches(called, pattern.split("*")) for pattern in allowed)


def _matches(text: str, pieces: list[str]) -> bool:
    """Whether *text* is *pieces* in their order with anything between them; each is looked for once."""
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return text == first
    at, end = len(first), len(text) - len(last)
    if at > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for piece in pieces[1:-1]:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


PASSTHROUGH: Final[Wire] = _Through("passthrough")
