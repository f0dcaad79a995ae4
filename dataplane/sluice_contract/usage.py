"""What a call used, as counted by the provider or estimated by us."""

from typing import Literal

import msgspec


class TokenUsage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens by kind.

    ``cached_input``, ``cache_write``, ``audio_input`` and ``image_input`` are parts of ``input``; ``cache_write_1h`` of
    ``cache_write``; ``cached_audio`` of both ``cached_input`` and ``audio_input``.  ``reasoning``, ``audio_output`` and
    ``image_output`` are parts of ``output``.
    """

    input: int = 0
    output: int = 0
    cached_input: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    audio_input: int = 0
    cached_audio: int = 0
    image_input: int = 0
    reasoning: int = 0
    audio_output: int = 0
    image_output: int = 0
    estimated: bool = False  # the provider said nothing; counted from bytes, on the high side

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input + self.output


Outcome = Literal["ok", "partial", "aborted", "failed"]

# crashed: nobody saw how the call ended; unanswered: an attempt was sent and nothing came of it, so that it may have
# been billed; over_hold: the provider billed more than was held; downgraded: a Budget sent the call to another model;
# tier_unpriced: no price says what the service tier costs that the provider says it served.
Flag = Literal["crashed", "unanswered", "over_hold", "downgraded", "tier_unpriced"]


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One exchange that reached an upstream; holds no prompt, no answer and no secret."""

    id: str  # the exchange's id, also sent as x-request-id
    source: str  # the data plane's journal that wrote it
    sequence: int  # gapless within a source: a hole is a provable loss
    at_ms: int  # when it ended; of one whose end nobody saw, when it was admitted
    key_id: str
    key: str  # namespace/name
    model: str  # the public name asked for
    target: str
    upstream_model: str
    endpoint: str
    status: int
    outcome: Outcome
    attempts: int
    usage: TokenUsage
    cost_nusd: int
    price_version: str = ""
    budget_ids: tuple[str, ...] = ()
    team: str | None = None
    user: str | None = None
    cost_center: str | None = None
    stream: bool = False
    duration_ms: int = 0
    first_token_ms: int | None = None
    revision: str = ""
    attempt: int = 1  # an exchange has one record for each attempt that may have been billed
    flags: tuple[Flag, ...] = ()
    service_tier: str = ""  # as the provider reported it
    provider_cost_nusd: int | None = None  # what the provider says it costs, where it says so; never charged
    admitted_ms: int = 0  # when it was admitted, by which Budgets' windows go; 0: a record from before this was said

    @property
    def counts_ms(self) -> int:
        """The moment whose month and hour it counts in, as in a Budget's window: when it was admitted."""
        return self.admitted_ms or self.at_ms
