"""What a target's tokens cost: the model's own prices, over its provider's, over the built-in price book.

Nothing unknown is free: where none of the three speaks there is no price, and a Budget in money refuses the call.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from sluice_contract.money import parse_usd
from sluice_contract.patterns import matches
from sluice_contract.snapshot import Price
from sluice_operator.compiler.pricebook import book_price
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


def quote(account: Account, names: tuple[str, ...], *, own: Prices | None, now_ms: int) -> Quote | None:
    """What calls to *account* under any of *names* cost; None if nobody says, or not the same for all of them.

    *own* are the model's prices, if it has any.
    """
    if own is not None:
        return _said(own, source="its own pricing", kind="model")
    quotes = {_quote(account, name, now_ms=now_ms) for name in names}
    return quotes.pop() if len(quotes) == 1 else None


def _quote(account: Account, name: str, *, now_ms: int) -> Quote | None:
    applying = _applying(account.prices, name)
    if applying:
        if not _agree(applying, name, account):
            return None
        return _said(applying[0], source=account.priced_by, kind="provider")
    if account.book is None or name.endswith("*"):
        return None
    found = book_price(account.book, name, now_ms=now_ms)
    if found is None:
        return None
    price = _price(
        "book",
        input_=found.input_nusd_per_mtok,
        cached=found.cached_input_nusd_per_mtok,
        written=found.cache_write_nusd_per_mtok,
        output=found.output_nusd_per_mtok,
        request=found.request_nusd,
    )
    return Quote(price, f"the price book's {found.entry}", found.next_change_ms)


def _applying(prices: Mapping[str, Prices], name: str) -> list[Prices]:
    """The prices that hold for *name*, or for part of what it stands for."""
    if name.endswith("*"):
        return [prices[pattern] for pattern in sorted(prices) if _overlaps(pattern, name)]
    # The pattern that says most wins: the name itself, else the one with most characters that are not "*".
    fitting = [pattern for pattern in prices if matches(pattern, name)]
    fitting.sort(key=lambda pattern: (pattern != name, -len(pattern.replace("*", "")), pattern))
    return [prices[pattern] for pattern in fitting[:1]]


def _agree(applying: list[Prices], name: str, account: Account) -> bool:
    """Whether one price holds for all of *name*: nothing may be sold at the price of something cheaper."""
    # A pattern that fits the text of another, star included, fits everything that other stands for.
    covered = any(matches(pattern, name) for pattern in account.prices)
    return covered and all(prices == applying[0] for prices in applying)


def _overlaps(pattern: str, prefix_pattern: str) -> bool:
    head, prefix = pattern.split("*", 1)[0], prefix_pattern[:-1]
    if "*" not in pattern:
        return pattern.startswith(prefix)
    return head.startswith(prefix) or prefix.startswith(head)


def _said(prices: Prices, *, source: str, kind: str) -> Quote:
    if prices.free:
        return Quote(None, f"free by {source}")
    input_ = parse_usd(prices.input_per_million or "0")
    price = _price(
        kind,
        input_=input_,
        cached=input_ if prices.cached_input_per_million is None else parse_usd(prices.cached_input_per_million),
        written=input_ if prices.cache_write_per_million is None else parse_usd(prices.cache_write_per_million),
        output=parse_usd(prices.output_per_million or "0"),
        request=parse_usd(prices.per_request or "0"),
    )
    return Quote(price, source)


def _price(kind: str, *, input_: int, cached: int, written: int, output: int, request: int) -> Price:
    numbers = f"{input_}/{cached}/{written}/{output}/{request}"
    return Price(
        # Equal prices of one kind of source share a version, so that a usage record tells what was charged, and why.
        version=f"{kind}-{hashlib.sha256(numbers.encode()).hexdigest()[:10]}",
        input_nusd_per_mtok=input_,
        cached_input_nusd_per_mtok=cached,
        cache_write_nusd_per_mtok=written,
        output_nusd_per_mtok=output,
        request_nusd=request,
    )
