"""An identity's parameters and credential, parsed.  What is not known here is refused."""

from typing import Final, Literal, TypeVar

import msgspec

from sluice_contract.snapshot import Identity
from sluice_dataplane.upstream.identity.grants import IdentityFailedError

CLOUD_PLATFORM: Final = "https://www.googleapis.com/auth/cloud-platform"
AZURE_MODELS: Final = "https://cognitiveservices.azure.com/.default"

_T = TypeVar("_T")


class _Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Base: what a snapshot may say, and nothing else."""


class AwsParams(_Params, frozen=True):
    """Keys of AWS.  ``region`` may come from the pod's own environment instead."""

    region: str = ""
    service: str = "bedrock"
    role_arn: str = msgspec.field(name="roleARN", default="")
    session_name: str = "sluice"
    source: Literal["Static", "WebIdentity", "PodIdentity"] = "Static"
    sts_url: str = msgspec.field(name="stsURL", default="")


class GcpParams(_Params, frozen=True):
    """A token of Google's."""

    source: Literal["ServiceAccount", "Metadata", "Federation"] = "ServiceAccount"
    scope: str = CLOUD_PLATFORM


class AzureParams(_Params, frozen=True):
    """A token of Microsoft Entra ID.  What is empty may come from the pod's own environment, for WorkloadIdentity."""

    tenant_id: str = msgspec.field(name="tenantID", default="")
    client_id: str = msgspec.field(name="clientID", default="")
    authority_host: str = ""
    scope: str = AZURE_MODELS
    source: Literal["ClientSecret", "WorkloadIdentity"] = "ClientSecret"


class OAuth2Params(_Params, frozen=True):
    """A token by client credentials (RFC 6749 §4.4)."""

    token_url: str = msgspec.field(name="tokenURL")
    client_id: str = msgspec.field(name="clientID")
    scope: str = ""
    audience: str = ""
    auth_style: Literal["Basic", "Body"] = "Basic"


def parsed(identity: Identity, of: type[_T]) -> _T:
    """The parameters of *identity*.

    Raises:
        IdentityFailedError: one is unknown, absent or of a wrong form; the message names it.
    """
    try:
        return msgspec.convert(identity.params, type=of)
    except msgspec.ValidationError as error:
        raise IdentityFailedError(f"its {identity.kind} identity cannot be used: {error}") from None


def document(credential: bytes | str | None, of: type[_T], what: str) -> _T:
    """A credential that is JSON.

    Raises:
        IdentityFailedError: it is not, or there is none; the message names *what* it should be and quotes nothing.
    """
    if not credential:
        raise IdentityFailedError("it needs a credential and there is none")
    try:
        return msgspec.json.decode(credential, type=of)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise IdentityFailedError(f"its credential is not {what}") from None


def plain(credential: str | None) -> str:
    """A credential that is a secret and nothing else.

    Raises:
        IdentityFailedError: there is none.
    """
    if not credential:
        raise IdentityFailedError("it needs a credential and there is none")
    return credential
