"""What is programmed, from what was published and what replicas answered."""

from sluice_operator.publisher.revisions import Programmed, Revisions


def published(*revisions: str, replicas: tuple[str, ...] = ("a", "b")) -> Revisions:
    """Revisions published one second apart from second 0 on, found by *replicas* that served nothing yet."""
    book = Revisions()
    book.replicas(frozenset(replicas))
    for second, revision in enumerate(revisions):
        book.published(revision, second * 1000)
    return book


def test_a_publication_is_programmed_when_every_replica_serves_it() -> None:
    """All replicas have to serve it; how long the last one took is remembered."""
    book = published("r1")
    book.served("a", "r1", 100)
    half = book.programmed(1)
    seconds = book.served("b", "r1", 420)

    assert (half.everywhere, str(half)) == (False, "1/2 at r1")
    assert seconds == [0.42]
    assert str(book.programmed(1)) == "2/2 at r1 in 420 ms"


def test_a_newer_revision_contains_the_older_ones() -> None:
    """A replica that went past a publication serves it too, and both are complete then."""
    book = published("r1", "r2")
    book.served("a", "r2", 1200)

    assert book.served("b", "r2", 1500) == [1.5, 0.5]
    assert book.programmed(1).everywhere


def test_an_older_revision_does_not_contain_the_newer_one() -> None:
    """A replica that lags does not count, nor does one that serves something unknown."""
    book = published("r1", "r2")
    book.served("a", "r1", 10)
    book.served("b", "unknown", 10)

    assert book.programmed(2).current == 0
    assert book.programmed(1).current == 1


def test_the_same_revision_again_is_no_new_publication() -> None:
    """Publishing what is in force changes nothing; coming back to an earlier content is a new publication."""
    book = published("r1")

    assert book.published("r1", 5000) == 1
    assert book.published("r2", 6000) == 2
    assert book.published("r1", 7000) == 3
    book.served("a", "r1", 7100)
    assert book.programmed(3).current == 1


def test_no_replica_is_not_everywhere() -> None:
    """Where nobody serves, nothing is programmed."""
    assert not published("r1", replicas=()).programmed(1).everywhere


def test_a_replica_that_goes_does_not_count() -> None:
    """Only replicas that are there count; that one is gone is told."""
    book = published("r1")
    book.served("a", "r1", 10)

    assert book.replicas(frozenset({"a"})) is True
    assert book.replicas(frozenset({"a", "c"})) is False
    assert (book.programmed(1).current, book.programmed(1).total) == (1, 2)
    assert book.served("b", "r1", 20) == []


def test_what_was_found_has_no_latency() -> None:
    """A revision that was there before us is programmed without a figure nobody measured."""
    book = Revisions()
    book.replicas(frozenset({"a"}))
    book.published("r1", None)

    assert book.served("a", "r1", 10) == []
    assert book.programmed(1) == Programmed(1, 1, "r1", None)


def test_old_publications_are_forgotten_unless_an_object_refers_to_them() -> None:
    """Memory is bounded by the objects there are, however long the operator runs."""
    book = published(*(f"r{number}" for number in range(2000)))
    book.forget_all_but(frozenset({1, 2}))

    assert book.programmed(1).revision == "r0"
    assert len(book._publications) == 2 + 512
    assert len(book._open) == 2 + 512


def test_counts_are_of_the_newest_revision() -> None:
    """How many replicas there are, and how many are up to date."""
    book = published("r1", "r2")
    book.served("a", "r2", 10)
    book.served("b", "r1", 10)

    assert book.counts() == {"ready": 2, "current": 1}
