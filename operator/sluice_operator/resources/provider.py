"""ModelProvider: one provider account, alone or inline in a ModelDeployment's target.  Resolves no name."""

import re
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field

from sluice_operator.resources.base import Rule, Value, cel_string
from sluice_operator.resources.common import EntryRef, Limits, NamespaceSelector, Resource
from sluice_operator.resources.prices import Prices

ProviderType = Literal[
    "OpenAI",
    "AzureOpenAI",
    "OpenAICompatible",
    "VLLM",
    "SGLang",
    "Ollama",
    "LlamaCpp",
    "Mistral",
    "Groq",
    "Together",
    "Fireworks",
    "DeepSeek",
    "XAI",
    "OpenRouter",
    "Perplexity",
    "Cerebras",
    "NVIDIA",
    "HuggingFace",
    "Echo",
]
SELF_HOSTED: Final = ("VLLM", "SGLang", "Ollama", "LlamaCpp")
WITHOUT_DEFAULT_URL: Final = ("OpenAICompatible", "AzureOpenAI", *SELF_HOSTED)

# What we set ourselves, what belongs to one connection, and what carries a credential (those live in Secrets).
RESERVED_HEADERS: Final = (
    "accept-encoding",
    "api-key",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-api-key",
    "x-auth-token",
    "x-goog-api-key",
)
# Hosts that name this machine, this network or a cloud's metadata; anything that is no plain address but that some
# resolver reads as one (127.1, 2130706433, 0x7f000001); IPv6 outside the public 2000::/3.  Names that merely resolve
# to such an address are refused by the data plane when it connects.
_INWARD_URL: Final = (
    r"(?i)^https://("
    r"([^/:]*\.)?localhost|metadata|metadata\.google\.internal"
    r"|[0-9]+|([0-9]+\.){1,2}[0-9]+|([^/:]*\.)?0x[0-9a-f]*"
    r"|(0|10|127)\.[0-9.]+|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.[0-9.]+|169\.254\.[0-9.]+"
    r"|172\.(1[6-9]|2[0-9]|3[01])\.[0-9.]+|192\.168\.[0-9.]+"
    r"|\[([^23][^/]*|[23][0-9a-f]{0,2}:[^/]*|2002:[^/]*)\]"
    r")\.?(:[0-9]+)?(/|$)"
)

HeaderValue = Annotated[str, Field(pattern="^[ -~]+$", max_length=1024)]
Headers = Annotated[
    dict[str, HeaderValue],
    Field(max_length=16),
    Rule(
        cel="self.all(k, size(k) <= 128 && k.matches('^[A-Za-z0-9-]+$'))",
        message="a header's name is made of letters, digits and -",
        holds=lambda headers: all(len(k) <= 128 and k.replace("-", "a").isalnum() and k.isascii() for k in headers),
    ),
    Rule(
        cel=f"self.all(k, !(k.lowerAscii() in {list(RESERVED_HEADERS)}))",
        message="a header that carries a credential or that the gateway sets itself cannot be fixed here",
        holds=lambda headers: not any(k.lower() in RESERVED_HEADERS for k in headers),
    ),
]


class APIKeyAuth(Value):
    """A key in a Secret of this namespace."""

    secret_ref: EntryRef


class Auth(Value):
    """How we say who we are."""

    type: Literal["APIKey", "None"]
    api_key: APIKeyAuth | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(self.type == 'APIKey') == has(self.apiKey)",
            message="type: APIKey needs apiKey, None takes none",
            holds=lambda it: (it.type == "APIKey") == (it.api_key is not None),
        ),
    )


def _is_url(text: str) -> bool:
    try:
        return urlsplit(text).port is not False
    except ValueError:
        return False


def _is_outward(url: str) -> bool:
    return url.startswith("https://") and re.search(_INWARD_URL, url) is None


def _is_echo_delay(header: str, value: str) -> bool:
    return header == "chunk-delay-ms" and re.fullmatch("[0-9]{1,3}|[1-4][0-9]{3}|5000", value) is not None


class ProviderAccount(Value):
    """Where to send and as whom."""

    type: ProviderType
    base_url: (
        Annotated[
            str,
            Field(
                pattern=r"^https?://([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?"
                r"(/([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?$",
                max_length=512,
            ),
            Rule(
                cel="isURL(self)",
                message="should be a URL such as https://host/v1",
                holds=_is_url,
            ),
        ]
        | None
    ) = None
    """Up to and with the version, such as https://api.openai.com/v1; the provider's own by default."""
    auth: Auth | None = None
    headers: Headers = Field(default_factory=dict)
    """Fixed headers to add.  No secrets: they would be readable to everyone who may read this object."""
    allow_private_network: bool = False
    """Whether the host may be, or resolve to, a private or loopback address, and be spoken to without TLS."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"!(self.type in {list(WITHOUT_DEFAULT_URL)}) || has(self.baseURL)",
            message=f"baseURL: required for {', '.join(WITHOUT_DEFAULT_URL)}",
            holds=lambda it: it.type not in WITHOUT_DEFAULT_URL or it.base_url is not None,
        ),
        Rule(
            cel="self.type != 'Echo' || !(has(self.baseURL) || has(self.auth))",
            message="Echo answers by itself: it takes no baseURL or auth",
            holds=lambda it: it.type != "Echo" or not {"base_url", "auth"} & it.model_fields_set,
        ),
        Rule(
            cel="self.type != 'Echo' || !has(self.headers) || self.headers.all(k, k == 'chunk-delay-ms'"
            " && self.headers[k].matches('^([0-9]{1,3}|[1-4][0-9]{3}|5000)$'))",
            message="Echo sends no headers: the only one it takes is chunk-delay-ms, 0 to 5000 between streamed chunks",
            holds=lambda it: it.type != "Echo" or all(_is_echo_delay(k, v) for k, v in it.headers.items()),
        ),
        Rule(
            cel=f"self.type in {['Echo', *SELF_HOSTED]} || has(self.auth)",
            message="auth: required; say type: None where the provider asks for no credential",
            holds=lambda it: it.type in ("Echo", *SELF_HOSTED) or it.auth is not None,
        ),
        Rule(
            cel="!has(self.baseURL) || (has(self.allowPrivateNetwork) && self.allowPrivateNetwork)"
            f" || (self.baseURL.startsWith('https://') && !self.baseURL.matches({cel_string(_INWARD_URL)}))",
            message="baseURL: without allowPrivateNetwork it is https and no private, loopback or metadata address",
            holds=lambda it: it.base_url is None or it.allow_private_network or _is_outward(it.base_url),
        ),
    )


class TLS(Value):
    """Whom to trust besides the system's authorities."""

    ca_config_map_ref: EntryRef


class ModelProviderSpec(ProviderAccount):
    """What is wanted of a provider account."""

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

    rules: ClassVar[tuple[Rule, ...]] = (
        *ProviderAccount.rules,
        Rule(
            cel="self.type != 'Echo' || !has(self.tls)",
            message="Echo answers by itself: it takes no tls",
            holds=lambda it: it.type != "Echo" or it.tls is None,
        ),
    )


_PATTERN_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@+*-")


class ModelProvider(Resource):
    """One provider account: type, address, credential, prices, and who may use it."""

    kind: Literal["ModelProvider"]
    spec: ModelProviderSpec
