"""What a target's tokens cost: the model's own prices, over its provider's, over the install's price book, over the
built-in one.

Nothing unknown is free: where none of them speaks there is no price, and a Budget in money refuses the call.
"""

from dataclasses import dataclass

from sluice_contract.snapshot import Price
from sluice_operator.compiler.pricebook import book_price
from sluice_operator.compiler.pricelist import NO_BOOKS, Offer, Offers, PriceList
from sluice_operator.compiler.rates import price_of, versioned
from sluice_operator.compiler.upstreams import Account
from sluice_operator.resources import Prices


@dataclass(frozen=True, slots=True)
class Quote:
    """What a target costs and who says so.  ``price`` None is free, which someone has said."""

    price: Price | None
    source: str  # for people
    next_change_ms: int | None = None  # when the source announces another price


def upstream_names(public_names: tuple[str, ...], target_model: str | None) -> tuple[str, ...]:
    """Every name under which the upstream may be asked; one that ends in ``*`` stands for many.

    The first of *public_names* is the model's, the others are its aliases.  The data plane passes on a pattern's
    name less a prefix that ends in ``/``, and the model's own name for each alias of a model that is no pattern.
    """
    if target_model is not None:
        return (target_model,)
    model = public_names[0]
    if not model.endswith("*"):
        return (model,)
    prefix = model[:-1] if model.endswith("/*") else ""
    return tuple(dict.fromkeys(name.removeprefix(prefix) for name in public_names))


def quote(
    account: Account, names: tuple[str, ...], *, own: Prices | None, now_ms: int, price_list: PriceList = NO_BOOKS
) -> Quote | None:
    """What calls to *account* under any of *names* cost; None if nobody says, or not the same for all of them.

    *own* are the model's prices, if it has any; *price_list* is the install's.
    """
    if own is not None:
        return _said(Offer(own, "its own pricing", "model"))
    first, *others = (_quote(account, name, price_list, now_ms=now_ms) for name in names)
    return first if all(each == first for each in others) else None


def _quote(account: Account, name: str, price_list: PriceList, *, now_ms: int) -> Quote | None:
    for offers in (account.offers, price_list.for_type(account.upstream.type)):
        found, agreed = _offered(offers, name)
        if found:
            return _said(found[0]) if agreed else None
    book = account.row.book
    if book is None or name.endswith("*"):
        return None
    entry = book_price(book, name, now_ms=now_ms)
    if entry is None:
        return None
    price = versioned("book", entry.rates, tiers=entry.tiers, request_nusd=entry.request_nusd)
    return Quote(price, f"the price book's {entry.entry}", entry.next_change_ms)


def _offered(offers: Offers, name: str) -> tuple[list[Offer], bool]:
    if name.endswith("*"):
        return offers.for_prefix(name)
    offer = offers.for_name(name)
    return [] if offer is None else [offer], True


def _said(offer: Offer) -> Quote | None:
    if offer.prices is None:
        return None
    if offer.prices.free:
        return Quote(None, f"free by {offer.source}")
    return Quote(price_of(offer.prices, kind=offer.kind), offer.source)
