"""Who offers which prices: a provider account's own, and the install's price books merged into one list."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Self

from sluice_contract.patterns import compile_patterns, matches
from sluice_operator.inventory import ObjectName
from sluice_operator.resources import Prices
from sluice_operator.resources.pricebook import EVERY_PROVIDER, MAX_ENTRIES, Listed


@dataclass(frozen=True, slots=True)
class Offer:
    """Prices, and who says so.  None are an entry that cannot be read: nobody knows what that costs."""

    prices: Prices | None
    source: str  # for people
    kind: str  # of source: begins the price's version


@dataclass(frozen=True, slots=True)
class Offers:
    """Offers by the upstream's name of the model, or by a pattern of such names."""

    exact: Mapping[str, Offer] = field(default_factory=dict)
    patterns: tuple[tuple[str, re.Pattern[str], Offer], ...] = ()  # those that say most first

    @classmethod
    def of(cls, offers: Mapping[str, Offer]) -> Self:
        """*offers*, made ready to be asked for many names."""
        # The pattern that says most is the one with most characters that are not "*".
        patterns = sorted(
            (name for name in offers if "*" in name), key=lambda name: (-len(name.replace("*", "")), name)
        )
        return cls(
            exact={name: offer for name, offer in offers.items() if "*" not in name},
            patterns=tuple((name, _expression(name), offers[name]) for name in patterns),
        )

    def for_name(self, name: str) -> Offer | None:
        """The offer that holds for *name*: its own, else that of the pattern that says most."""
        if name in self.exact:
            return self.exact[name]
        return next((offer for _, expression, offer in self.patterns if expression.fullmatch(name)), None)

    def for_prefix(self, pattern: str) -> tuple[list[Offer], bool]:
        """The offers for anything that *pattern*, which ends in ``*``, stands for; and whether one holds for all of it.

        Nothing may be sold at the price of something cheaper.
        """
        prefix = pattern[:-1]
        found = [offer for name, offer in self.exact.items() if name.startswith(prefix)]
        found += [offer for name, _, offer in self.patterns if _overlaps(name, prefix)]
        # A pattern that fits the text of another, star included, fits everything that other stands for.
        covered = any(matches(name, pattern) for name, *_ in self.patterns)
        return found, covered and all(each.prices == found[0].prices for each in found)


NO_OFFERS: Final = Offers()


@dataclass(frozen=True, slots=True)
class PriceList:
    """The install's price books as one, by type of provider."""

    offers: Mapping[str, Offers] = field(default_factory=dict)

    def for_type(self, provider_type: str) -> Offers:
        """What holds for accounts of a type."""
        return self.offers.get(provider_type) or self.offers.get(EVERY_PROVIDER, NO_OFFERS)


NO_BOOKS: Final = PriceList()


@dataclass(frozen=True, slots=True)
class Conflict:
    """What a book says that an earlier one says otherwise: it does not count."""

    book: ObjectName
    message: str


def merged(books: Mapping[ObjectName, tuple[Listed, ...]]) -> tuple[PriceList, tuple[Conflict, ...]]:
    """All *books* in the order of their names: what an earlier one prices, a later one does not price otherwise.

    Of two entries for one pattern, the one that names the type of provider holds.
    """
    found: dict[str, dict[str, Offer]] = {}
    owners: dict[tuple[str, str], ObjectName] = {}
    conflicts: list[Conflict] = []
    for name in sorted(books, key=str):
        for each in books[name]:
            offers = found.setdefault(each.provider, {})
            before = offers.get(each.model)
            if before is None:
                offers[each.model] = Offer(each.prices, f"price book {name}", "list")
                owners[each.provider, each.model] = name
            elif before.prices != each.prices:
                winner = owners[each.provider, each.model]
                message = f"({each.provider}, {each.model}): {winner} has other prices and comes first"
                conflicts.append(Conflict(name, message))
    everywhere = found.get(EVERY_PROVIDER, {})
    return PriceList({type_: Offers.of({**everywhere, **own}) for type_, own in found.items()}), tuple(conflicts)


@lru_cache(maxsize=MAX_ENTRIES)  # a book is merged anew in each compilation, and once for each type of provider
def _expression(pattern: str) -> re.Pattern[str]:
    return compile_patterns((pattern,))


def _overlaps(pattern: str, prefix: str) -> bool:
    head = pattern.split("*", 1)[0]
    return head.startswith(prefix) or prefix.startswith(head)
