"""Sends requests of upstreams that have an identity with what proves it; those of all others go on as they are."""

from collections.abc import Callable
from typing import Final

import msgspec

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import UpstreamRequest
from sluice_dataplane.upstream.head import refused
from sluice_dataplane.upstream.identity.identities import Identities, Proof
from sluice_dataplane.upstream.seam import Patience, UpstreamAnswer, Upstreams

_REFUSALS: Final = {"AWS": (401, 403)}  # AWS says 403 of keys that have ended, too
_REFUSAL: Final = (401,)


class IdentifyingUpstreams:
    """Upstreams around *http*.  *now_s* is monotonic.

    Where an identity stands, the credential itself never goes out: it only serves to fetch or to sign.
    """

    def __init__(self, http: Upstreams, identities: Identities, *, now_s: Callable[[], float]) -> None:
        self._http = http
        self._identities = identities
        self._now_s = now_s

    async def send(
        self, upstream: Upstream, request: UpstreamRequest, *, credential: str | None, patience: Patience
    ) -> UpstreamAnswer:
        """The answer's head; see the seam.

        An answer that refuses what proved us is asked for once more, where something newer could be had.
        """
        if upstream.identity is None:
            return await self._http.send(upstream, request, credential=credential, patience=patience)
        due_s = self._now_s() + patience.first_byte_ms / 1000
        proof = await self._identities.prove(upstream, request, credential, wait_s=due_s - self._now_s())
        answer = await self._sent(upstream, request, proof, patience, due_s)
        if answer.status not in _REFUSALS.get(upstream.identity.kind, _REFUSAL):
            return answer
        if not self._identities.doubt(upstream, credential, proof):
            return answer
        answer.close()
        proof = await self._identities.prove(upstream, request, credential, wait_s=due_s - self._now_s())
        return await self._sent(upstream, request, proof, patience, due_s)

    async def close(self) -> None:
        """Drop every connection."""
        try:
            await self._identities.close()
        finally:
            await self._http.close()

    async def _sent(
        self, upstream: Upstream, request: UpstreamRequest, proof: Proof, patience: Patience, due_s: float
    ) -> UpstreamAnswer:
        added = {name for name, _ in proof.headers}
        if not added.isdisjoint(name.lower() for name in upstream.headers):
            raise refused(upstream.id, "a header of its own stands where its identity goes")
        left_ms = max(1, int((due_s - self._now_s()) * 1000))
        return await self._http.send(
            upstream,
            msgspec.structs.replace(request, headers=(*proof.headers, *request.headers)),
            credential=None,
            patience=msgspec.structs.replace(patience, first_byte_ms=min(patience.first_byte_ms, left_ms)),
        )
