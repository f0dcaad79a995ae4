"""Other routes of a provider: which are open, and what a call to one costs."""

from typing import Annotated, ClassVar

from pydantic import Field

from sluice_operator.resources.base import ListOf, Rule, Value
from sluice_operator.resources.common import Amount


class PassthroughPricing(Value):
    """What one call costs, in US dollars: somebody must say it."""

    per_request: Amount | None = None
    free: bool = False

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(has(self.free) && self.free) != has(self.perRequest)",
            message="exactly one of perRequest and free: true",
            holds=lambda it: it.free != (it.per_request is not None),
        ),
        Rule(
            cel="!has(self.perRequest) || !self.perRequest.matches('^0+(\\\\.0+)?$')",
            message="perRequest: a price that is zero: say free: true instead",
            holds=lambda it: it.per_request is None or bool(set(it.per_request) - set("0.")),
        ),
    )


Opened = Annotated[
    str,
    Field(
        pattern=r"^(GET|HEAD|POST|PUT|PATCH|DELETE) /([A-Za-z0-9._~:@*-]+/)*[A-Za-z0-9._~:@*-]*$",
        max_length=256,
    ),
    Rule(
        cel="!self.contains('/.')",
        message="a path has no part that begins with a dot",
        holds=lambda text: "/." not in text,
    ),
]


class Passthrough(Value):
    """Other routes of the provider, which the namespaces that may use it can call below
    /passthrough/<namespace>/<name>, each with its own key.
    """

    paths: Annotated[tuple[Opened, ...], Field(min_length=1, max_length=32), ListOf()]
    """Which, as GET /files* or POST /batches; * stands for anything.  They are appended to the base URL."""
    pricing: PassthroughPricing
