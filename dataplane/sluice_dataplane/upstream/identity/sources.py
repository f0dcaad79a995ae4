"""Which source gives what an upstream's identity needs.  Decides; fetches nothing."""

import re
from collections.abc import Callable
from typing import Final

from sluice_contract.snapshot import Identity, Upstream
from sluice_dataplane.upstream.identity.asking import Asker
from sluice_dataplane.upstream.identity.aws import AssumedRole, PodIdentity, Static, WebIdentity, region, sts_url
from sluice_dataplane.upstream.identity.azure import ClientSecret, WorkloadIdentity
from sluice_dataplane.upstream.identity.gcp import Metadata, ServiceAccount
from sluice_dataplane.upstream.identity.gcp_federation import Federation
from sluice_dataplane.upstream.identity.grants import IdentityFailedError, Source
from sluice_dataplane.upstream.identity.oauth2 import ClientCredentials
from sluice_dataplane.upstream.identity.params import (
    AwsParams,
    AzureParams,
    GcpParams,
    OAuth2Params,
    parsed,
    plain,
)
from sluice_dataplane.upstream.identity.pod import Pod
from sluice_dataplane.upstream.identity.sigv4 import Scope
from sluice_dataplane.upstream.identity.trust import Purpose, check_shown_to
from sluice_dataplane.upstream.seam import Upstreams

_SERVICE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_MODELS: Final[dict[str, Purpose]] = {"AWS": "AWS models", "GCP": "GCP models", "AzureAD": "AzureAD models"}


class Sources:
    """Makes sources.

    *http* calls what users name, *metadata* the metadata services and nothing else.  *wall_s* tells seconds since 1970.
    """

    def __init__(self, http: Upstreams, metadata: Upstreams, pod: Pod, wall_s: Callable[[], float]) -> None:
        self._http = http
        self._metadata = metadata
        self._pod = pod
        self._wall_s = wall_s

    def of(self, upstream: Upstream, identity: Identity, credential: str | None) -> Source:
        """The source for *upstream*.

        Raises:
            IdentityFailedError: its identity cannot be used; the message says why.
        """
        asker = Asker(self._http, upstream)
        match identity.kind:
            case "AWS":
                return self._aws(upstream, asker, parsed(identity, AwsParams), credential)
            case "GCP":
                return self._gcp(upstream, asker, parsed(identity, GcpParams), credential)
            case "AzureAD":
                azure = parsed(identity, AzureParams)
                if azure.source == "ClientSecret":
                    return ClientSecret(asker, azure, plain(credential))
                self._check_models(upstream, identity.kind)
                return WorkloadIdentity(asker, azure, self._pod)
            case "OAuth2":
                return ClientCredentials(asker, parsed(identity, OAuth2Params), plain(credential))

    async def close(self) -> None:
        """Drop the connections to metadata services; the others are their client's."""
        await self._metadata.close()

    def scope(self, identity: Identity) -> Scope:
        """What requests with AWS's keys are signed for.

        Raises:
            IdentityFailedError: as :meth:`of`.
        """
        params = parsed(identity, AwsParams)
        if not _SERVICE.fullmatch(params.service):
            raise IdentityFailedError("its AWS identity cannot be used: service is no service")
        return Scope(region(params, self._pod), params.service)

    def _aws(self, upstream: Upstream, asker: Asker, params: AwsParams, credential: str | None) -> Source:
        if params.source == "Static":
            base: Source = Static(credential)
        else:
            self._check_models(upstream, "AWS")
            if params.source == "WebIdentity":
                return WebIdentity(asker, params, self._pod, self._wall_s)
            base = PodIdentity(self._metadata_asker(upstream), self._pod, self._wall_s)
            if params.role_arn:
                check_shown_to(sts_url(params, self._pod), "AWS tokens", self._pod.trusted)
        if not params.role_arn:
            return base
        return AssumedRole(asker, params, self._pod, base, self._wall_s)

    def _gcp(self, upstream: Upstream, asker: Asker, params: GcpParams, credential: str | None) -> Source:
        if params.source == "ServiceAccount":
            return ServiceAccount(asker, params.scope, credential, self._wall_s)
        self._check_models(upstream, "GCP")
        if params.source == "Metadata":
            return Metadata(self._metadata_asker(upstream), params.scope, self._pod)
        return Federation(asker, params.scope, credential, self._pod, self._wall_s)

    def _check_models(self, upstream: Upstream, kind: str) -> None:
        """That the pod's own identity may be shown to *upstream* itself."""
        check_shown_to(upstream.base_url, _MODELS[kind], self._pod.trusted)

    def _metadata_asker(self, upstream: Upstream) -> Asker:
        return Asker(self._metadata, upstream, private_allowed=True)
