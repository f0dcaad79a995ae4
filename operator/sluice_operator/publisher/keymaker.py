"""Generated keys: a Secret is made first, then read back like anybody's, digested and published.

The plaintext lives in one local variable until the API server has it.  A Secret that is not ours is never written.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sluice_operator import manifests
from sluice_operator.cluster import Cluster, Manifest
from sluice_operator.compiler import WantedSecret
from sluice_operator.compiler.keys import TOKEN_RANDOM_BYTES, format_token
from sluice_operator.errors import ClusterError
from sluice_operator.publisher.notices import key_created
from sluice_operator.publisher.parallel import each
from sluice_operator.publisher.world import World

_AT_ONCE: Final = 16
MAX_AT_A_TIME: Final = 500  # then the world is compiled again, and those that were made begin to work

log = logging.getLogger(__name__)


class KeyMaker:
    """Makes Secrets of generated keys; ``refused`` says why one could not be made, by the VirtualKey's uid."""

    def __init__(
        self,
        cluster: Cluster,
        world: World,
        *,
        random_bytes: Callable[[int], bytes],
        tell: Callable[[manifests.Notice], None],
    ) -> None:
        self._cluster: Final = cluster
        self._world: Final = world
        self._random_bytes: Final = random_bytes
        self._tell: Final = tell
        self._refused: dict[str, str] = {}

    @property
    def refused(self) -> Mapping[str, str]:
        """Why a wanted Secret could not be made, by the uid of its VirtualKey."""
        return self._refused

    async def make(self, wanted: Sequence[WantedSecret], *, pressing: Callable[[], bool]) -> int:
        """Make the first MAX_AT_A_TIME of *wanted*; how many Secrets are there now that were not.

        Args:
            wanted: all that are wanted.
            pressing: whether something came up that must not wait for them; then the rest is left for later.

        Raises:
            ClusterError: the API server is away; what was made by then is in the world.
        """
        made = 0
        self._refused = {uid: why for uid, why in self._refused.items() if any(w.owner.uid == uid for w in wanted)}

        async def one(want: WantedSecret) -> None:
            nonlocal made
            if pressing():
                return
            try:
                refusal = await self._make(want)
            except ClusterError as error:
                if error.transient:
                    raise
                refusal = f"Secret {want.secret} cannot be written: the API server refused with {error.status}"
            if refusal is None:
                made += 1
                self._refused.pop(want.owner.uid, None)
            else:
                self._refused[want.owner.uid] = refusal

        # Those refused before go last, so that they cannot keep others from their turn.
        order = sorted(wanted, key=lambda want: want.owner.uid in self._refused)
        await each(order[:MAX_AT_A_TIME], one, at_once=_AT_ONCE)
        return made

    async def _make(self, want: WantedSecret) -> str | None:
        """None when compiling again will find something new, else why not."""
        manifest = self._manifest(want)
        secret = await self._cluster.create(manifest)
        if secret is None:
            secret = await self._cluster.get("Secret", want.secret)
            if secret is None:
                return f"Secret {want.secret} comes and goes"
            if self._world.hear("Secret", secret, listed=True).dirty:
                return None  # it is there, we had not heard of it
            if not self._may_write(secret, want):
                return f"Secret {want.secret} exists and is not this key's: it is left as it is"
            # With its uid, so that it is this one that is written, or none.
            metadata = {**manifest["metadata"], "uid": secret["metadata"]["uid"]}
            secret = await self._cluster.apply({**manifest, "metadata": metadata})
        self._world.hear("Secret", secret, listed=True)
        self._tell(key_created(want.owner, key_id=want.key_id, secret=want.secret.name))
        log.info("key.created", extra={"namespace": want.secret.namespace, "key_id": want.key_id})
        return None

    def _may_write(self, secret: Manifest, want: WantedSecret) -> bool:
        """Whether *secret* is this key's, or of a key that is gone and only waits for the garbage collector."""
        owners = manifests.owner_uids(secret)
        others = {entry.uid for entry in self._world.entries("VirtualKey")} - {want.owner.uid}
        return bool(owners) and not owners & others

    def _manifest(self, want: WantedSecret) -> manifests.Manifest:
        token = format_token(want.key_id, self._random_bytes(TOKEN_RANDOM_BYTES))
        return manifests.key_secret(want.owner, want.secret, entry=want.entry, key_id=want.key_id, token=token)
