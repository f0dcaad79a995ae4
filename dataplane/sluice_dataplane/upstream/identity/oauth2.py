"""OAuth 2.0 client credentials (RFC 6749 §4.4): a client's ID and secret → a token."""

import base64
from urllib.parse import quote_plus

from sluice_dataplane.upstream.identity.answers import bearer_of
from sluice_dataplane.upstream.identity.asking import Asker
from sluice_dataplane.upstream.identity.grants import Grant
from sluice_dataplane.upstream.identity.params import OAuth2Params


class ClientCredentials:
    """A token from ``tokenURL``."""

    def __init__(self, asker: Asker, params: OAuth2Params, secret: str) -> None:
        self._asker = asker
        self._params = params
        self._secret = secret

    async def fetch(self) -> Grant:
        """See Source."""
        params = self._params
        fields = {"grant_type": "client_credentials", "scope": params.scope, "audience": params.audience}
        if params.auth_style == "Body":
            fields |= {"client_id": params.client_id, "client_secret": self._secret}
            return bearer_of(await self._asker.form(params.token_url, fields))
        # RFC 6749 §2.3.1: each is form-encoded before they are joined.
        pair = f"{quote_plus(params.client_id)}:{quote_plus(self._secret)}".encode()
        basic = ("authorization", f"Basic {base64.b64encode(pair).decode()}")
        return bearer_of(await self._asker.form(params.token_url, fields, (basic,)))
