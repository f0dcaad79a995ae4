"""The snapshot: everything one data plane needs to answer, as frozen values.

The operator compiles custom resources into it; nothing in it needs Kubernetes to be understood.  It travels
in parts (``PartName``), each small enough for one ConfigMap or Secret; an :class:`Index` written last names
the digest of each part, and the digest of the index is the revision.

Lists are sorted by name or id, absent is ``None`` and never an empty string, times are milliseconds since
1970 UTC, money is nano-USD (see :mod:`sluice_contract.money`).  Any new field raises ``SCHEMA``; a reader
takes ``SCHEMA`` and ``SCHEMA - 1``.
"""

from typing import Final, Literal

import msgspec

from sluice_contract.quirks import OPENAI_PATHS
from sluice_contract.windows import Period

SCHEMA: Final = 3
KEY_SHARD_COUNT: Final = 16  # fixed, so that RBAC can name every Secret

LimitUnit = Literal["Requests", "InputTokens", "OutputTokens", "TotalTokens"]
BudgetUnit = Literal["Cost", "TotalTokens", "InputTokens", "OutputTokens", "Requests"]
RetryCause = Literal["ConnectFailure", "Timeout", "RateLimited", "ServerError"]


class _Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Base of the snapshot's values: immutable, strict, defaults left out of the bytes."""


class Rates(_Value, frozen=True):
    """What tokens of each kind cost, in nano-USD per million.

    A kind that is None costs what the kind it is part of costs: audio and images what text of their direction does,
    a cache write of an hour what a short one does, cached audio what audio does, reasoning what output does.
    """

    input_nusd_per_mtok: int = 0
    cached_input_nusd_per_mtok: int = 0
    cache_write_nusd_per_mtok: int = 0
    output_nusd_per_mtok: int = 0
    cache_write_1h_nusd_per_mtok: int | None = None
    audio_input_nusd_per_mtok: int | None = None
    cached_audio_nusd_per_mtok: int | None = None
    image_input_nusd_per_mtok: int | None = None
    audio_output_nusd_per_mtok: int | None = None
    image_output_nusd_per_mtok: int | None = None
    reasoning_nusd_per_mtok: int | None = None


class Tier(_Value, frozen=True):
    """The rates of a whole request whose input, cached and written tokens included, is over ``over_input_tokens``."""

    over_input_tokens: int
    rates: Rates


class Tariff(_Value, frozen=True):
    """Rates by the length of a request.  ``tiers`` ascend; the last one that is exceeded applies."""

    rates: Rates
    tiers: tuple[Tier, ...] = ()
    request_nusd: int = 0


class Price(Rates, frozen=True, kw_only=True):
    """What a request costs; ``version`` goes into every usage record.

    ``services`` are the provider's service tiers and batch (``flex``, ``priority``, ``batch``, …) by the name that the
    provider reports; a tier that is not named costs the dearest of all that are.
    """

    version: str
    request_nusd: int = 0
    tiers: tuple[Tier, ...] = ()
    services: dict[str, Tariff] = {}


class Limit(_Value, frozen=True):
    """``amount`` of ``unit`` flow back per ``window_ms``, ``burst`` at once: any window admits at most their sum."""

    name: str
    unit: LimitUnit
    amount: int
    window_ms: int
    burst: int


class Identity(_Value, frozen=True):
    """How to say who we are where that is more than one fixed header: by a signature, or by a token that is fetched.

    ``params`` are what is no secret (``region``, ``tokenURL``, ``scope``, …); the secret, where there is one, is the
    upstream's credential, as JSON where it has several parts.
    """

    kind: Literal["AWS", "GCP", "AzureAD", "OAuth2"]
    params: dict[str, str] = {}


class Upstream(_Value, frozen=True):
    """One provider account or Service: where to send, how to say who we are.

    ``paths`` are what it speaks: by endpoint (``chat``, ``messages``, ``embeddings``, …) the path that is appended to
    ``base_url``; ``{model}`` in it stands for its name of the model, ``gemini.stream`` is that of ``gemini``'s streams.
    ``quirks`` are named in :mod:`sluice_contract.quirks`.
    """

    id: str
    type: str  # "Echo" is answered inside the data plane; every other type speaks HTTP
    provider_name: str  # OpenTelemetry's gen_ai.provider.name
    base_url: str = ""
    auth_header: str | None = None  # None: no credential is sent
    auth_prefix: str = ""  # "Bearer " for most
    credential_id: str | None = None  # a key of Credentials.values
    headers: dict[str, str] = {}
    allow_private_network: bool = False
    ca_pem: str | None = None  # trusted besides the system's authorities
    limits: tuple[Limit, ...] = ()  # of the whole account, taken for each attempt at any of its targets
    limits_id: str = ""  # what they are counted under: the ModelProvider's UID; "" where there are none
    paths: dict[str, str] = msgspec.field(default_factory=OPENAI_PATHS.copy)
    quirks: tuple[str, ...] = ()
    identity: Identity | None = None  # None: the credential itself goes into auth_header


class Capabilities(_Value, frozen=True):
    """What a model can take and do.  None is not known, and then nothing is refused for it; tokens are counts.

    ``reasoning`` is how it is told to think: by an effort, by a budget of tokens, adaptively (it decides, an effort
    may be named); ``none``: it does not.  ``sampling``: temperature, top_p and the like may be set.
    """

    context_window: int | None = None
    max_output_tokens: int | None = None
    vision: bool | None = None
    documents: bool | None = None
    tools: bool | None = None
    structured_output: bool | None = None
    sampling: bool | None = None
    reasoning: Literal["none", "effort", "budget", "adaptive"] | None = None


class Target(_Value, frozen=True):
    """One way to serve a model: an upstream, or another model (exactly one of the two)."""

    name: str
    upstream_id: str | None = None
    model_ref: str | None = None  # the public name of another Model
    model: str = ""  # the upstream's name for it; "" passes the client's name on
    weight: int = 1
    priority: int = 0
    max_concurrency: int | None = None  # per replica
    limits: tuple[Limit, ...] = ()  # taken for each attempt at this target
    price: Price | None = None  # None with free False: no budget in money can hold it
    free: bool = False
    capabilities: Capabilities = Capabilities()
    speaks: tuple[str, ...] = ()  # which of the upstream's conversations this model knows, the best first; (): all


class Timeouts(_Value, frozen=True):
    """Milliseconds; ``request_ms`` covers all attempts together."""

    request_ms: int = 600_000
    connect_ms: int = 3_000
    first_token_ms: int = 60_000
    between_tokens_ms: int = 60_000


class Retry(_Value, frozen=True):
    """Further attempts after the first, and what they are made for."""

    attempts: int = 2
    causes: tuple[RetryCause, ...] = ("ConnectFailure", "Timeout", "RateLimited", "ServerError")


class Health(_Value, frozen=True):
    """When a target is set aside, and for how long."""

    consecutive_failures: int = 5
    ejection_ms: int = 30_000
    max_ejected_percent: int = 50


class Model(_Value, frozen=True):
    """One public name (or a pattern that ends in ``*``) and what serves it."""

    name: str
    uid: str
    namespace: str
    resource: str  # metadata.name of its ModelDeployment
    aliases: tuple[str, ...] = ()
    internal: bool = False  # reachable as a model_ref only
    namespaces: tuple[str, ...] | None = None  # whose keys may use it; None: all
    targets: tuple[Target, ...] = ()
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    health: Health = Health()
    limits: tuple[Limit, ...] = ()
    context_window: int | None = None
    max_output_tokens: int | None = None
    drop_unsupported: bool = False  # what a target's API cannot say is left out; else the call is refused
    passthrough: tuple[str, ...] = ()  # of a provider's own routes: what may be called, as ``GET /files*``


class Adjustment(_Value, frozen=True):
    """A raise of a Budget that ends by itself; ``expires_at_ms`` None lasts as long as the Budget."""

    amount: int
    expires_at_ms: int | None = None


class Budget(_Value, frozen=True):
    """At most ``amount`` of ``unit`` per window of ``period`` for whoever it covers."""

    id: str  # the Budget's UID: spend hangs on it, not on the name
    namespace: str
    name: str
    unit: BudgetUnit
    amount: int  # nano-USD for Cost, else tokens or requests
    period: Period
    models: tuple[str, ...] | None = None  # patterns; None: all count
    per: Literal["Subject", "VirtualKey", "User"] = "Subject"
    parent_id: str | None = None
    mode: Literal["Reserve", "PostCharge", "Observe"] = "Reserve"
    on_exhausted: Literal["Reject", "Downgrade", "Warn"] = "Reject"
    failure_mode: Literal["Lease", "Closed", "Open"] = "Lease"
    unpriced_allowed: bool = False
    header_percents: tuple[int, ...] = ()  # thresholds that add a response header
    downgrade_percent: int | None = None  # from this share on, calls go to downgrade_model
    downgrade_model: str | None = None  # the public name of another Model, whose calls this Budget must hold too
    adjustments: tuple[Adjustment, ...] = ()


class Digest(_Value, frozen=True):
    """One credential of a key: what its secret must hash to, and until when it counts."""

    id: str
    algorithm: Literal["sha256", "hmac-sha256"]  # HMAC with the install pepper, for secrets of unknown strength
    hex: str
    not_after_ms: int | None = None


class Owner(_Value, frozen=True):
    """Who answers for a key; written into usage records and never into metrics."""

    team: str | None = None
    user: str | None = None
    cost_center: str | None = None
    labels: dict[str, str] = {}


class Key(_Value, frozen=True):
    """One VirtualKey: the digests that prove it and what it may do.

    ``allow`` None is every public model open to the namespace; ``()`` is none.
    """

    id: str  # stable for life; spend and limits hang on it
    namespace: str
    name: str
    digests: tuple[Digest, ...] = ()
    owner: Owner = Owner()
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    budget_ids: tuple[str, ...] = ()  # parents included, nearest first
    limits: tuple[Limit, ...] = ()
    max_parallel_requests: int | None = None
    max_tokens_per_request: int | None = None
    allowed_cidrs: tuple[str, ...] = ()
    expires_at_ms: int | None = None
    suspended: bool = False
    missing_budgets: tuple[str, ...] = ()  # named but not there: the key is refused, never let loose


class Credentials(_Value, frozen=True):
    """Secrets of the install: provider credentials by id, and the pepper of HMAC digests (hex)."""

    values: dict[str, str] = {}
    pepper_hex: str = ""

    def __repr__(self) -> str:
        return f"Credentials({len(self.values)} values, redacted)"


class Snapshot(_Value, frozen=True):
    """The whole, as the compiler makes it and the table is built from it."""

    models: tuple[Model, ...] = ()
    upstreams: tuple[Upstream, ...] = ()
    budgets: tuple[Budget, ...] = ()
    keys: tuple[Key, ...] = ()
    credentials: Credentials = Credentials()
