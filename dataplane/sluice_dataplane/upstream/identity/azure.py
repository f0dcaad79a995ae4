"""Tokens of Microsoft Entra ID (the OAuth 2.0 endpoints v2.0): by a client's secret, or by the pod's own token."""

import re
from typing import Final

from sluice_dataplane.upstream.identity.answers import bearer_of
from sluice_dataplane.upstream.identity.asking import Asker
from sluice_dataplane.upstream.identity.grants import Grant, IdentityFailedError
from sluice_dataplane.upstream.identity.params import AzureParams
from sluice_dataplane.upstream.identity.pod import Pod
from sluice_dataplane.upstream.identity.trust import check_shown_to

AUTHORITY: Final = "https://login.microsoftonline.com"
TOKEN_FILE: Final = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105  # a variable's name
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523
_TENANT: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,252}")


class ClientSecret:
    """A token by the secret of an app registration."""

    def __init__(self, asker: Asker, params: AzureParams, secret: str) -> None:
        if not params.client_id:
            raise IdentityFailedError("its AzureAD identity cannot be used: clientID is missing")
        self._asker = asker
        self._url = _url(params.authority_host or AUTHORITY, params.tenant_id)
        self._fields = _fields(params.client_id, params.scope) | {"client_secret": secret}

    async def fetch(self) -> Grant:
        """See Source."""
        return bearer_of(await self._asker.form(self._url, self._fields))


class WorkloadIdentity:
    """A token for the pod's own projected token, as Azure Workload Identity sets the pod up."""

    def __init__(self, asker: Asker, params: AzureParams, pod: Pod) -> None:
        authority = params.authority_host or pod.environ.get("AZURE_AUTHORITY_HOST") or AUTHORITY
        self._asker = asker
        self._pod = pod
        self._url = _url(authority, params.tenant_id or pod.variable("AZURE_TENANT_ID"))
        self._fields = _fields(params.client_id or pod.variable("AZURE_CLIENT_ID"), params.scope)
        check_shown_to(self._url, "AzureAD tokens", pod.trusted)

    async def fetch(self) -> Grant:
        """See Source."""
        assertion = await self._pod.token(TOKEN_FILE)
        fields = {**self._fields, "client_assertion_type": _ASSERTION, "client_assertion": assertion}
        return bearer_of(await self._asker.form(self._url, fields))


def _fields(client_id: str, scope: str) -> dict[str, str]:
    return {"grant_type": "client_credentials", "client_id": client_id, "scope": scope}


def _url(authority: str, tenant: str) -> str:
    if not _TENANT.fullmatch(tenant):
        raise IdentityFailedError("its AzureAD identity cannot be used: tenantID is missing or no tenant's ID")
    return f"{authority.rstrip('/')}/{tenant}/oauth2/v2.0/token"
