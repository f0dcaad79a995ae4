"""What tokens cost, as a manifest says it.  Converts nothing: the contract's money does."""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from sluice_operator.resources.base import ListOf, Rule, Value, alias_of
from sluice_operator.resources.common import MAX_COUNT, Amount, Currency

_ZERO: Final = r"^0+(\\.0+)?$"
# What need not be said: a kind of token that costs as the kind it is part of.
OPTIONAL_RATES: Final = (
    "cached_input_per_million",
    "cache_write_per_million",
    "cache_write_1h_per_million",
    "audio_input_per_million",
    "cached_audio_input_per_million",
    "image_input_per_million",
    "audio_output_per_million",
    "image_output_per_million",
    "reasoning_per_million",
)
RATES: Final = ("input_per_million", "output_per_million", *OPTIONAL_RATES)
_ONLY_PRICES: Final = (*RATES, "per_request", "tiers", "service_tiers")  # what a model that is free does not have

ServiceName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$", max_length=63)]


def _says(given: Value, name: str) -> bool:
    return getattr(given, name) not in (None, ())


def _cel_has(owner: str, name: str) -> str:
    return f"has({owner}.{alias_of(name)})"


def _all_said(inner: str, names: tuple[str, ...]) -> Rule:
    """Each member of the list *inner* says whatever of *names* is said beside the list."""
    list_ = alias_of(inner)
    said = " && ".join(f"(!{_cel_has('self', name)} || {_cel_has('m', name)})" for name in names)
    return Rule(
        cel=f"!has(self.{list_}) || self.{list_}.all(m, {said})",
        message=f"{list_}: each says every price that is said beside it: nothing unsaid costs less",
        holds=lambda it: all(_says(m, name) for m in getattr(it, inner) for name in names if _says(it, name)),
    )


class _Rates(Value):
    """US dollars per million tokens that cost something else than the kind they are part of."""

    cached_input_per_million: Amount | None = None
    """Input that the provider read from its cache; the input price by default."""
    cache_write_per_million: Amount | None = None
    """Input that the provider wrote to its cache; the input price by default."""
    cache_write_1h_per_million: Amount | None = None
    """Input written to its cache for an hour; the price of other cache writes by default."""
    audio_input_per_million: Amount | None = None
    """The input price by default."""
    cached_audio_input_per_million: Amount | None = None
    """Audio that the provider read from its cache; the audio price by default."""
    image_input_per_million: Amount | None = None
    """The input price by default."""
    audio_output_per_million: Amount | None = None
    """The output price by default."""
    image_output_per_million: Amount | None = None
    """The output price by default."""
    reasoning_per_million: Amount | None = None
    """Output that nobody sees; the output price by default."""


class PriceTier(_Rates):
    """The prices of a whole call whose input is long."""

    over_input_tokens: Annotated[int, Field(ge=1, le=MAX_COUNT)]
    """The call's input, cached and written tokens included, is over so many tokens."""
    input_per_million: Amount
    output_per_million: Amount


PriceTiers = Annotated[tuple[PriceTier, ...], Field(min_length=1, max_length=8), ListOf(("over_input_tokens",))]


class ServiceTier(_Rates):
    """The prices of one of the provider's service tiers, or of its batches."""

    name: ServiceName
    """As the provider reports it: flex, priority, batch."""
    input_per_million: Amount
    output_per_million: Amount
    per_request: Amount | None = None
    tiers: PriceTiers = ()

    rules: ClassVar[tuple[Rule, ...]] = (_all_said("tiers", OPTIONAL_RATES),)


class Prices(_Rates):
    """US dollars per million tokens.  Both directions are said, or ``free: true``: nothing unsaid is free."""

    currency: Currency = "USD"
    input_per_million: Amount | None = None
    output_per_million: Amount | None = None
    per_request: Amount | None = None
    tiers: PriceTiers = ()
    """Other prices for calls with long input; of those that are exceeded the longest holds."""
    service_tiers: Annotated[tuple[ServiceTier, ...], Field(min_length=1, max_length=8), ListOf(("name",))] = ()
    """Other prices for the provider's service tiers.  A tier that is not here costs as the dearest that is."""
    free: bool = False

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.free || (has(self.inputPerMillion) && has(self.outputPerMillion))",
            message="inputPerMillion and outputPerMillion: both are required unless free: true",
            holds=lambda it: it.free or (it.input_per_million is not None and it.output_per_million is not None),
        ),
        Rule(
            cel=f"!self.free || !({' || '.join(_cel_has('self', name) for name in _ONLY_PRICES)})",
            message="free: true takes no prices",
            holds=lambda it: not (it.free and any(_says(it, name) for name in _ONLY_PRICES)),
        ),
        Rule(
            cel="self.free || !(has(self.inputPerMillion) && has(self.outputPerMillion))"
            f" || !self.inputPerMillion.matches('{_ZERO}') || !self.outputPerMillion.matches('{_ZERO}')"
            f" || (has(self.perRequest) && !self.perRequest.matches('{_ZERO}'))",
            message="prices that are all zero: say free: true instead",
            holds=lambda it: it.free or any(set(price or "0") - set("0.") for price in it.charged()),
        ),
        _all_said("tiers", OPTIONAL_RATES),
        _all_said("service_tiers", (*OPTIONAL_RATES, "per_request", "tiers")),
    )

    def charged(self) -> tuple[str | None, ...]:
        """What every call pays: input, output, the request itself."""
        return (self.input_per_million, self.output_per_million, self.per_request)
