"""The simulator finds what it is for: deliberate defects, each of which an oracle catches."""

import pytest

from simulator.mutants import MUTANTS, applied
from simulator.run import running_pool
from simulator.world import Outcome

MOST_SEEDS = 300  # that a defect may hide from; the seeds that found it first come before


@pytest.fixture(scope="module")
def caught() -> dict[str, Outcome | None]:
    """A seed that caught each mutant."""
    with running_pool() as pool:
        return dict(zip(MUTANTS, pool.hunt(MUTANTS, MOST_SEEDS), strict=True))


@pytest.mark.parametrize("name", MUTANTS)
def test_a_defect_is_one(name: str) -> None:
    """What a defect changes is there, exactly once: code that moves must not leave a mutant without effect."""
    with applied(MUTANTS[name]) as scripts:
        assert scripts.all()


@pytest.mark.parametrize("name", MUTANTS)
def test_a_defect_is_caught(caught: dict[str, Outcome | None], name: str) -> None:
    """With one piece of the protocol broken, the oracle that watches over it says so, within MOST_SEEDS seeds."""
    assert caught[name] is not None, f"{name} survived {MOST_SEEDS} seeds; only {MUTANTS[name].caught_by} count"
