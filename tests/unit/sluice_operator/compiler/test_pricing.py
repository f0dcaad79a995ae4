"""Which price holds: the model's own, its provider's, the book's."""

import pytest

from sluice_contract.snapshot import Upstream
from sluice_operator.compiler.pricing import quote, upstream_names
from sluice_operator.compiler.upstreams import Account
from sluice_operator.resources import Prices
from unit.sluice_operator.compiler.world import NOW_MS

UPSTREAM = Upstream(id="up", type="OpenAI", provider_name="openai")


def prices(input_: str, output: str, **more: str) -> Prices:
    """Prices as a manifest says them."""
    return Prices.model_validate({"inputPerMillion": input_, "outputPerMillion": output, **more})


def account(patterns: dict[str, Prices] | None = None, *, book: str | None = None) -> Account:
    """An account with prices of its own, by pattern."""
    return Account(UPSTREAM, prices=patterns or {}, priced_by="ModelProvider a/p", book=book)


def test_own_prices_go_over_everything() -> None:
    """What the model says holds, though its provider and the book say something else."""
    found = quote(
        account({"*": prices("9", "9")}, book="openai"), ("gpt-4o-mini",), own=prices("1", "2"), now_ms=NOW_MS
    )

    assert found is not None
    assert found.price is not None
    assert (found.price.input_nusd_per_mtok, found.price.output_nusd_per_mtok) == (1_000_000_000, 2_000_000_000)


def test_a_providers_prices_go_over_the_book() -> None:
    """What the account says holds, though the book knows the model."""
    found = quote(account({"*": prices("9", "9")}, book="openai"), ("gpt-4o-mini",), own=None, now_ms=NOW_MS)

    assert found is not None
    assert found.source == "ModelProvider a/p"


def test_an_account_without_a_book_is_not_looked_up() -> None:
    """What runs at home under a famous name has no list price."""
    assert quote(account(), ("gpt-4o-mini",), own=None, now_ms=NOW_MS) is None


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
    assert quote(account(book="azure"), ("o4-mini-*",), own=None, now_ms=NOW_MS) is None


def test_a_price_for_a_part_is_not_the_price_of_the_whole() -> None:
    """Where only some of what a wildcard stands for is priced, the wildcard has no price."""
    assert quote(account({"big-*": prices("9", "9")}), ("*",), own=None, now_ms=NOW_MS) is None
