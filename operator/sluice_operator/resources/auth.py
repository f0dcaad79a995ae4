"""How an account says who we are: a key, a cloud's identity, a token that is fetched.  Resolves no reference."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from sluice_operator.resources.address import WebURL
from sluice_operator.resources.base import Rule, Value, alias_of
from sluice_operator.resources.common import EntryRef, Label

Scope = Annotated[str, Field(pattern=r"^[!-~]+( [!-~]+)*$", max_length=1024)]
Word = Annotated[str, Field(pattern=r"^[!-~]+$", max_length=512)]


class SecretValue(Value):
    """An entry of a Secret of this namespace."""

    secret_ref: EntryRef


def _says(owner: str, value: str) -> str:
    # Inside lists no default is filled in; *value* is never one.
    return f"(has(self.{owner}) && self.{owner} == '{value}')"


def _only(member: str, owner: str, value: str) -> Rule:
    """*member* is there exactly where the field *owner* says *value*."""
    name = alias_of(member)
    return Rule(
        cel=f"{_says(owner, value)} == has(self.{name})",
        message=f"{name}: needed by {owner}: {value}, and by nothing else",
        holds=lambda it: (getattr(it, owner) == value) == (getattr(it, member) is not None),
    )


class AWSAuth(Value):
    """Requests are signed."""

    source: Literal["WebIdentity", "PodIdentity", "Static"] = "WebIdentity"
    """WebIdentity: the data plane's ServiceAccount takes on an IAM role (IRSA).  PodIdentity: EKS Pod Identity.
    Static: an access key in Secrets."""
    access_key_id: SecretValue | None = None
    secret_access_key: SecretValue | None = None
    session_token: SecretValue | None = None
    """Of a temporary access key."""
    role_arn: (
        Annotated[
            str, Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,512}$", max_length=600)
        ]
        | None
    ) = None
    """The role to take on; by default the one that EKS names for the data plane's pods, and no other."""
    session_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+=,.@-]{2,64}$", max_length=64)] | None = None
    """How the role's session is called in AWS's logs."""
    sts_url: WebURL | None = None
    """Of the token service; the region's own by default."""

    rules: ClassVar[tuple[Rule, ...]] = (
        _only("access_key_id", "source", "Static"),
        _only("secret_access_key", "source", "Static"),
        Rule(
            cel=f"!has(self.sessionToken) || {_says('source', 'Static')}",
            message="sessionToken: only with source: Static",
            holds=lambda it: it.session_token is None or it.source == "Static",
        ),
        Rule(
            cel="!has(self.source) || self.source == 'WebIdentity' || has(self.roleARN)"
            " || !(has(self.sessionName) || has(self.stsURL))",
            message="sessionName and stsURL: only where a role is taken on",
            holds=lambda it: it.source == "WebIdentity" or it.role_arn or not (it.session_name or it.sts_url),
        ),
    )


class GCPFederation(Value):
    """A ServiceAccount of the cluster stands for an identity of Google's (workload identity federation)."""

    audience: Annotated[
        str,
        Field(
            pattern=r"^//iam\.googleapis\.com/[A-Za-z0-9._/-]+$",
            max_length=512,
        ),
    ]
    """The identity pool's provider, as //iam.googleapis.com/projects/…/providers/…."""
    service_account: (
        Annotated[str, Field(pattern=r"^[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com$", max_length=256)] | None
    ) = None
    """The service account of Google's to act as; none by default: the pool's identity itself."""
    token: Label = "gcp"  # noqa: S105  # a name
    """The projected token of the data plane, by its name in the chart's cloudIdentity.tokens."""


class GCPAuth(Value):
    """A token of Google's is fetched, and again before it ends."""

    source: Literal["Metadata", "ServiceAccount", "Federation"] = "Metadata"
    """Metadata: GKE's workload identity, or the machine's own.  ServiceAccount: a key file in a Secret.
    Federation: outside Google's cloud."""
    key: SecretValue | None = None
    """The JSON of a service account's key."""
    federation: GCPFederation | None = None
    scope: Scope | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        _only("key", "source", "ServiceAccount"),
        _only("federation", "source", "Federation"),
    )


class AzureADAuth(Value):
    """A token of Entra's is fetched, and again before it ends."""

    source: Literal["WorkloadIdentity", "ClientSecret"] = "WorkloadIdentity"
    """WorkloadIdentity: the data plane's ServiceAccount is federated with an application."""
    tenant_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$", max_length=253)] | None = None
    """By default the one that Azure's webhook names for the data plane's pods."""
    client_id: Annotated[str, Field(pattern=r"^[0-9A-Fa-f-]{36}$", max_length=36)] | None = None
    """By default the one that Azure's webhook names for the data plane's pods."""
    client_secret: SecretValue | None = None
    authority_host: WebURL | None = None
    """https://login.microsoftonline.com by default."""
    scope: Scope | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        _only("client_secret", "source", "ClientSecret"),
        Rule(
            cel=f"!{_says('source', 'ClientSecret')} || (has(self.tenantID) && has(self.clientID))",
            message="tenantID and clientID: required with source: ClientSecret",
            holds=lambda it: it.source != "ClientSecret" or bool(it.tenant_id and it.client_id),
        ),
    )


class OAuth2Auth(Value):
    """A token is fetched with client credentials, and again before it ends (RFC 6749, section 4.4)."""

    token_url: WebURL
    client_id: Word
    client_secret: SecretValue
    scope: Scope | None = None
    audience: Word | None = None
    auth_style: Literal["Basic", "Body"] = "Basic"
    """How the client's id and secret are said: as Basic authentication, or in the body."""


_MEMBERS: Final = {"AWS": "aws", "GCP": "gcp", "AzureAD": "azure_ad", "OAuth2": "oauth2", "APIKey": "api_key"}


def _member(type_: str, name: str, *, needed: bool) -> Rule:
    if needed:
        return _only(name, "type", type_)
    return Rule(
        cel=f"!has(self.{alias_of(name)}) || self.type == '{type_}'",
        message=f"{alias_of(name)}: only with type: {type_}",
        holds=lambda it: getattr(it, name) is None or it.type == type_,
    )


class Auth(Value):
    """How we say who we are."""

    type: Literal["APIKey", "None", "AWS", "GCP", "AzureAD", "OAuth2"]
    """APIKey: a key in a header.  None: nothing is sent.  AWS: requests are signed.  GCP, AzureAD, OAuth2: a token is
    fetched, and again before it ends.  The field of that name says the rest."""
    api_key: SecretValue | None = None
    aws: AWSAuth | None = None
    gcp: GCPAuth | None = None
    azure_ad: AzureADAuth | None = None
    oauth2: OAuth2Auth | None = None

    rules: ClassVar[tuple[Rule, ...]] = tuple(
        _member(type_, name, needed=type_ in ("APIKey", "OAuth2")) for type_, name in _MEMBERS.items()
    )

    @property
    def ambient(self) -> bool:
        """Whether the data plane's own identity is used, which it has from where it runs."""
        sources = (
            (self.aws or AWSAuth()).source if self.type == "AWS" else None,
            (self.gcp or GCPAuth()).source if self.type == "GCP" else None,
            (self.azure_ad or AzureADAuth()).source if self.type == "AzureAD" else None,
        )
        return any(each not in (None, "Static", "ServiceAccount", "ClientSecret") for each in sources)

    def urls(self) -> tuple[str, ...]:
        """Where else a credential is shown."""
        found = (
            self.aws and self.aws.sts_url,
            self.azure_ad and self.azure_ad.authority_host,
            self.oauth2 and self.oauth2.token_url,
        )
        return tuple(url for url in found if url)
