"""The money protocol under every fault, a thousand times: what is simulated is in docs/promises.md."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simulator.run import Pool, describe, running_pool
from simulator.server import running_clockwork, simulated
from simulator.world import Outcome, simulate
from sluice_dataplane.limits.scripts import Scripts

SEEDS = int(os.environ.get("SLUICE_SIMULATOR_SEEDS", "1024"))
CHUNKS = 8
KEPT = [
    int(line.split()[0])
    for line in Path(__file__).with_name("seeds.txt").read_text().splitlines()
    if line[:1].isdigit()
]

# What a thousand seeds must have met, about half of what they meet: a simulator that no longer hurts proves nothing.
AT_LEAST_IN_1000 = {
    "admissions": 25_000,
    "offline admissions, Lease": 3_000,
    "offline admissions, Open": 1_000,
    "kills": 3_500,
    "torn lines": 500,
    "disk losses": 500,
    "pauses": 1_000,
    "partitions": 3_000,
    "absences": 1_500,
    "restarts": 400,
    "rewinds": 800,
    "wipes": 150,
    "flushes": 200,
    "restore": 80,
    "spoilt accounts": 200,
    "rollovers": 900,
    "lost": 5_000,
    "lost replies": 6_000,
    "late arrivals": 2_500,
    "twice": 5_000,
    "refused charge": 2_500,
    "refused slot": 500,
    "reserve fenced": 2_000,
    "reserve settled": 200,
}


class Ran:
    """What the chunks of this run came to."""

    def __init__(self) -> None:
        self.seeds = 0
        self.tally: Counter[str] = Counter()

    def take(self, outcomes: Iterator[Outcome]) -> list[str]:
        """Count *outcomes* in; what is wrong with any."""
        failed = []
        for outcome in outcomes:
            self.seeds += 1
            self.tally.update(outcome.tally)
            if outcome.violations:
                failed.append(describe(outcome))
        return failed


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Processes to run seeds in."""
    with running_pool() as running:
        yield running


@pytest.fixture(scope="module")
def ran() -> Ran:
    """One for all tests here."""
    return Ran()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_fault_makes_money_wrong(pool: Pool, ran: Ran, chunk: int) -> None:
    """Whatever is killed, lost, doubled, late, rewound or wiped: no Budget is overspent, each call is billed once."""
    failed = ran.take(pool.run(range(SEEDS * chunk // CHUNKS, SEEDS * (chunk + 1) // CHUNKS)))

    assert not failed, "\n".join(failed)


def test_what_failed_once_does_not_fail_again(pool: Pool, ran: Ran) -> None:
    """The seeds that found a defect are run for ever."""
    failed = ran.take(pool.run(KEPT))

    assert not failed, "\n".join(failed)


def test_the_simulation_hurts(ran: Ran, figure: Callable[[str, object], None]) -> None:
    """Every kind of fault struck, often enough that its absence would be noticed."""
    for name, count in sorted(ran.tally.items()):
        if name in AT_LEAST_IN_1000:
            figure(f"{name} in {ran.seeds} seeds", count)
    wanted = {name: count * ran.seeds // 1000 for name, count in AT_LEAST_IN_1000.items()}

    assert {name: (ran.tally[name], count) for name, count in wanted.items() if ran.tally[name] < count} == {}


def test_a_seed_is_the_same_each_time() -> None:
    """What one seed did can be seen again, step by step."""
    traces: list[list[str]] = [[], []]
    with running_clockwork() as clockwork:
        for trace in traces:
            simulate(3, clockwork, simulated(Scripts.load()), tell=trace.append)

    assert len(traces[0]) > 100
    assert traces[0] == traces[1]
