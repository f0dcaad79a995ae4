"""Which path is which call.  Pure: a request line to an endpoint and what its path says, before anything is read.

Every API is found under the paths that its own clients use, and under a prefix that names it (``/openai/v1``,
``/anthropic/v1``, ``/gemini/v1beta``) for clients that take a base URL only.
"""

from typing import Final
from urllib.parse import unquote

import msgspec

from sluice_dataplane.dialects.gemini.paths import parse
from sluice_dataplane.errors import MethodNotAllowedError
from sluice_dataplane.exchange import PLAIN_ROUTE, Endpoint, Route
from sluice_dataplane.surface.listing import Shape

_OPENAI: Final[dict[str, Endpoint]] = {
    "/chat/completions": "chat",
    "/completions": "completions",
    "/embeddings": "embeddings",
    "/responses": "responses",
    "/responses/input_tokens": "responses_tokens",
    "/responses/compact": "responses_compact",
    "/moderations": "moderations",
    "/rerank": "rerank",
    "/images/generations": "images",
    "/images/edits": "image_edits",
    "/images/variations": "image_variations",
    "/audio/speech": "speech",
    "/audio/transcriptions": "transcriptions",
    "/audio/translations": "translations",
}
_ANTHROPIC: Final[dict[str, Endpoint]] = {"/messages": "messages", "/messages/count_tokens": "count_tokens"}
_FORMS: Final = frozenset(("image_edits", "image_variations", "transcriptions", "translations"))  # multipart, not JSON

OPENAI_PREFIXES: Final = ("/v1", "", "/openai/v1", "/openai")
ANTHROPIC_PREFIXES: Final = ("/v1", "", "/anthropic/v1", "/anthropic")

# Whole paths of calls that are POSTs of a body.
CALLS: Final[dict[str, Endpoint]] = {
    prefix + path: endpoint
    for prefixes, paths in ((OPENAI_PREFIXES, _OPENAI), (ANTHROPIC_PREFIXES, _ANTHROPIC))
    for prefix in prefixes
    for path, endpoint in paths.items()
} | dict.fromkeys(("/v2/rerank", "/cohere/v2/rerank"), "rerank")
# Of them, those that tell no more than their path does: the usual ones, which the lean front serves.
PLAIN_CALLS: Final[dict[str, Endpoint]] = {path: call for path, call in CALLS.items() if call not in _FORMS}

_RESPONSES: Final = tuple(f"{prefix}/responses/" for prefix in OPENAI_PREFIXES)
_PASSTHROUGH: Final = "/passthrough/"
_KEPT_TAILS: Final = {("GET", ""), ("DELETE", ""), ("POST", "cancel"), ("GET", "input_items")}

# Where a client that knows only its base URL looks whether somebody is there.
ROOTS: Final = frozenset(("/", "/openai", "/openai/v1", "/anthropic", "/gemini"))
_LISTS: Final[dict[str, Shape]] = {
    **{f"{prefix}/models": "openai" for prefix in OPENAI_PREFIXES},
    **{f"{prefix}/models": "anthropic" for prefix in ("/anthropic/v1", "/anthropic")},
    **{f"{prefix}/models": "gemini" for prefix in ("/v1beta", "/gemini/v1beta", "/gemini/v1")},
}


class Found(msgspec.Struct, frozen=True, gc=False):
    """A call that a path stands for."""

    endpoint: Endpoint
    route: Route


def find(method: str, path: str, query: str, content_type: str) -> Found | None:
    """The call at *path* (as it was sent, percent-encoded) with *query*; None if there is none.

    Raises:
        MethodNotAllowedError: there is one, but not by *method*.
    """
    endpoint = CALLS.get(path)
    if endpoint is not None:
        _check(method, ("POST",))
        form = endpoint in _FORMS
        route = Route(content_type=content_type if form else "", query=query) if form or query else PLAIN_ROUTE
        return Found(endpoint, route)
    if path.startswith(_PASSTHROUGH):
        return _passthrough(method, path, query, content_type)
    if path.startswith(_RESPONSES):
        return _kept(method, path, query)
    call = parse(path, query) if ":" in path or "%3" in path else None
    if call is None:
        return None
    _check(method, ("POST",))
    return Found(call.endpoint, call.route)


def listed(path: str) -> tuple[Shape, str] | None:
    """The shape in which *path* (decoded) lists models, and the one it shows, "" for all; None if it does neither."""
    place, slash, name = path.partition("/models/")
    shape = _LISTS.get(f"{place}/models" if slash else path)
    return None if shape is None or (slash and not name) else (shape, name)


def told_as(path: str) -> Endpoint:
    """Whose form an error at *path* takes, whatever else is wrong with the request."""
    google = path.startswith(("/v1beta/", "/gemini/")) or (path.startswith("/v1/models/") and ":" in path)
    return "gemini" if google else "chat"


def label(path: str) -> str:
    """*path* as logs and metrics name it; "" for what is nobody's."""
    if path in CALLS or path in _LISTS or path in ROOTS:
        return path
    if path.startswith(_RESPONSES):
        return "/v1/responses/{id}"
    if path.startswith(_PASSTHROUGH):
        return "/passthrough"
    call = parse(path)
    return "" if call is None else f"/v1beta/models/{{model}}:{call.route.tail}"


def _check(method: str, allowed: tuple[str, ...]) -> None:
    if method not in allowed:
        names = ", ".join(allowed)
        raise MethodNotAllowedError(f"{method} is not possible here: use {names}.", headers=(("allow", names),))


def _kept(method: str, path: str, query: str) -> Found | None:
    """A response that its provider keeps: read, deleted, cancelled, or its input listed."""
    id_, _, tail = path.partition("/responses/")[2].partition("/")
    methods = tuple(sorted(method for method, known in _KEPT_TAILS if known == tail))
    if not id_ or not methods:
        return None
    _check(method, methods)
    stream = method == "GET" and "stream=true" in query.split("&")
    route = Route(method=method, id=unquote(id_), tail=tail, query=query, stream=stream)
    return Found("response", route)


def _passthrough(method: str, path: str, query: str, content_type: str) -> Found | None:
    """A provider's own route: ``/passthrough/{namespace}/{name}/…``."""
    namespace, _, rest = path.removeprefix(_PASSTHROUGH).partition("/")
    name, slash, tail = rest.partition("/")
    if not namespace or not name or not slash:
        return None
    route = Route(method=method, id=f"{namespace}/{name}", tail="/" + tail, query=query, content_type=content_type)
    return Found("passthrough", route)
