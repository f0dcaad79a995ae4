"""Several price books as one list."""

from sluice_operator.compiler.pricelist import Offers, merged
from sluice_operator.inventory import ObjectName
from sluice_operator.resources import Prices
from sluice_operator.resources.pricebook import Listed

A, B = ObjectName("sluice", "a"), ObjectName("sluice", "b")


def prices(input_: str) -> Prices:
    """Some prices."""
    return Prices.model_validate({"inputPerMillion": input_, "outputPerMillion": "1"})


def source(offers: Offers, name: str) -> str | None:
    """Who prices *name*."""
    offer = offers.for_name(name)
    return None if offer is None else offer.source


def test_books_add_up_in_the_order_of_their_names() -> None:
    """What one book does not price another may; what both price the first one does, and the other is told."""
    books = {
        B: (Listed("OpenAI", "gpt-*", prices("2")), Listed("OpenAI", "o*", prices("3"))),
        A: (Listed("OpenAI", "gpt-*", prices("1")),),
    }
    found, conflicts = merged(books)
    offers = found.for_type("OpenAI")

    assert (source(offers, "gpt-5"), source(offers, "o3")) == ("price book sluice/a", "price book sluice/b")
    assert [(each.book, each.message) for each in conflicts] == [
        (B, "(OpenAI, gpt-*): sluice/a has other prices and comes first")
    ]


def test_books_that_agree_do_not_conflict() -> None:
    """The same prices in two books are no contradiction."""
    assert merged({A: (Listed("*", "m", prices("1")),), B: (Listed("*", "m", prices("1")),)})[1] == ()


def test_entry_that_names_the_provider_goes_over_one_for_all() -> None:
    """For one pattern, the entry for the type holds for accounts of that type, the other for everybody else."""
    found, conflicts = merged({A: (Listed("*", "m", prices("1")), Listed("Groq", "m", prices("2")))})
    groq, other = found.for_type("Groq").for_name("m"), found.for_type("OpenAI").for_name("m")

    assert groq is not None
    assert other is not None
    assert (groq.prices, other.prices) == (prices("2"), prices("1"))
    assert conflicts == ()


def test_name_goes_over_the_longest_pattern_and_that_over_shorter_ones() -> None:
    """Whichever comes first in the book, the entry that says most about a name holds."""
    entries = tuple(
        Listed("*", model, prices(str(n))) for n, model in enumerate(("*", "gpt-5*", "gpt-*", "gpt-5-mini"))
    )
    offers = merged({A: entries})[0].for_type("OpenAI")
    found = [offers.for_name(name) for name in ("x", "gpt-5-nano", "gpt-4", "gpt-5-mini")]

    assert [each.prices for each in found if each] == [prices("0"), prices("1"), prices("2"), prices("3")]


def test_no_book_prices_nothing() -> None:
    """Without books nothing is priced, and nothing is said."""
    found, conflicts = merged({})

    assert found.for_type("OpenAI").for_name("m") is None
    assert conflicts == ()
