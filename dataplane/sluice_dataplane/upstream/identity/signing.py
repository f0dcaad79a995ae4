"""Signs a request as the client will send it: with the headers that the client will choose, at the place it goes to."""

import asyncio
from typing import Final

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import Headers, UpstreamRequest
from sluice_dataplane.upstream.head import place_of, refused
from sluice_dataplane.upstream.identity.grants import SigningKeys
from sluice_dataplane.upstream.identity.sigv4 import Call, Scope, sign

LARGE_BYTES: Final = 256 * 1024  # a body above this is hashed in a thread: it would keep every other call waiting


async def signed_headers(
    keys: SigningKeys, scope: Scope, upstream: Upstream, request: UpstreamRequest, *, at_ms: int
) -> Headers:
    """What *request* needs besides its own headers to be *keys*' at *at_ms*, milliseconds since 1970.

    Raises:
        AttemptFailedError: it cannot be sent as it is.
    """
    place = place_of(upstream)
    headers: dict[str, str] = {}
    for name, value in (*upstream.headers.items(), *request.headers):
        headers.setdefault(name.lower(), value)  # as upstream.head does: the first one counts, the upstream's before
    target = place.prefix + request.path
    call = Call(request.method, place.authority, target, tuple(headers.items()), request.body)
    try:
        if len(request.body) <= LARGE_BYTES:
            return sign(call, keys, scope, at_ms=at_ms)
        return await asyncio.to_thread(sign, call, keys, scope, at_ms=at_ms)
    except UnicodeError:
        raise refused(upstream.id, "the path or a header cannot be sent") from None
