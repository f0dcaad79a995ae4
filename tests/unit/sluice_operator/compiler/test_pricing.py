"""Which price holds: the model's own, its provider's, the book's."""

from typing import Any

import pytest

from sluice_contract.snapshot import Upstream
from sluice_operator.compiler.pricelist import Offer, Offers, PriceList, merged
from sluice_operator.compiler.pricing import quote, upstream_names
from sluice_operator.compiler.upstreams import Account
from sluice_operator.inventory import ObjectName
from sluice_operator.resources import Prices
from sluice_operator.resources.pricebook import Listed
from unit.sluice_operator.compiler.world import NOW_MS


def prices(input_: str, output: str, **more: str) -> Prices:
    """Prices as a manifest says them."""
    return Prices.model_validate({"inputPerMillion": input_, "outputPerMillion": output, **more})


def account(patterns: dict[str, Prices] | None = None, *, type_: str = "OpenAI") -> Account:
    """An account with prices of its own, by pattern."""
    offers = {pattern: Offer(each, "ModelProvider a/p", "provider") for pattern, each in (patterns or {}).items()}
    return Account(Upstream(id="up", type=type_, provider_name="x"), offers=Offers.of(offers))


def price_list(*entries: tuple[str, str, Prices | None]) -> PriceList:
    """The list of one book with these entries."""
    return merged({ObjectName("sluice", "prices"): tuple(Listed(*entry) for entry in entries)})[0]


def test_own_prices_go_over_everything() -> None:
    """What the model says holds, though its provider and the book say something else."""
    found = quote(account({"*": prices("9", "9")}), ("gpt-4o-mini",), own=prices("1", "2"), now_ms=NOW_MS)

    assert found is not None
    assert found.price is not None
    assert (found.price.input_nusd_per_mtok, found.price.output_nusd_per_mtok) == (1_000_000_000, 2_000_000_000)


def test_a_providers_prices_go_over_the_book() -> None:
    """What the account says holds, though the book knows the model."""
    found = quote(account({"*": prices("9", "9")}), ("gpt-4o-mini",), own=None, now_ms=NOW_MS)

    assert found is not None
    assert found.source == "ModelProvider a/p"


def test_an_account_without_a_book_is_not_looked_up() -> None:
    """What runs at home under a famous name has no list price."""
    assert quote(account(type_="VLLM"), ("gpt-4o-mini",), own=None, now_ms=NOW_MS) is None


def test_free_is_said_and_not_a_price_of_zero() -> None:
    """Free is a statement of its own: no price, and someone who said so."""
    found = quote(account(), ("m",), own=Prices(free=True), now_ms=NOW_MS)

    assert found is not None
    assert (found.price, found.source) == (None, "free by its own pricing")


def test_the_pattern_that_says_most_wins() -> None:
    """The exact name, then the pattern with most letters, whatever their order in the manifest."""
    given = account({"*": prices("1", "1"), "gpt-*": prices("2", "2"), "gpt-x": prices("3", "3")})
    found = [quote(given, (name,), own=None, now_ms=NOW_MS) for name in ("other", "gpt-y", "gpt-x")]

    assert [each.price.input_nusd_per_mtok // 10**9 for each in found if each and each.price] == [1, 2, 3]


def test_a_pattern_of_models_needs_one_price_for_all() -> None:
    """Where a part of what a wildcard stands for is priced otherwise, the wildcard has no price."""
    given = account({"*": prices("1", "1"), "big-*": prices("9", "9")})

    assert quote(given, ("*",), own=None, now_ms=NOW_MS) is None


def test_a_pattern_of_models_may_have_one_price() -> None:
    """Where one pattern covers all that a wildcard stands for, its price holds."""
    given = account({"big-*": prices("9", "9"), "small-*": prices("1", "1")})
    found = quote(given, ("big-blue-*",), own=None, now_ms=NOW_MS)

    assert found is not None
    assert found.price is not None
    assert found.price.input_nusd_per_mtok == 9_000_000_000


def test_names_that_cost_differently_have_no_price() -> None:
    """A target that may be asked under two names with two prices has none."""
    given = account({"a": prices("1", "1"), "b": prices("2", "2")})

    assert quote(given, ("a", "b"), own=None, now_ms=NOW_MS) is None


def test_a_version_tells_numbers_and_kind_of_source() -> None:
    """Equal numbers of one kind of source share a version; another number or another kind does not."""
    quotes = [
        quote(account(), ("m",), own=prices("1", "2"), now_ms=NOW_MS),
        quote(account(), ("other",), own=prices("1.0", "2.00"), now_ms=NOW_MS),
        quote(account(), ("m",), own=prices("1", "3"), now_ms=NOW_MS),
        quote(account({"*": prices("1", "2")}), ("m",), own=None, now_ms=NOW_MS),
    ]
    same, same_again, other_number, other_kind = [each.price.version for each in quotes if each and each.price]

    assert same == same_again
    assert len({same, other_number, other_kind}) == 3


@pytest.mark.parametrize(
    ("public", "target_model", "names"),
    [
        (("chat", "fast"), None, ("chat",)),
        (("chat", "fast"), "real", ("real",)),
        (("openai/*",), None, ("*",)),
        (("gpt-*",), None, ("gpt-*",)),
        (("*",), None, ("*",)),
        (("openai/*", "fast"), None, ("*", "fast")),
        (("openai/*",), "real", ("real",)),
    ],
)
def test_upstream_names_are_those_the_data_plane_sends(
    public: tuple[str, ...], target_model: str | None, names: tuple[str, ...]
) -> None:
    """Prices are for the name that is sent: the target's, else the model's, else what a wildcard passes on."""
    assert upstream_names(public, target_model) == names


def test_the_book_is_not_asked_for_a_pattern() -> None:
    """A wildcard that looks like one of the book's models stands for others too: it has no price."""
    assert quote(account(type_="AzureOpenAI"), ("o4-mini-*",), own=None, now_ms=NOW_MS) is None


def test_a_price_for_a_part_is_not_the_price_of_the_whole() -> None:
    """Where only some of what a wildcard stands for is priced, the wildcard has no price."""
    assert quote(account({"big-*": prices("9", "9")}), ("*",), own=None, now_ms=NOW_MS) is None


def test_the_installs_price_book_goes_over_the_built_in_one() -> None:
    """What the install says holds, though the built-in book knows the model."""
    found = quote(
        account(), ("gpt-4o-mini",), own=None, now_ms=NOW_MS,
        price_list=price_list(("OpenAI", "gpt-4o*", prices("9", "9"))),
    )  # fmt: skip

    assert found is not None
    assert found.price is not None
    assert (found.source, found.price.input_nusd_per_mtok) == ("price book sluice/prices", 9_000_000_000)
    assert found.price.version.startswith("list-")


def test_a_providers_prices_go_over_the_installs() -> None:
    """What the account says holds, though the install's book names the very model."""
    found = quote(
        account({"*": prices("1", "1")}), ("m",), own=None, now_ms=NOW_MS,
        price_list=price_list(("OpenAI", "m", prices("9", "9"))),
    )  # fmt: skip

    assert found is not None
    assert found.source == "ModelProvider a/p"


def test_an_entry_that_cannot_be_read_is_not_another_price() -> None:
    """Where the entry for a model is broken, neither a wider one nor the built-in book prices it."""
    given = price_list(("OpenAI", "gpt-4o*", None), ("OpenAI", "*", prices("1", "1")))

    assert quote(account(), ("gpt-4o-mini",), own=None, now_ms=NOW_MS, price_list=given) is None
    assert quote(account(), ("other",), own=None, now_ms=NOW_MS, price_list=given) is not None


def test_prices_of_every_kind_arrive() -> None:
    """Kinds, tiers in ascending order and services come into the price as they were said."""
    own = Prices.model_validate(
        {
            "inputPerMillion": "1",
            "outputPerMillion": "2",
            "audioInputPerMillion": "3",
            "reasoningPerMillion": "0",
            "perRequest": "0.5",
            "tiers": (
                tier(200, "7", "8", audioInputPerMillion="9", reasoningPerMillion="0"),
                tier(100, "4", "5", audioInputPerMillion="6", reasoningPerMillion="0"),
            ),
            "serviceTiers": (
                {
                    "name": "flex",
                    "inputPerMillion": "0.5",
                    "outputPerMillion": "1",
                    "audioInputPerMillion": "1.5",
                    "reasoningPerMillion": "0",
                    "perRequest": "0.25",
                    "tiers": (tier(100, "2", "2.5", audioInputPerMillion="3", reasoningPerMillion="0"),),
                },
            ),
        }
    )
    found = quote(account(), ("m",), own=own, now_ms=NOW_MS)

    assert found is not None
    price = found.price
    assert price is not None
    dollar = 1_000_000_000
    assert (price.audio_input_nusd_per_mtok, price.reasoning_nusd_per_mtok, price.request_nusd) == (
        3 * dollar, 0, dollar // 2,
    )  # fmt: skip
    assert price.cached_input_nusd_per_mtok == price.cache_write_nusd_per_mtok == dollar
    assert price.image_input_nusd_per_mtok is price.cached_audio_nusd_per_mtok is None
    assert [(each.over_input_tokens, each.rates.audio_input_nusd_per_mtok) for each in price.tiers] == [
        (100, 6 * dollar), (200, 9 * dollar),
    ]  # fmt: skip
    flex = price.services["flex"]
    assert (flex.rates.input_nusd_per_mtok, flex.request_nusd) == (dollar // 2, dollar // 4)
    assert [(each.over_input_tokens, each.rates.input_nusd_per_mtok) for each in flex.tiers] == [(100, 2 * dollar)]


def tier(over: int, input_: str, output: str, **more: str) -> dict[str, Any]:
    """A tier as a manifest says it."""
    return {"overInputTokens": over, "inputPerMillion": input_, "outputPerMillion": output, **more}


def test_a_version_tells_tiers_and_services_too() -> None:
    """Prices that differ for long calls, or in a service, have another version."""
    long = Prices.model_validate({"inputPerMillion": "1", "outputPerMillion": "2", "tiers": (tier(9, "2", "3"),)})
    flex = {"name": "flex", "inputPerMillion": "1", "outputPerMillion": "1"}
    service = Prices.model_validate({"inputPerMillion": "1", "outputPerMillion": "2", "serviceTiers": (flex,)})
    quotes = [quote(account(), ("m",), own=own, now_ms=NOW_MS) for own in (prices("1", "2"), long, service)]

    assert len({each.price.version for each in quotes if each and each.price}) == 3
