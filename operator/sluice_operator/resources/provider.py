"""ModelProvider: one provider account, alone or inline in a ModelDeployment's target.  Resolves no name."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from sluice_operator.providers.row import DIALECTS, Dialect
from sluice_operator.providers.table import ECHO, PROVIDERS
from sluice_operator.resources.address import INWARD_URL, Headers, WebURL
from sluice_operator.resources.auth import Auth
from sluice_operator.resources.base import ListOf, OneOf, Rule, Value, cel_string
from sluice_operator.resources.common import EntryRef, Limits, NamespaceSelector, Resource
from sluice_operator.resources.passthrough import Passthrough
from sluice_operator.resources.prices import Prices
from sluice_operator.resources.provider_rules import (
    OWN,
    WITHOUT_DEFAULT_URL,
    is_echo_delay,
    is_outward,
    is_url,
    parameter,
    speaks,
    takes,
)

ProviderType = Annotated[str, OneOf(tuple(PROVIDERS))]
Dialects = Annotated[tuple[Dialect, ...], Field(min_length=1, max_length=5), ListOf()]
Place = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", max_length=63)]


class ProviderAccount(Value):
    """Where to send and as whom."""

    type: ProviderType | None = None
    """A row of the provider table.  Where it is left out the name of the model tells: claude-… is Anthropic's,
    groq/… is Groq's."""
    base_url: (
        Annotated[
            WebURL,
            Rule(
                cel="isURL(self)",
                message="should be a URL such as https://host/v1",
                holds=is_url,
            ),
        ]
        | None
    ) = None
    """Up to and with the version, such as https://api.openai.com/v1; the provider's own by default."""
    region: Place | None = None
    """Of AWS."""
    project: Annotated[str, Field(pattern=r"^[a-z0-9.:-]+$", max_length=100)] | None = None
    """Of Google Cloud."""
    location: Place | None = None
    """Of Google Cloud; global by default."""
    account_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", max_length=32)] | None = None
    """Of Cloudflare."""
    dialects: Dialects = ()
    """The APIs for conversations that are spoken there; by default those of the type.  Calls in others are
    translated."""
    auth: Auth | None = None
    headers: Headers = Field(default_factory=dict)
    """Fixed headers to add.  No secrets: they would be readable to everyone who may read this object."""
    allow_private_network: bool = False
    """Whether the host may be, or resolve to, a private or loopback address, and be spoken to without TLS."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.type) || !(has(self.baseURL) || has(self.dialects))",
            message="type: required with baseURL or dialects",
            holds=lambda it: it.type is not None or not {"base_url", "dialects"} & it.model_fields_set,
        ),
        Rule(
            cel="has(self.type) || !has(self.auth) || self.auth.type == 'APIKey'",
            message="type: required with any auth but APIKey",
            holds=lambda it: it.type is not None or it.auth is None or it.auth.type == "APIKey",
        ),
        Rule(
            cel=f"!has(self.type) || !(self.type in {WITHOUT_DEFAULT_URL}) || has(self.baseURL)",
            message=f"baseURL: required for {', '.join(WITHOUT_DEFAULT_URL)}",
            holds=lambda it: it.type not in WITHOUT_DEFAULT_URL or it.base_url is not None,
        ),
        Rule(
            cel="!has(self.type) || self.type != 'Echo' || !(has(self.baseURL) || has(self.auth))",
            message="Echo answers by itself: it takes no baseURL or auth",
            holds=lambda it: it.type != ECHO or not {"base_url", "auth"} & it.model_fields_set,
        ),
        Rule(
            cel="!has(self.type) || self.type != 'Echo' || !has(self.headers) || self.headers.all(k,"
            " k == 'chunk-delay-ms' && self.headers[k].matches('^([0-9]{1,3}|[1-4][0-9]{3}|5000)$'))",
            message="Echo sends no headers: the only one it takes is chunk-delay-ms, 0 to 5000 between streamed chunks",
            holds=lambda it: it.type != ECHO or all(is_echo_delay(k, v) for k, v in it.headers.items()),
        ),
        Rule(
            cel=f"(has(self.type) && self.type in {OWN}) || has(self.auth)",
            message="auth: required; say type: None where the provider asks for no credential",
            holds=lambda it: it.type in OWN or it.auth is not None,
        ),
        *(takes(auth) for auth in ("AWS", "GCP", "AzureAD", "OAuth2", "APIKey")),
        *(speaks(dialect) for dialect in DIALECTS),
        *parameter("region", "region"),
        *parameter("project", "project"),
        *parameter("location", "location", default=True),
        *parameter("account_id", "accountID"),
        Rule(
            cel="!has(self.baseURL) || (has(self.allowPrivateNetwork) && self.allowPrivateNetwork)"
            f" || (self.baseURL.startsWith('https://') && !self.baseURL.matches({cel_string(INWARD_URL)}))",
            message="baseURL: without allowPrivateNetwork it is https and no private, loopback or metadata address",
            holds=lambda it: it.base_url is None or it.allow_private_network or is_outward(it.base_url),
        ),
        Rule(
            cel="!has(self.auth) || (has(self.allowPrivateNetwork) && self.allowPrivateNetwork) || ["
            "has(self.auth.aws) && has(self.auth.aws.stsURL) ? self.auth.aws.stsURL : 'https://',"
            "has(self.auth.azureAD) && has(self.auth.azureAD.authorityHost) ? self.auth.azureAD.authorityHost"
            " : 'https://', has(self.auth.oauth2) ? self.auth.oauth2.tokenURL : 'https://'"
            "].all(url, url.startsWith('https://'))",
            message="auth: without allowPrivateNetwork credentials are shown to https addresses only",
            holds=lambda it: (
                it.auth is None or it.allow_private_network or all(url.startswith("https://") for url in it.auth.urls())
            ),
        ),
    )


class TLS(Value):
    """Whom to trust besides the system's authorities."""

    ca_config_map_ref: EntryRef


class ModelProviderSpec(ProviderAccount):
    """What is wanted of a provider account."""

    type: ProviderType
    allowed_namespaces: NamespaceSelector = NamespaceSelector()
    """Whose ModelDeployments may refer to it."""
    tls: TLS | None = None
    limits: Limits = ()
    """Of the account, for everything that is sent to it; each attempt counts."""
    pricing: Annotated[
        dict[str, Prices],
        Field(max_length=64),
        Rule(
            cel="self.all(k, size(k) <= 253 && k.matches('^[A-Za-z0-9._:/@+*-]+$'))",
            message="a key is the upstream's name of a model, or a pattern of such names",
            holds=lambda it: all(0 < len(k) <= 253 and not set(k) - _PATTERN_CHARACTERS for k in it),
        ),
    ] = Field(default_factory=dict)
    """Prices by the upstream's name of the model (``*`` stands for anything), over the install's price book and the
    built-in one."""
    passthrough: Passthrough | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        *ProviderAccount.rules,
        Rule(
            cel="self.type != 'Echo' || !has(self.tls)",
            message="Echo answers by itself: it takes no tls",
            holds=lambda it: it.type != ECHO or it.tls is None,
        ),
        Rule(
            cel="self.type != 'Echo' || !has(self.passthrough)",
            message="Echo answers by itself: it has no other routes",
            holds=lambda it: it.type != ECHO or it.passthrough is None,
        ),
    )


_PATTERN_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@+*-")


class ModelProvider(Resource):
    """One provider account: type, address, credential, prices, and who may use it."""

    kind: Literal["ModelProvider"]
    spec: ModelProviderSpec
