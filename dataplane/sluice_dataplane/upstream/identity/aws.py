"""Keys of AWS: those of a Secret, a role for the pod's own token (IRSA), those of EKS Pod Identity; roles on top."""

import ipaddress
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import msgspec

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import Headers, UpstreamRequest
from sluice_dataplane.upstream.identity.answers import assumed_keys_of, container_keys_of, signing_keys
from sluice_dataplane.upstream.identity.asking import Asker, split
from sluice_dataplane.upstream.identity.grants import Grant, IdentityFailedError, SigningKeys, Source
from sluice_dataplane.upstream.identity.params import AwsParams, document
from sluice_dataplane.upstream.identity.pod import Pod
from sluice_dataplane.upstream.identity.signing import signed_headers
from sluice_dataplane.upstream.identity.sigv4 import Scope
from sluice_dataplane.upstream.identity.trust import EKS_ADDRESSES, check_shown_to

TOKEN_FILE: Final = "AWS_WEB_IDENTITY_TOKEN_FILE"  # noqa: S105  # a variable's name
CONTAINER_URI: Final = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
CONTAINER_TOKEN_FILE: Final = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # noqa: S105  # a variable's name
ROLE_S: Final = 3600  # how long a role is taken on: what every role allows

_REGION: Final = re.compile(r"[a-z]{2,5}(?:-[a-z]+)+-[0-9]{1,2}")
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,512}")
_SESSION: Final = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
_DOMAINS: Final = (("cn-", "amazonaws.com.cn"), ("eusc-", "amazonaws.eu"), ("", "amazonaws.com"))


class StaticKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A credential: one access key."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return "StaticKeys(redacted)"


class Static:
    """The access key of a Secret, which lasts as long as it stands there."""

    def __init__(self, credential: str | None) -> None:
        keys = document(credential, StaticKeys, "JSON of accessKeyId, secretAccessKey and perhaps sessionToken")
        self._grant = Grant(signing_keys(keys.access_key_id, keys.secret_access_key, keys.session_token))

    async def fetch(self) -> Grant:
        """See Source."""
        return self._grant


class WebIdentity:
    """A role for the pod's own projected token: IAM roles for service accounts, or any issuer that the role trusts."""

    def __init__(self, asker: Asker, params: AwsParams, pod: Pod, wall_s: Callable[[], float]) -> None:
        self._asker = asker
        self._pod = pod
        self._wall_s = wall_s
        self._url = sts_url(params, pod)
        check_shown_to(self._url, "AWS tokens", pod.trusted)
        self._fields = _role(params.role_arn or pod.variable("AWS_ROLE_ARN"), params.session_name)
        self._fields["Action"] = "AssumeRoleWithWebIdentity"

    async def fetch(self) -> Grant:
        """See Source."""
        token = await self._pod.token(TOKEN_FILE)
        now_s = self._wall_s()
        reply = await self._asker.form(self._url, {**self._fields, "WebIdentityToken": token})
        return assumed_keys_of(reply, now_s)


class PodIdentity:
    """The keys that EKS gives the pod's ServiceAccount.  *asker* may ask metadata services."""

    def __init__(self, asker: Asker, pod: Pod, wall_s: Callable[[], float]) -> None:
        self._asker = asker
        self._pod = pod
        self._wall_s = wall_s
        self._url = pod.variable(CONTAINER_URI)
        if not _is_container_agent(self._url):
            raise IdentityFailedError(f"{CONTAINER_URI} is not one that the agent of EKS Pod Identity answers at")

    async def fetch(self) -> Grant:
        """See Source."""
        token = await self._pod.token(CONTAINER_TOKEN_FILE)
        now_s = self._wall_s()
        return container_keys_of(await self._asker.ask("GET", self._url, (("authorization", token),)), now_s)


class AssumedRole:
    """A role taken on with the keys of *base*."""

    def __init__(self, asker: Asker, params: AwsParams, pod: Pod, base: Source, wall_s: Callable[[], float]) -> None:
        self._asker = asker
        self._base = base
        self._wall_s = wall_s
        self._scope = Scope(region(params, pod), "sts")
        self._url = sts_url(params, pod)
        self._fields = _role(params.role_arn, params.session_name) | {"Action": "AssumeRole"}

    async def fetch(self) -> Grant:
        """See Source."""
        base = await self._base.fetch()
        assert isinstance(base.what, SigningKeys)
        now_s = self._wall_s()
        keys = base.what

        async def sign(place: Upstream, request: UpstreamRequest) -> Headers:
            return await signed_headers(keys, self._scope, place, request, at_ms=int(now_s * 1000))

        return assumed_keys_of(await self._asker.form(self._url, self._fields, sign=sign), now_s)


def region(params: AwsParams, pod: Pod) -> str:
    """The region that requests are signed for.

    Raises:
        IdentityFailedError: none is said, or what is said is none.
    """
    found = params.region or pod.variable("AWS_REGION", "AWS_DEFAULT_REGION")
    if not _REGION.fullmatch(found):
        raise IdentityFailedError("its AWS identity cannot be used: region is no region")
    return found


def sts_url(params: AwsParams, pod: Pod) -> str:
    """Where roles are given out: the service of the region, unless another is named."""
    if params.sts_url:
        return params.sts_url
    where = region(params, pod)
    domain = next(domain for prefix, domain in _DOMAINS if where.startswith(prefix))
    return f"https://sts.{where}.{domain}/"


def _role(arn: str, session: str) -> dict[str, str]:
    if not _ROLE.fullmatch(arn):
        raise IdentityFailedError("its AWS identity cannot be used: roleARN is no role's")
    if not _SESSION.fullmatch(session):
        raise IdentityFailedError("its AWS identity cannot be used: sessionName is none that AWS takes")
    return {"Version": "2011-06-15", "RoleArn": arn, "RoleSessionName": session, "DurationSeconds": str(ROLE_S)}


def _is_container_agent(url: str) -> bool:
    try:
        base_url, _ = split(url, plain_allowed=True)
        address = ipaddress.ip_address(urlsplit(base_url).hostname or "")
    except (IdentityFailedError, ValueError):
        return False
    return address.is_loopback or str(address) in EKS_ADDRESSES
