"""What tokens cost, as a manifest says it.  Converts nothing: the contract's money does."""

from typing import ClassVar, Final

from sluice_operator.resources.base import Rule, Value
from sluice_operator.resources.common import Amount, Currency

_ZERO: Final = r"^0+(\\.0+)?$"


class Prices(Value):
    """US dollars per million tokens.  Both directions are said, or ``free: true``: nothing unsaid is free."""

    currency: Currency = "USD"
    input_per_million: Amount | None = None
    cached_input_per_million: Amount | None = None
    """Input that the provider read from its cache; the input price by default."""
    cache_write_per_million: Amount | None = None
    """Input that the provider wrote to its cache; the input price by default."""
    output_per_million: Amount | None = None
    per_request: Amount | None = None
    free: bool = False

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.free || (has(self.inputPerMillion) && has(self.outputPerMillion))",
            message="inputPerMillion and outputPerMillion: both are required unless free: true",
            holds=lambda it: it.free or (it.input_per_million is not None and it.output_per_million is not None),
        ),
        Rule(
            cel="!self.free || !(has(self.inputPerMillion) || has(self.cachedInputPerMillion)"
            " || has(self.cacheWritePerMillion) || has(self.outputPerMillion) || has(self.perRequest))",
            message="free: true takes no prices",
            holds=lambda it: not (it.free and any(price is not None for price in it.amounts())),
        ),
        Rule(
            cel="self.free || !(has(self.inputPerMillion) && has(self.outputPerMillion))"
            f" || !self.inputPerMillion.matches('{_ZERO}') || !self.outputPerMillion.matches('{_ZERO}')"
            f" || (has(self.perRequest) && !self.perRequest.matches('{_ZERO}'))",
            message="prices that are all zero: say free: true instead",
            holds=lambda it: it.free or any(set(price or "0") - set("0.") for price in it.charged()),
        ),
    )

    def amounts(self) -> tuple[str | None, ...]:
        """Every price, in the order of the fields."""
        return (*self.charged(), self.cached_input_per_million, self.cache_write_per_million)

    def charged(self) -> tuple[str | None, ...]:
        """What every call pays: input, output, the request itself."""
        return (self.input_per_million, self.output_per_million, self.per_request)
