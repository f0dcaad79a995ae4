"""Gemini's wire: what a path says.  Model, method and framing are in it, not in the body.  Pure.

Source: Google's REST reference (``POST /v1beta/{model=models/*}:generateContent`` and its neighbours, system parameter
``alt``).  Without ``alt=sse`` a stream is one JSON array; we always ask for events and make the array ourselves.
"""

from typing import Final
from urllib.parse import parse_qsl, unquote

import msgspec

from sluice_dataplane.exchange import Endpoint, Route

EVENTS: Final = "alt=sse"  # all of a query that is passed on: its other parameters are credentials or change the answer
_VERSIONS: Final = frozenset(("v1", "v1beta", "v1alpha", "v1beta1"))
_METHODS: Final[dict[str, Endpoint]] = {
    "generateContent": "gemini",
    "streamGenerateContent": "gemini",
    "countTokens": "gemini_count",
    "embedContent": "gemini_embeddings",
    "batchEmbedContents": "gemini_embeddings",
}


class Call(msgspec.Struct, frozen=True, gc=False):
    """One method of one model.  ``route.tail`` is the method, ``route.query`` EVENTS where events are asked for."""

    endpoint: Endpoint
    route: Route


def parse(path: str, query: str = "") -> Call | None:
    """What a POST to *path* (as sent, still percent-encoded) calls; None where it is no path of this wire.

    The model is what the client calls it, without ``models/`` before it; it may hold slashes and colons.
    """
    try:
        _, version, collection, rest = unquote(path.removeprefix("/gemini"), errors="strict").split("/", 3)
    except ValueError:  # too short, or no UTF-8
        return None
    model, _, method = rest.rpartition(":")
    endpoint = _METHODS.get(method)
    if version not in _VERSIONS or collection not in ("models", "tunedModels") or endpoint is None:
        return None
    if collection == "tunedModels":
        model = f"tunedModels/{model}" if model else ""
    stream = method == "streamGenerateContent"
    route = Route(
        model=model.removeprefix("models/"),
        stream=stream,
        tail=method,
        query=EVENTS if stream and _asks_for_events(query) else "",
    )
    return Call(endpoint, route) if route.model else None


def wants_array(route: Route) -> bool:
    """Whether the client of *route* reads its stream as one JSON array: then ``array.ArrayOfEvents`` makes it one."""
    return route.stream and route.query != EVENTS


def _asks_for_events(query: str) -> bool:
    asked = [value for name, value in parse_qsl(query, errors="replace") if name in ("alt", "$alt")]
    return bool(asked) and asked[-1].lower() == "sse"
