"""Tokens of Google's: by a service account's key, or from the metadata server of the pod's node."""

import asyncio
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import msgspec

from sluice_dataplane.upstream.identity.answers import bearer_of
from sluice_dataplane.upstream.identity.asking import Asker
from sluice_dataplane.upstream.identity.grants import Grant, IdentityFailedError
from sluice_dataplane.upstream.identity.params import CLOUD_PLATFORM, document
from sluice_dataplane.upstream.identity.pod import Pod

TOKEN_URL: Final = "https://oauth2.googleapis.com/token"  # noqa: S105  # a URL
METADATA_HOST: Final = "metadata.google.internal"
METADATA_PATH: Final = "/computeMetadata/v1/instance/service-accounts/default/token"
_FLAVOR: Final = ("metadata-flavor", "Google")
_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523
ASSERTION_S: Final = 3600  # the longest that Google takes


class ServiceAccountKey(msgspec.Struct, frozen=True):
    """The JSON that Google gives out for a service account."""

    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = TOKEN_URL

    def __repr__(self) -> str:
        return "ServiceAccountKey(redacted)"


class ServiceAccount:
    """A token for an assertion that the service account's key signs.  *wall_s* tells seconds since 1970."""

    def __init__(self, asker: Asker, scope: str, credential: str | None, wall_s: Callable[[], float]) -> None:
        self._asker = asker
        self._scope = scope
        self._wall_s = wall_s
        self._key = document(credential, ServiceAccountKey, "the JSON key of a Google service account")

    async def fetch(self) -> Grant:
        """See Source."""
        assertion = await asyncio.to_thread(self._assertion, int(self._wall_s()))
        fields = {"grant_type": _JWT_BEARER, "assertion": assertion}
        return bearer_of(await self._asker.form(self._key.token_uri, fields))

    def _assertion(self, now_s: int) -> str:
        # Only now, and in a thread: it takes 45 ms the first time, and memory that most gateways need not have.
        from sluice_dataplane.upstream.identity.assertion import signed  # noqa: PLC0415

        key = self._key
        claims: dict[str, str | int] = {"iss": key.client_email, "scope": self._scope, "aud": key.token_uri}
        return signed(claims | {"iat": now_s, "exp": now_s + ASSERTION_S}, key.private_key, key.private_key_id)


class Metadata:
    """A token of the pod's own Google service account, as GKE's metadata server gives it.

    *asker* may ask metadata services.  ``GCE_METADATA_HOST`` names another host, as it does for Google's libraries.
    """

    def __init__(self, asker: Asker, scope: str, pod: Pod) -> None:
        self._asker = asker
        # The server's own default is cloud-platform too; it is asked for a scope only where another is wanted.
        self._query = "" if scope == CLOUD_PLATFORM else f"?scopes={quote(','.join(scope.split()), safe=',')}"
        self._host = pod.environ.get("GCE_METADATA_HOST") or METADATA_HOST

    async def fetch(self) -> Grant:
        """See Source."""
        reply = await self._asker.ask("GET", f"http://{self._host}{METADATA_PATH}{self._query}", (_FLAVOR,))
        if _FLAVOR not in reply.headers:  # whoever answered there is no metadata server
            raise IdentityFailedError(f"what answers at {self._host} is no metadata server of Google's")
        return bearer_of(reply)
