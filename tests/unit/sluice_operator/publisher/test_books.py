"""Price books as last heard of."""

from typing import Any

from sluice_operator.cluster import Listing
from sluice_operator.inventory import ObjectName
from sluice_operator.publisher.books import Books
from sluice_operator.resources.pricebook import Listed, read_book

NAME = ObjectName("home", "b")
GOOD = '- {provider: OpenAI, model: m, pricing: {inputPerMillion: "1", outputPerMillion: "2"}}\n'
BETTER = GOOD.replace('"1"', '"3"')
BAD = GOOD + '- {provider: OpenAI, model: n, pricing: {inputPerMillion: "1"}}\n'


def config_map(
    text: str | None, version: int, *, namespace: str = "home", labels: dict[str, str] | None = None
) -> dict[str, Any]:
    """A ConfigMap with *text* as its prices."""
    labels = {"sluice.dev/price-book": "true"} if labels is None else labels
    metadata = {"name": "b", "namespace": namespace, "uid": "u", "resourceVersion": str(version), "labels": labels}
    return {"metadata": metadata, **({} if text is None else {"data": {"prices.yaml": text}})}


def read(books: Books) -> Books:
    """*books* after everything unread was read."""
    for name, version, text in books.unread():
        books.took(name, version, read_book(text))
    return books


def heard(*texts: str | None) -> Books:
    """One book with these contents, one after the other, each read."""
    books = Books(namespace="home")
    for version, text in enumerate(texts, start=1):
        books.hear(config_map(text, version))
        read(books)
    return books


def inputs(books: Books) -> list[tuple[str, str | None]]:
    """What is in force: model and input price."""
    return [
        (each.model, each.prices.input_per_million if each.prices else None)
        for listed in books.listed().values()
        for each in listed
    ]


def test_a_labelled_config_map_at_home_is_a_book() -> None:
    """Nothing else is: neither one of another namespace nor one that does not say so."""
    books = Books(namespace="home")

    assert not books.hear(config_map(GOOD, 1, namespace="team")).dirty
    assert not books.hear(config_map(GOOD, 2, labels={})).dirty
    assert not books.hear(config_map(GOOD, 3, labels={"sluice.dev/price-book": "false"})).dirty
    assert books.hear(config_map(GOOD, 4)).dirty
    assert inputs(read(books)) == [("m", "1")]


def test_a_bad_book_leaves_the_last_good_content() -> None:
    """A broken edit changes no price, and is told with the entry that is broken; mending it takes effect."""
    books = heard(GOOD, BAD)
    (trouble,) = books.troubles()

    assert inputs(books) == [("m", "1")]
    assert (trouble.name, trouble.problems[0].split(":")[0]) == (NAME, "entry 2 (OpenAI, n)")
    assert inputs(heard(GOOD, BAD, BETTER)) == [("m", "3")]
    assert heard(GOOD, BAD, BETTER).troubles() == []


def test_a_book_that_lost_its_entry_leaves_the_last_good_content() -> None:
    """An empty ConfigMap is a mistake, not a wish to have no prices."""
    books = heard(GOOD, None)

    assert inputs(books) == [("m", "1")]
    assert len(books.troubles()) == 1


def test_a_book_that_was_never_good_counts_as_far_as_it_can_be_read() -> None:
    """After a restart there is no last good: good entries hold, and what the bad ones are for has no price."""
    assert inputs(heard(BAD)) == [("m", "1"), ("n", None)]
    assert inputs(heard(BAD, GOOD, BAD)) == [("m", "1")]


def test_a_book_that_goes_or_loses_its_label_is_none() -> None:
    """To take a book away is to take its prices away, at once; an older word does not bring it back."""
    gone, unlabelled = heard(GOOD), heard(GOOD)

    assert gone.hear(config_map(GOOD, 5), deleted=True).urgent
    assert unlabelled.hear(config_map(GOOD, 5, labels={})).urgent
    assert not gone.hear(config_map(GOOD, 4)).dirty
    assert not gone.listed()
    assert not unlabelled.listed()


def test_an_older_word_and_the_same_again_change_nothing() -> None:
    """Events may come late and twice."""
    books = heard(GOOD, BETTER)

    assert not books.hear(config_map(GOOD, 1)).dirty
    assert not books.hear(config_map(BETTER, 9)).dirty
    assert books.unread() == []


def test_what_was_read_of_an_older_version_does_not_count() -> None:
    """A book that changed while it was read is read again."""
    books = Books(namespace="home")
    books.hear(config_map(GOOD, 1))
    ((name, version, text),) = books.unread()
    books.hear(config_map(BETTER, 2))
    books.took(name, version, read_book(text))

    assert books.listed() == {NAME: ()}
    assert inputs(read(books)) == [("m", "3")]


def test_a_list_drops_what_is_not_in_it() -> None:
    """What no event told of is found by the list, and nothing that old comes back."""
    books = heard(GOOD)

    assert books.replace(Listing(7, ())).dirty
    assert not books.listed()
    assert not books.hear(config_map(GOOD, 6)).dirty
    assert books.replace(Listing(9, (config_map(GOOD, 8),))).dirty
    assert books.listed().keys() == {NAME}


def test_entries_are_listed_as_the_compiler_takes_them() -> None:
    """What is in force is what was read."""
    assert heard(GOOD).listed()[NAME] == (Listed("OpenAI", "m", read_book(GOOD).listed[0].prices),)
