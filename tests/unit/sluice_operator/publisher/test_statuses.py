"""What is to be said of each object, as things become known."""

from dataclasses import replace

import pytest

from sluice_operator.publisher.conditions import Condition, Facts
from sluice_operator.publisher.revisions import Revisions
from sluice_operator.publisher.statuses import Statuses
from sluice_operator.verdicts import Finding, ResourceRef, Verdict

NOTHING_WITHHELD: frozenset[str] = frozenset()


def verdict(uid: str = "u1", *, generation: int = 1, served: bool = True) -> Verdict:
    """A verdict about a Budget."""
    ref = ResourceRef("Budget", "team", uid, uid, generation)
    return Verdict(ref, (Finding("Accepted", True, "Accepted", "m"),), served)


@pytest.fixture
def revisions() -> Revisions:
    """One replica, one publication it serves."""
    revisions = Revisions()
    revisions.replicas(frozenset({"a"}))
    revisions.published("r1", 0)
    revisions.served("a", "r1", 10)
    return revisions


@pytest.fixture
def statuses(revisions: Revisions) -> Statuses:
    """One object, in the first publication."""
    statuses = Statuses(revisions)
    judge(statuses, verdict())
    return statuses


def judge(
    statuses: Statuses, *verdicts: Verdict, sequence: int | None = 1, withheld: frozenset[str] = NOTHING_WITHHELD
) -> list[str]:
    """Judge these and no others."""
    return statuses.judge(verdicts, sequence=sequence, refused=None, withheld=withheld)


def programmed(statuses: Statuses, uid: str = "u1") -> tuple[str, str]:
    """Status and message of Programmed."""
    composed = statuses.compose(uid, {})
    assert composed is not None
    found = next(condition for condition in composed[1].conditions if condition.type == "Programmed")
    return found.status, found.message


def test_the_same_verdict_again_is_no_news(statuses: Statuses) -> None:
    """Compiling again without a difference touches no status; another generation does."""
    assert judge(statuses, verdict()) == []
    assert judge(statuses, verdict(generation=2)) == ["u1"]


def test_an_unchanged_object_stays_in_the_publication_it_came_with(revisions: Revisions, statuses: Statuses) -> None:
    """A later publication, about others, does not make an object unprogrammed."""
    revisions.published("r2", 1000)
    judge(statuses, verdict(), verdict("u2"), sequence=2)

    assert programmed(statuses)[0] == "True"
    assert programmed(statuses, "u2")[0] == "False"


def test_a_changed_object_is_programmed_with_its_own_publication(revisions: Revisions, statuses: Statuses) -> None:
    """A new generation, or being served at last, counts from the publication that has it."""
    revisions.published("r2", 1000)
    judge(statuses, verdict(generation=2), sequence=2)
    before = programmed(statuses)
    revisions.served("a", "r2", 1100)

    assert before == ("False", "0/1 at r2")
    assert programmed(statuses) == ("True", "1/1 at r2 in 100 ms")


def test_what_could_not_be_published_is_not_programmed(statuses: Statuses) -> None:
    """A new generation that is in no publication is told as such; it counts from the first one that has it."""
    judge(statuses, verdict(generation=2), sequence=None)
    before = programmed(statuses)
    touched = judge(statuses, verdict(generation=2), sequence=1)

    assert before[0] == "False"
    assert touched == ["u1"]
    assert programmed(statuses)[0] == "True"


def test_who_has_no_verdict_is_gone(statuses: Statuses) -> None:
    """An object without a verdict has no status any more."""
    judge(statuses, verdict("u2"))

    assert statuses.compose("u1", {}) is None
    assert statuses.ref("u1") is None
    assert statuses.note("u1", "spend", Facts({"spent": "1"})) is False


def test_nothing_is_said_of_what_is_withheld(statuses: Statuses) -> None:
    """An object whose Secret is just being made keeps what is said of it, and a new one has no status yet."""
    touched = judge(
        statuses, replace(verdict(), served=False), verdict("u2", served=False), withheld=frozenset({"u1", "u2"})
    )

    assert touched == []
    assert programmed(statuses)[0] == "True"
    assert statuses.compose("u2", {}) is None


def test_facts_are_news_when_they_differ(statuses: Statuses) -> None:
    """The same figures twice are one status; they survive further compilations."""
    facts = Facts({"spent": "1"}, (Condition("Fresh", "True", "Read", "m"),))

    assert statuses.note("u1", "spend", facts) is True
    assert statuses.note("u1", "spend", facts) is False
    judge(statuses, verdict(generation=2))
    composed = statuses.compose("u1", {})
    assert composed is not None
    assert composed[1].fields["spent"] == "1"


def test_replicas_that_come_up_to_date_are_told_of_once(revisions: Revisions, statuses: Statuses) -> None:
    """What became live is to be written soon, what only counts differently may wait, and the rest not at all."""
    programmed(statuses)
    assert statuses.reprogrammed() == ([], [])

    revisions.replicas(frozenset({"a", "b"}))
    lagging = statuses.reprogrammed()
    programmed(statuses)
    revisions.served("b", "r1", 500)
    live = statuses.reprogrammed()
    programmed(statuses)
    revisions.replicas(frozenset({"a"}))
    fewer = statuses.reprogrammed()

    assert (lagging, live, fewer) == ((["u1"], []), (["u1"], []), ([], ["u1"]))
