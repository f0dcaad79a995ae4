"""All identities: whose grant is fetched when, by whom, and what of it goes onto a request."""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from typing import Final

import msgspec

from sluice_contract.snapshot import Identity, Upstream
from sluice_dataplane.exchange import Headers, UpstreamRequest
from sluice_dataplane.upstream.head import refused
from sluice_dataplane.upstream.identity.grants import Bearer, Grant, IdentityFailedError, Source
from sluice_dataplane.upstream.identity.keeper import Keeper
from sluice_dataplane.upstream.identity.signing import signed_headers
from sluice_dataplane.upstream.identity.sigv4 import Scope
from sluice_dataplane.upstream.identity.sources import Sources

MAX_KEPT: Final = 1024  # identities; the oldest of more are forgotten, and fetched anew if they are still used
WAIT_S: Final = 15.0  # at most, for a grant that is being fetched

log = logging.getLogger("sluice.upstream")


class Proof(msgspec.Struct, frozen=True):
    """What is added to a request, and which grant it was made of."""

    headers: Headers
    grant: Grant

    def __repr__(self) -> str:
        return "Proof(redacted)"


class _Kept:
    """One identity with one credential."""

    __slots__ = ("keeper", "scope", "task", "told")

    def __init__(self, keeper: Keeper, scope: Scope) -> None:
        self.keeper = keeper
        self.scope = scope
        self.task: asyncio.Task[None] | None = None
        self.told = ""  # the failure that was logged last


class _Latest:
    """What an upstream was last asked with; a class, so that no representation of anything shows the credential."""

    __slots__ = ("credential", "kept", "upstream")

    def __init__(self, upstream: Upstream, credential: str | None, kept: _Kept) -> None:
        self.upstream = upstream
        self.credential = credential
        self.kept = kept


class _Broken:
    """The source of an identity that cannot be used as it is."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def fetch(self) -> Grant:
        raise IdentityFailedError(self._why)


class Identities:
    """Grants by upstream and credential; each is fetched by at most one task at a time, which :meth:`run` owns.

    A changed credential is another identity: what an older one brought is not used with it.  *now_s* is monotonic,
    *wall_ms* since 1970, *draw* gives numbers in [0, 1).
    """

    def __init__(
        self,
        sources: Sources,
        *,
        now_s: Callable[[], float],
        wall_ms: Callable[[], int],
        draw: Callable[[], float],
    ) -> None:
        self._sources = sources
        self._now_s = now_s
        self._wall_ms = wall_ms
        self._draw = draw
        self._kept: dict[bytes, _Kept] = {}
        self._latest: dict[str, _Latest] = {}
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Own the fetching, until cancelled; before and after nothing is fetched."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await asyncio.Event().wait()
        finally:
            self._tasks = None

    async def close(self) -> None:
        """Drop the connections that are nobody else's."""
        await self._sources.close()

    async def prove(
        self, upstream: Upstream, request: UpstreamRequest, credential: str | None, *, wait_s: float = WAIT_S
    ) -> Proof:
        """What is added to *request* so that *upstream*, which has an identity, knows us.

        Raises:
            AttemptFailedError: there is nothing to prove it with, nor was in *wait_s*; nothing was sent upstream.
        """
        kept = self._find(upstream, credential)
        keeper = kept.keeper
        now_s = self._now_s()
        grant = keeper.grant(now_s)
        if keeper.is_due(now_s):
            self._renew(kept, upstream.id)
        if grant is None:
            grant = await self._awaited(kept, upstream.id, min(wait_s, WAIT_S))
        if isinstance(grant.what, Bearer):
            return Proof((("authorization", f"Bearer {grant.what.token}"),), grant)
        headers = await signed_headers(grant.what, kept.scope, upstream, request, at_ms=self._wall_ms())
        return Proof(headers, grant)

    def doubt(self, upstream: Upstream, credential: str | None, proof: Proof) -> bool:
        """*upstream* refused *proof*: whether another try may go better.  At most every 30 s that costs a fetch."""
        return self._find(upstream, credential).keeper.doubt(proof.grant, self._now_s())

    async def _awaited(self, kept: _Kept, upstream_id: str, wait_s: float) -> Grant:
        if kept.task is not None:
            # Its result is the keeper's; one who waits and goes leaves the task to the others.
            await asyncio.wait((kept.task,), timeout=wait_s)
        grant = kept.keeper.grant(self._now_s())
        if grant is None:
            raise refused(upstream_id, kept.keeper.failure or "what proves its identity did not come in time")
        return grant

    def _renew(self, kept: _Kept, upstream_id: str) -> None:
        if kept.task is None and self._tasks is not None:
            kept.task = self._tasks.create_task(self._renewing(kept, upstream_id), name="identity")

    async def _renewing(self, kept: _Kept, upstream_id: str) -> None:
        try:
            await kept.keeper.renew(self._now_s)
        finally:
            kept.task = None
        failure = kept.keeper.failure
        if failure != kept.told:  # once, when it changes
            if failure:
                log.warning("identity.failing", extra={"upstream": upstream_id, "reason": failure})
            else:
                log.info("identity.recovered", extra={"upstream": upstream_id, "after": kept.told})
            kept.told = failure

    def _find(self, upstream: Upstream, credential: str | None) -> _Kept:
        latest = self._latest.get(upstream.id)
        if latest is not None and latest.upstream is upstream and latest.credential == credential:
            return latest.kept
        fingerprint = _fingerprint(upstream, credential)
        kept = self._kept.pop(fingerprint, None) or self._made(upstream, credential)
        _put(self._kept, fingerprint, kept)
        self._latest.pop(upstream.id, None)
        _put(self._latest, upstream.id, _Latest(upstream, credential, kept))
        return kept

    def _made(self, upstream: Upstream, credential: str | None) -> _Kept:
        identity = upstream.identity
        assert identity is not None
        scope = Scope("", "")
        try:
            source: Source = self._sources.of(upstream, identity, credential)
            if identity.kind == "AWS":
                scope = self._sources.scope(identity)
        except IdentityFailedError as error:
            source = _Broken(str(error))
        return _Kept(Keeper(source, draw=self._draw), scope)


def _fingerprint(upstream: Upstream, credential: str | None) -> bytes:
    """What tells one identity from another; a digest, so that no secret is kept here."""
    identity = upstream.identity or Identity("OAuth2")
    of = (
        *(upstream.id, upstream.base_url, upstream.allow_private_network, upstream.ca_pem),
        *(identity.kind, sorted(identity.params.items()), credential),
    )
    return hashlib.sha256(msgspec.json.encode(of)).digest()


def _put(memory: dict, key: object, value: object) -> None:  # type: ignore[type-arg]  # two maps, one bound
    if len(memory) >= MAX_KEPT:
        del memory[next(iter(memory))]
    memory[key] = value
